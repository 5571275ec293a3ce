"""Readiness where the home misbehaves; the real faults are in tests/agent."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import readiness, settings
from agent.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("admission.json", "admin-token"):
        (tmp_path / name).write_text(json.dumps({"users": ["alice"]}) if name.endswith("json") else "t" * 43)
    values = {
        "WORKSPACE": "alice",
        "ORIGIN": "https://alice.dev.test",
        "HOME": str(tmp_path),
        "SESSION_SOCKET": str(tmp_path / "agent.sock"),
        "ADMISSION_FILE": str(tmp_path / "admission.json"),
        "ADMIN_TOKEN_FILE": str(tmp_path / "admin-token"),
    }
    workspace = Workspace.from_settings(
        settings.load({f"{settings.PREFIX}{key}": value for key, value in values.items()})
    )
    workspace.tokens.ensure_user_token()
    return workspace


async def failing(workspace: Workspace) -> set[str]:
    """Probe with a session socket that answers."""
    path = workspace.settings.session_socket
    server = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), str(path))
    async with server:
        result = await workspace.prober.probe()
    assert result.ready == all(check.ok for check in result.checks)
    return {check.name for check in result.checks if not check.ok}


def test_everything_in_place_is_ready(workspace: Workspace) -> None:
    assert asyncio.run(failing(workspace)) == set()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, set()), (errno.EDQUOT, set()), (errno.EROFS, {"home"}), (errno.EIO, {"home"})],
    ids=["full", "over quota", "read-only", "broken"],
)
def test_a_full_disk_keeps_the_workspace_reachable_to_be_cleaned_up(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, number: int, expected: set[str]
) -> None:
    def fail(_path: Path, _content: bytes) -> int:
        raise OSError(number, "as the test wants it")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert asyncio.run(failing(workspace)) == expected


@pytest.fixture
def hanging_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    release = threading.Event()
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0)
    monkeypatch.setattr(readiness, "_home", lambda _directory: str(release.wait(30)))
    yield release
    release.set()


@pytest.mark.usefixtures("hanging_home")
def test_a_home_that_hangs_fails_its_checks_and_holds_nothing_else(workspace: Workspace) -> None:
    async def probe_thrice() -> list[set[str]]:
        return [await failing(workspace) for _attempt in range(3)]

    assert asyncio.run(probe_thrice()) == [{"home", "user-token"}] * 3


def test_askers_at_the_same_time_share_one_run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[Path] = []

    def home(directory: Path) -> str:
        runs.append(directory)
        return ""

    monkeypatch.setattr(readiness, "_home", home)

    async def many() -> None:
        await asyncio.gather(*(workspace.prober.probe() for _asker in range(20)))

    asyncio.run(many())
    assert len(runs) == 1
