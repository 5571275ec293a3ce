"""A deploy that is killed at any request leaves nothing that the next deploy can't finish.

SIGKILL hits a run before and after every request that it makes, once while it creates everything and once while it
changes an object, prunes another and leaves the rest. Then one more deploy must end where a deploy that nobody killed
ends: no orphan, no duplicate, nothing made anew, nothing gone that should stay, no lock to break, and a history that
says `interrupted`.
"""

from __future__ import annotations

import itertools
import queue
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from tests.cluster.kill_scene import Kill, Scene, check_rerun, foreign_config_map
from tests.cluster.live_fleet import CLAUDE_KEY
from tests.rigs.cli import Cli, make_fleet
from tests.rigs.control_plane import ControlPlane
from tests.rigs.fault_proxy import Seen
from tests.rigs.forking import ForkServer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.releases.record import Release

Releases: TypeAlias = "dict[str, Release]"
Content: TypeAlias = dict[str, Any]

AT_A_TIME = 2
_numbers = itertools.count(1)


class Rig:
    """Fork servers, and scenes on one API server."""

    def __init__(
        self, plane: ControlPlane, cluster: Cluster, template: Path, directory: Path, stack: ExitStack
    ) -> None:
        self.plane, self.cluster, self.template, self.directory, self.stack = plane, cluster, template, directory, stack
        self.servers: queue.SimpleQueue[ForkServer] = queue.SimpleQueue()
        for _ in range(AT_A_TIME):
            self.servers.put(stack.enter_context(ForkServer()))

    def scene(self, server: ForkServer) -> Scene:
        """Make a fleet that was never deployed, with its namespace still to be made."""
        name = f"kill-{next(_numbers)}"
        folder = self.directory / f"{name}-files"
        folder.mkdir()
        return Scene(self.plane, self.cluster, server, self.template, folder / name)

    def each(self, act: Callable[[ForkServer, Sequence[Kill]], None], kills: Sequence[Kill]) -> None:
        """Share the kills out to the fork servers, and raise the first failure."""

        def work(part: Sequence[Kill]) -> None:
            server = self.servers.get()
            try:
                act(server, part)
            finally:
                self.servers.put(server)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(work, [kills[index::AT_A_TIME] for index in range(AT_A_TIME)]))

    def run(self, act: Callable[[ForkServer], Any]) -> Any:
        """Do something with one fork server."""
        server = self.servers.get()
        try:
            return act(server)
        finally:
            self.servers.put(server)


@pytest.fixture
def make_rig(
    control_plane: ControlPlane, cluster: Cluster, kubecoder_cli: Cli, tmp_path: Path
) -> Iterator[Callable[[Sequence[str]], Rig]]:
    with ExitStack() as stack:

        def make(users: Sequence[str]) -> Rig:
            template = make_fleet(kubecoder_cli, tmp_path / "template", users, namespace="template")
            change(template, users, is_changed=False)
            return Rig(control_plane, cluster, template, tmp_path, stack)

        yield make


def change(fleet: Path, users: Iterable[str], *, is_changed: bool) -> None:
    """Write the fleet's first state, or the second: another image, a policy of the same shape, one Secret less."""
    for name in users:
        file, key = fleet / "users" / f"{name}.yaml", fleet / "secrets" / name / "claude.yaml"
        number = 2 if is_changed else 1
        lines = [line for line in file.read_text().splitlines() if not line.startswith(("image:", "networkPolicy:"))]
        lines.append(f"image: {{tag: '{number}.0'}}")
        lines.append(f"networkPolicy: {{denyEgressCIDRs: [203.0.{number}.0/24]}}")
        file.write_text("\n".join(lines) + "\n")
        key.parent.mkdir(mode=0o700, exist_ok=True)
        key.unlink(missing_ok=True)
        if not is_changed:
            key.touch(mode=0o600)
            key.write_text(f"claude:\n  apiKey: {CLAUDE_KEY}\n")


def kills_of(seen: Sequence[Seen], *, every: bool) -> list[Kill]:
    """Before and after each request; a kill before a read finds what the kill after the request before it found."""
    kills = [Kill(item.number, after) for item in seen for after in (False, True)]
    reads = {item.number for item in seen if not item.writes and item.number > 1}
    return [kill for kill in kills if every or kill.after or kill.number not in reads]


def until_a_trace(scene: Scene, kills: deque[Kill]) -> Kill:
    """Kill deploys until one has sent something that can change the cluster; those before left it as it was."""
    while True:
        kill = kills.popleft()
        assert scene.deploy(kill).wait() == -signal.SIGKILL, f"not killed {kill}"
        if not kills or any(item.writes and item.forwarded for item in scene.proxy.seen):
            return kill


def check_after(scene: Scene, kill: Kill, known: Releases, intended: Content) -> None:
    """Run a killed deploy again and check everything; a third run finds nothing to do."""
    killed = scene.releases()
    again = scene.deploy()
    assert again.wait() == 0, f"killed {kill}: {again.output.read_text()}"
    rerun = again.output.read_text()
    try:
        check_rerun(scene, killed, known, intended)
        assert scene.deploy().wait() == 0
        assert [item for item in scene.proxy.seen if item.writes] == []
    except AssertionError as error:
        raise AssertionError(f"killed {kill}\n{error}\nrerun:\n{rerun}") from error


