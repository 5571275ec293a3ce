"""A small valid fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.fleets import FleetFolder


@pytest.fixture
def folder(tmp_path: Path) -> FleetFolder:
    return FleetFolder(tmp_path / "fleet")
