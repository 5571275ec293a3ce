"""The fleets that all engines deploy, and the same objects as plain manifests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from kubecoder import fleet as fleets
from kubecoder import render
from kubecoder.models.manifest import Manifest
from tests.rigs.cli import Cli, make_fleet, override_defaults

FIRST_TAG, SECOND_TAG = "0.1.0", "0.1.1"


@dataclass(frozen=True)
class Workload:
    """One fleet in one namespace."""

    directory: Path
    namespace: str

    def set_tag(self, tag: str) -> None:
        """Change the image tag of all users by one line of `_defaults.yaml`."""
        override_defaults(self.directory, {"image": {"tag": tag}})

    def manifests(self) -> dict[str, tuple[Manifest, ...]]:
        """Render every workspace, in this process."""
        fleet = fleets.load(self.directory)
        return {item.name: render.workspace(fleet, item).manifests for item in fleet.workspaces}


def make(cli: Cli, directory: Path, count: int, namespace: str) -> Workload:
    """Make a fleet of `count` users; only the first is added by the command, the rest are copies of its file."""
    make_fleet(cli, directory, ["u0"], namespace=namespace, defaults={"image": {"tag": FIRST_TAG}})
    first = yaml.safe_load((directory / "users" / "u0.yaml").read_text())
    for number in range(1, count):
        name = f"u{number}"
        user = {**first["user"], "name": name, "host": f"{name}.dev.example.com"}
        values = {**first, "user": user, "oauth2": {"githubUsers": [f"{name}-gh"]}}
        (directory / "users" / f"{name}.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    own_secrets = directory / "secrets" / "u0"
    for number in range(1, count):
        copy = directory / "secrets" / f"u{number}"
        for file in sorted(own_secrets.glob("*.yaml")) if own_secrets.exists() else ():
            copy.mkdir(mode=0o700, exist_ok=True)
            target = copy / file.name
            target.touch(mode=0o600)
            target.write_text(file.read_text())
    return Workload(directory, namespace)
