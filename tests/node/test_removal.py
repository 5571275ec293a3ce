"""A person is taken off the list of a workspace that really runs, with everything open and a task at work."""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import pytest

from tests.node.model import script
from tests.node.pair import ALICE, BOB, Pair
from tests.node.test_tasks import task, wait_for
from tests.rigs.browser import Browser
from tests.rigs.cli import Cli
from tests.rigs.raw_http import connect
from tests.rigs.waiting import wait_until
from tests.rigs.websocket import opened

SECONDS_UNTIL_OUT = 10
# More than anything here takes; what hasn't ended until then wasn't cut.
SECONDS = 120
SIZE = json.dumps({"AuthToken": "", "columns": 120, "rows": 30}).encode()
SOCKETS = {
    "/oauth/terminal/ws": "tty",
    "/oauth/browser/websockify": "binary",
    f"/oauth/ide/?reconnectionToken={uuid4()}&reconnection=false&skipWebSocketFrames=false": "",
}
EVENTS = "/oauth/api/claude/events"
TICKING = "while [ ! -e ~/stop ]; do date +%s.%N >> ~/ticks; sleep 0.1; done"
LONGEST_GAP = 2.0


@pytest.fixture
def alices(pair: Pair) -> Cli:
    return pair.cli.with_environment(KUBECODER_USER="alice")


@pytest.fixture
def at_work(pair: Pair, alices: Cli) -> Iterator[str]:
    """A task whose command goes on until it is told to stop."""
    pair.start_model()
    identity = alices("task", "run", script({"bash": TICKING}, "Done."), "--name", "ticking").expect().stdout.strip()
    wait_for(alices, identity, "waiting_permission")
    alices("task", "approve", "ticking", "--yes").expect()
    yield identity
    alices("task", "kill", identity)
    pair.run("alice", "sh", "-c", "rm -f ~/stop ~/ticks")


@pytest.fixture
def admitted_again(pair: Pair) -> Iterator[None]:
    yield
    pair.admit("alice", ALICE, BOB)
    pair.deploy("alice")


def end_of(read: Callable[[], bytes]) -> float:
    """Read until the other side ends, and return when that was."""
    try:
        while read():
            pass
    except (EOFError, ConnectionError, http.client.IncompleteRead):
        pass
    return time.monotonic()


def opened_by(browser: Browser, stack: ExitStack) -> dict[str, Callable[[], bytes]]:
    """Open the stream of events and all WebSockets of a workspace; returns how to read from each."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Cookie": cookie, "Origin": f"https://{browser.host}"}
    reads: dict[str, Callable[[], bytes]] = {}
    for path, protocol in SOCKETS.items():
        opening = opened(browser.address, path, host=browser.host, headers=headers, protocol=protocol)
        socket = stack.enter_context(opening)
        socket.be_patient(SECONDS)
        if protocol == "tty":
            socket.send(SIZE)
        reads[path] = socket.receive
    stream = connect(browser.address)
    stream.timeout = SECONDS
    stack.callback(stream.close)
    stream.request("GET", EVENTS, headers={"Host": browser.host, "Cookie": cookie, "Accept": "text/event-stream"})
    response = stream.getresponse()
    assert response.status == 200
    reads[EVENTS] = partial(response.read1, 65536)
    return reads


def status_for(pair: Pair, browser: Browser) -> int:
    """Ask who is signed in, once the door that the change has closed is open again."""

    def ask() -> int:
        try:
            return pair.node.sandbox.within(lambda: browser.get("/oauth/api/session")).status
        except OSError:
            return 0

    return wait_until(ask, what="the door is open", seconds=SECONDS_UNTIL_OUT)


def test_a_removed_person_is_cut_off_everywhere_and_the_task_at_work_never_notices(
    pair: Pair, alices: Cli, at_work: str, admitted_again: None
) -> None:
    within = pair.node.sandbox.within
    bob = pair.signed_in(BOB, "alice")
    assert within(bob.is_signed_in)
    before = pair.pod("alice")
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor())
        reads = within(lambda: opened_by(bob, stack))
        ends: dict[str, Future[float]] = {path: threads.submit(end_of, read) for path, read in reads.items()}
        time.sleep(1)  # what would end by itself has done so
        assert [path for path, end in ends.items() if end.done()] == []
        pair.admit("alice", ALICE)
        pair.deploy("alice")
        deployed = time.monotonic()
        late = {path: end.result(SECONDS) - deployed for path, end in ends.items()}
    print("cut off after the deploy:", {path.partition("?")[0]: round(seconds, 1) for path, seconds in late.items()})
    assert max(late.values()) < SECONDS_UNTIL_OUT
    assert status_for(pair, bob) == 401
    assert status_for(pair, pair.signed_in(ALICE, "alice")) == 200
    after = pair.pod("alice")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [status["restartCount"] for status in after["status"]["containerStatuses"]] == [0, 0]
    check_task(pair, alices, at_work)


def check_task(pair: Pair, alices: Cli, identity: str) -> None:
    """The command went on all the time, in the same process, and so does Claude when it is over."""
    found = task(alices, identity)
    assert (found["status"], found["activity"], found["launches"]) == ("running", "working", 1)
    pair.run("alice", "sh", "-c", "touch ~/stop")
    alices("task", "wait", identity, "--timeout", "60s").expect()
    assert "Done." in alices("task", "transcript", identity).expect().stdout
    ticks = [float(tick) for tick in pair.run("alice", "sh", "-c", "cat ~/ticks").split()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    assert max(gaps) < LONGEST_GAP
