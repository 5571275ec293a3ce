"""The command hook as Claude runs it, and the hook listener: each a real process on a real socket."""

from __future__ import annotations

import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.hooks import commands
from tests.agent.hook_listener import KEY
from tests.agent.hooking import ALLOW, SECONDS, HookRig, request
from tests.rigs.processes import ProcessSet, start_time
from tests.rigs.waiting import wait_until


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[HookRig]:
    with ProcessSet(tmp_path / "logs") as processes:
        rig = HookRig(tmp_path, processes)
        try:
            yield rig
        finally:
            rig.end()


@pytest.fixture
def up(rig: HookRig) -> HookRig:
    rig.start()
    return rig


def ended(hook: subprocess.Popen[bytes], seconds: float = SECONDS) -> bytes:
    """Wait for the end of a hook that must be quiet, and return what it printed for Claude."""
    output, errors = hook.communicate(timeout=seconds)
    assert (hook.returncode, errors) == (0, b"")
    return output


def test_it_prints_exactly_the_decision(up: HookRig) -> None:
    hook = up.hook(request())
    (asked,) = up.wait_seen("permission")
    assert up.answer(asked["request_id"]) == "unconfirmed"
    assert json.loads(ended(hook)) == ALLOW


def test_it_comes_again_under_the_same_id_after_a_kill_of_the_agent(up: HookRig) -> None:
    hook = up.hook(request())
    (first,) = up.wait_seen("permission")
    for _ in range(3):
        up.kill()
        assert hook.poll() is None
        up.start()
        (again,) = up.wait_seen("permission")
        assert again["request_id"] == first["request_id"]
    up.answer(first["request_id"], "deny")
    assert json.loads(ended(hook))["hookSpecificOutput"]["decision"] == {"behavior": "deny"}


def test_an_orderly_end_of_the_agent_loses_no_request_either(up: HookRig) -> None:
    hook = up.hook(request())
    (first,) = up.wait_seen("permission")
    up.kill(signal.SIGTERM)
    assert hook.poll() is None
    assert up.listener is not None
    assert "Traceback" not in up.listener.log.read_text()
    up.start()
    up.wait_seen("permission")
    up.answer(first["request_id"])
    assert json.loads(ended(hook)) == ALLOW


def test_an_answer_given_before_the_hook_is_back_reaches_it(up: HookRig) -> None:
    hook = up.hook(request())
    (first,) = up.wait_seen("permission")
    hook.send_signal(signal.SIGSTOP)
    up.kill()
    up.start()
    assert up.answer(first["request_id"], "deny") == "unconfirmed"
    assert up.answer(first["request_id"], "allow") == "already_answered"
    up.kill()
    up.start()
    assert up.answer(first["request_id"], "allow") == "already_answered"
    hook.send_signal(signal.SIGCONT)
    assert json.loads(ended(hook))["hookSpecificOutput"]["decision"] == {"behavior": "deny"}


def test_it_waits_for_an_agent_that_is_down_from_the_beginning(rig: HookRig) -> None:
    hook = rig.hook(request())
    with pytest.raises(subprocess.TimeoutExpired):
        hook.wait(1.5)
    rig.start()
    (asked,) = rig.wait_seen("permission")
    rig.answer(asked["request_id"])
    assert json.loads(ended(hook)) == ALLOW


def test_claude_ends_it_by_sigterm_and_the_agent_hears_of_it(up: HookRig) -> None:
    hook = up.hook(request())
    (asked,) = up.wait_seen("permission")
    began = time.monotonic()
    hook.send_signal(signal.SIGTERM)
    assert ended(hook) == b""
    took = time.monotonic() - began
    (withdrawn,) = up.wait_seen("withdrawn")
    assert withdrawn["request_id"] == asked["request_id"]
    assert took < 2
    up.wait_seen("left")


@pytest.mark.parametrize("state", ["down", "stuck"])
def test_sigterm_is_obeyed_when_the_agent_does_not_answer(up: HookRig, state: str) -> None:
    hook = up.hook(request())
    up.wait_seen("permission")
    assert up.listener is not None
    if state == "down":
        up.kill()
    else:
        up.listener.popen.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    hook.send_signal(signal.SIGTERM)
    try:
        assert ended(hook) == b""
        assert time.monotonic() - began < 2
    finally:
        up.listener.popen.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("agent", ["up", "down"])
