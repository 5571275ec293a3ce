"""A cluster to play with: the real node with the example fleet deployed, until Ctrl-C.

`nox -s playground`, or as root `python -m tests.rigs.playground`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import yaml

from tests.rigs import Unavailable, images
from tests.rigs.cli import Cli, make_fleet
from tests.rigs.node import Node

EXAMPLE = Path(__file__).parents[2] / "users"
NAMESPACE = "workspaces"


def main() -> int:
    """Run the playground; returns the exit code."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)
    try:
        node = Node(images=[images.workspace()])
    except Unavailable as reason:
        print(f"playground: {reason}", file=sys.stderr)
        return 1
    try:
        with node:
            _play(node)
    except KeyboardInterrupt:
        print("playground: everything is stopped and removed", file=sys.stderr)
    return 0


def _play(node: Node) -> None:
    cli = Cli({"KUBECONFIG": str(node.plane.kubeconfig)}, node.directory)
    fleet = example_fleet(cli, node.directory / "fleet")
    cli = cli.in_fleet(fleet)
    subprocess.run(cli.command("deploy", "--all"), env=cli.process_environment(), stdout=sys.stderr, check=False)
    for name, value in cli.environment.items():
        print(f"export {name}={value}")
    print("# in another shell, with the lines above: kubecoder status; kubecoder shell imran", flush=True)
    print("playground: up until Ctrl-C", file=sys.stderr)
    while True:
        signal.pause()


def example_fleet(cli: Cli, directory: Path) -> Path:
    """Make a fleet of the repository's example users, with secrets, image and sizes that this machine has."""
    make_fleet(cli, directory, 0, namespace=NAMESPACE, defaults=images.workspace_defaults())
    for file in EXAMPLE.glob("[!_]*.yaml"):
        user = yaml.safe_load(file.read_text())
        user.pop("resources", None)
        (directory / "users" / file.name).write_text(yaml.safe_dump(user, sort_keys=False))
    return directory


if __name__ == "__main__":
    sys.exit(main())
