from __future__ import annotations

import os
import sys

import pytest

from tests.rigs import Unavailable
from tests.rigs.node import requirements


def test_without_root_a_node_is_unavailable_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(Unavailable, match="sudo nox -s node"):
        requirements.require()


def test_without_linux_a_node_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(Unavailable, match="needs Linux"):
        requirements.require()


def test_without_apt_get_the_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "PACKAGES", {"/no/such/program": "conntrack"})
    monkeypatch.setenv("PATH", "")

    with pytest.raises(Unavailable, match="conntrack"):
        requirements.require()