@pytest.mark.parametrize("shell", [False, True], ids=["child", "behind a shell"])
def test_it_ends_when_claude_is_gone(up: HookRig, agent: str, shell: bool) -> None:
    argv = up.command()
    if shell:
        # The compound command keeps the shell from becoming the hook itself.
        argv = ["/bin/sh", "-c", '"$@"; true', "sh", *argv]
    program = (
        "import subprocess, sys\n"
        "hook = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "hook.stdin.write(sys.stdin.buffer.read()); hook.stdin.close()\n"
        "print(hook.pid, flush=True); hook.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as claude:
        assert claude.stdin is not None
        assert claude.stdout is not None
        claude.stdin.write(request())
        claude.stdin.close()
        pid = int(claude.stdout.readline())
        up.wait_seen("permission")
        hooks = children(pid) if shell else [pid]
        if agent == "down":
            up.kill()
        claude.kill()
    wait_until(lambda: all(start_time(each) is None for each in hooks), what="the hook ends", seconds=10, every=0.02)
    if agent == "up":
        up.wait_seen("withdrawn")


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_connection_that_its_hook_left_is_not_waited_on(up: HookRig) -> None:
    hook = up.hook(request())
    up.wait_seen("permission")
    hook.kill()
    up.wait_seen("left")


def test_a_session_that_is_over_ends_it_without_a_word(up: HookRig) -> None:
    assert ended(up.hook(request(), key="f" * 32)) == b""


@pytest.mark.parametrize("megabytes", [1, 8])
def test_a_large_input_arrives_whole(up: HookRig, megabytes: int) -> None:
    payload = request(content="é" * (megabytes * 500_000))
    hook = up.hook(payload)
    (asked,) = up.wait_seen("permission")
    assert asked["size"] == len(payload)
    up.answer(asked["request_id"])
    assert json.loads(ended(hook)) == ALLOW


def test_a_large_answer_arrives_whole(up: HookRig) -> None:
    payload = {"hook_event_name": "PermissionRequest", "tool_name": "ExitPlanMode", "tool_input": {"plan": "é" * 10**6}}
    hook = up.hook(json.dumps(payload).encode())
    (asked,) = up.wait_seen("permission")
    up.answer(asked["request_id"])
    decision = json.loads(ended(hook))["hookSpecificOutput"]["decision"]
    assert decision == {"behavior": "allow", "updatedInput": payload["tool_input"]}


def test_half_a_surrogate_pair_breaks_nothing(up: HookRig) -> None:
    hook = up.hook(request("echo \ud800 ok"))
    (asked,) = up.wait_seen("permission")
    assert up.answer(asked["request_id"]) == "unconfirmed"
    assert json.loads(ended(hook)) == ALLOW


def test_fifty_at_once_each_get_their_own_answer_through_a_restart(up: HookRig) -> None:
    hooks = [up.hook(request(f"command {number}")) for number in range(50)]
    ids = {asked["request_id"] for asked in up.wait_seen("permission", 50)}
    assert len(ids) == 50
    up.kill()
    up.start()
    assert {asked["request_id"] for asked in up.wait_seen("permission", 50)} == ids
    denied = set(sorted(ids)[:20])
    for request_id in ids:
        up.answer(request_id, "deny" if request_id in denied else "allow")
    behaviours = [json.loads(ended(hook))["hookSpecificOutput"]["decision"]["behavior"] for hook in hooks]
    assert sorted(behaviours) == ["allow"] * 30 + ["deny"] * 20


TORN = [
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Le",
    b"HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n" + json.dumps(ALLOW).encode()[:40],
    b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(ALLOW).encode()[:40],
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    b"garbage\r\n\r\n",
]


def test_an_answer_that_was_cut_is_asked_for_again_and_never_printed(rig: HookRig) -> None:
    body = json.dumps(ALLOW).encode()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    ids = []
    with socket.create_server(("127.0.0.1", rig.port)) as server:
        server.settimeout(SECONDS)
        hook = rig.hook(request())
        for answer in [*TORN, whole]:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(SECONDS)
                head = connection.recv(65536)
                ids.append(next(line for line in head.split(b"\r\n") if line.startswith(b"X-Request-Id")))
                connection.sendall(answer)
    assert json.loads(ended(hook)) == ALLOW
    assert len(set(ids)) == 1


def test_an_event_is_told_and_an_agent_that_is_down_is_not_waited_for(rig: HookRig) -> None:
    assert ended(rig.hook(b'{"hook_event_name": "SessionStart"}', "tell")) == b""
    rig.start()
    assert ended(rig.hook(b'{"hook_event_name": "SessionStart"}', "tell")) == b""
    (event,) = rig.wait_seen("event")
    assert event["payload"] == {"hook_event_name": "SessionStart"}


def test_it_is_quiet_without_the_file_of_its_address(rig: HookRig, tmp_path: Path) -> None:
    for command in (commands.wait(tmp_path / "missing"), commands.tell(tmp_path / "missing")):
        done = subprocess.run(command, input=b"{}", capture_output=True, check=False, timeout=SECONDS)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_it_starts_fast_and_nothing_secret_is_in_its_argv(up: HookRig, record_property: Any) -> None:
    def start(number: int) -> float:
        began = time.time()
        hook = up.hook(request(f"command {number}"))
        assert KEY.encode() not in Path(f"/proc/{hook.pid}/cmdline").read_bytes()
        return float(up.wait_seen("permission", number + 1)[-1]["at"]) - began

    took = sorted(start(number) for number in range(15))
    record_property("start_seconds", statistics.median(took))
    print(f"from the start of the hook to its arrival: median {statistics.median(took):.3f} s, least {took[0]:.3f} s")
    # Its own part; a busy machine takes as long as it takes.
    imported = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", *commands.wait(Path("/missing"))[3:]],
        input=b"",
        capture_output=True,
        check=True,
        timeout=SECONDS,
    ).stderr.decode()
    modules = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    assert not modules & {"socket", "signal", "enum", "json", "re", "http", "subprocess", "site"}
