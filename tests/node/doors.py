"""Doors whose GitHub is a stand-in on this machine."""

from __future__ import annotations

from pathlib import Path

import manifests
from tests.rigs.github import GithubServer

TEMPLATE = Path(manifests.__file__).parent / "workspace" / "configmap-door.yaml.j2"


def lead_to(github: GithubServer, fleet: Path) -> None:
    """Have the doors of a fleet sign people in at a stand-in, by a template of the fleet's own."""
    own = fleet / "manifests" / "workspace" / TEMPLATE.name
    own.parent.mkdir(parents=True)
    addresses = "".join(f"\n        {key}: {value}" for key, value in github.provider().items())
    own.write_text(TEMPLATE.read_text().replace("provider: github", f"provider: github{addresses}"))