def create(rig: Rig, *, every: bool) -> int:
    """Kill deploys that create everything, each in a namespace of its own."""

    def reference(server: ForkServer) -> tuple[list[Seen], Content]:
        scene = rig.scene(server)
        with scene.proxy:
            assert scene.deploy().wait() == 0
            return list(scene.proxy.seen), scene.content()

    seen, intended = rig.run(reference)

    def act(server: ForkServer, part: Sequence[Kill]) -> None:
        left = deque(part)
        while left:
            scene = rig.scene(server)
            with scene.proxy:
                kill = until_a_trace(scene, left)
                check_after(scene, kill, {}, intended)

    kills = kills_of(seen, every=every)
    rig.each(act, kills)
    return len(kills)


def change_and_prune(rig: Rig, *, every: bool) -> int:
    """Kill deploys that change, prune and leave objects, going there and back in one namespace for each server."""

    def reference(server: ForkServer) -> list[Seen]:
        scene = rig.scene(server)
        with scene.proxy:
            assert scene.deploy().wait() == 0
            turn(scene, is_changed=True)
            assert scene.deploy().wait() == 0
            return list(scene.proxy.seen)

    kills = kills_of(rig.run(reference), every=every)

    def act(server: ForkServer, part: Sequence[Kill]) -> None:
        scene = rig.scene(server)
        with scene.proxy:
            assert scene.deploy().wait() == 0
            foreign = foreign_config_map(scene)
            first = scene.content()
            turn(scene, is_changed=True)
            assert scene.deploy().wait() == 0
            intended = scene.content()
            assert first.keys() - intended.keys() == {f"Secret/ws-{name}-claude" for name in scene.users}
            kept = uids(scene)
            left = deque(part)
            while left:
                turn(scene, is_changed=False)
                assert scene.deploy().wait() == 0
                turn(scene, is_changed=True)
                known = scene.releases()
                check_after(scene, until_a_trace(scene, left), known, intended)
                assert uids(scene) == kept
            assert scene.cluster.get(foreign)["data"] == {"keep": "me"}

    rig.each(act, kills)
    return len(kills)


def change_of_mind(rig: Rig) -> int:
    """Kill deploys that make a new object, and then deploy what was there before: the new object must go again."""

    def reference(server: ForkServer) -> list[Seen]:
        scene = rig.scene(server)
        turn(scene, is_changed=True)
        with scene.proxy:
            assert scene.deploy().wait() == 0
            turn(scene, is_changed=False)
            assert scene.deploy().wait() == 0
            return list(scene.proxy.seen)

    seen = rig.run(reference)
    writes = {item.number for item in seen if item.writes}
    kills = [kill for kill in kills_of(seen, every=False) if kill.number in writes]

    def act(server: ForkServer, part: Sequence[Kill]) -> None:
        scene = rig.scene(server)
        turn(scene, is_changed=True)
        with scene.proxy:
            assert scene.deploy().wait() == 0
            intended = scene.content()
            for kill in part:
                known = scene.releases()
                turn(scene, is_changed=False)
                assert scene.deploy(kill).wait() == -signal.SIGKILL, f"not killed {kill}"
                turn(scene, is_changed=True)
                check_after(scene, kill, known, intended)

    rig.each(act, kills)
    return len(kills)


def turn(scene: Scene, *, is_changed: bool) -> None:
    """Write the scene's first state, or the second."""
    change(scene.directory, scene.users, is_changed=is_changed)


def uids(scene: Scene) -> dict[str, str]:
    return {name: live["metadata"]["uid"] for name, live in scene.objects().items()}


def test_every_kill_of_a_create_of_one_workspace(make_rig: Callable[[Sequence[str]], Rig]) -> None:
    assert create(make_rig(["john"]), every=False) > 40


def test_every_kill_of_a_change_with_a_pruned_object(make_rig: Callable[[Sequence[str]], Rig]) -> None:
    assert change_and_prune(make_rig(["john"]), every=False) > 15


def test_every_kill_before_a_change_of_mind(make_rig: Callable[[Sequence[str]], Rig]) -> None:
    assert change_of_mind(make_rig(["john"])) > 6


def test_history_says_interrupted(make_rig: Callable[[Sequence[str]], Rig], kubecoder_cli: Cli) -> None:
    rig = make_rig(["john"])
    scene = rig.run(rig.scene)
    with scene.proxy:
        assert scene.deploy().wait() == 0
        turn(scene, is_changed=True)
        assert scene.deploy().wait() == 0
        changing = [item.number for item in scene.proxy.seen if item.writes]
        turn(scene, is_changed=False)
        assert scene.deploy(Kill(changing[1], after=True)).wait() == -9
        assert scene.deploy().wait() == 0
    history = kubecoder_cli.in_fleet(scene.directory)("history", "john").expect().stdout
    assert [line.split()[1] for line in history.splitlines()] == [
        "OUTCOME",
        "applied",
        "applied",
        "interrupted",
        "applied",
    ]


@pytest.mark.soak
def test_every_kill_of_a_create_of_three_workspaces(make_rig: Callable[[Sequence[str]], Rig]) -> None:
    count = create(make_rig(["john", "jane", "imran"]), every=True)
    print(f"{count} kills of a create of three workspaces")
    assert count > 100


@pytest.mark.soak
def test_every_kill_of_a_change_of_three_workspaces(make_rig: Callable[[Sequence[str]], Rig]) -> None:
    count = change_and_prune(make_rig(["john", "jane", "imran"]), every=True)
    print(f"{count} kills of a change of three workspaces")
    assert count > 50
