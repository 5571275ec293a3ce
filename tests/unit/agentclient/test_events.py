"""A stream of events goes on across broken connections, and says where something may be missing."""

from __future__ import annotations

import itertools
import json
import select
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubecoder.agentclient import AgentClient, events
from kubecoder.agentclient.feed import Feed
from kubecoder.errors import AgentError, AgentUnreachableError, NotFoundError
from tests.unit.agentclient.conftest import TASK_ID, refusal, task
from tests.unit.cluster.server import Incoming, Script, Server, Wire

Serve = Callable[[Script], Server]
Connect = Callable[..., AgentClient]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(events, "LONGEST_PAUSE", 0.02)


def begin(wire: Wire) -> None:
    wire.head(200, Content_Type="text/event-stream; charset=utf-8", Transfer_Encoding="chunked")


def event(number: int, kind: str = "task", **fields: Any) -> bytes:
    document = {"kind": kind, "task_id": TASK_ID, "at": float(number), **fields}
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(document)}\n\n".encode()


def ending(*parts: bytes) -> Script:
    """Send these events to whoever connects, then end the stream."""

    def answer(_: Incoming, wire: Wire) -> None:
        begin(wire)
        for part in parts:
            wire.chunk(part)
        wire.chunk(b"")

    return answer


def take(client: AgentClient, count: int, **options: Any) -> list[tuple[str, float]]:
    stream = client.events(TASK_ID, **options)
    return [(item.kind, 0 if item.kind == "gap" else item.at) for item in itertools.islice(stream, count)]


def test_the_first_event_is_a_gap_and_then_come_the_agents(serve: Serve, connect: Connect) -> None:
    server = serve(ending(event(1), b": beat\n\n", event(2)))
    assert take(connect(server), 3) == [("gap", 0), ("task", 1), ("task", 2)]
    [seen] = server.seen
    assert seen.path == f"/api/claude/tasks/{TASK_ID}/events"
    assert "last-event-id" not in seen.headers


def test_a_broken_stream_goes_on_after_the_last_event(serve: Serve, connect: Connect) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        begin(wire)
        wire.chunk(event(incoming.number))
        wire.reset()

    server = serve(answer)
    lost: list[str] = []
    back: list[bool] = []
    got = take(connect(server), 4, on_trouble=lost.append, on_recovery=lambda: back.append(True))
    assert got == [("gap", 0), ("task", 1), ("task", 2), ("task", 3)]
    assert [seen.headers.get("last-event-id") for seen in server.seen] == [None, "1", "2"]
    assert len(lost) == len(back) == 2
    assert "the connection broke" in lost[0]


def test_a_stream_that_broke_before_its_first_event_begins_with_a_gap_again(serve: Serve, connect: Connect) -> None:
    assert take(connect(serve(ending())), 2) == [("gap", 0), ("gap", 0)]


def test_a_stream_that_named_its_place_goes_on_from_there(serve: Serve, connect: Connect) -> None:
    server = serve(ending(b"id: 41\n: beat\n\n", event(42)))
    assert take(connect(server), 3) == [("gap", 0), ("task", 42), ("task", 42)]
    server = serve(ending(b"id: 41\n: beat\n\n"))
    stream = connect(server).events(TASK_ID)
    thread = threading.Thread(target=lambda: list(stream))
    thread.start()
    while len(server.seen) < 2:
        threading.Event().wait(0.01)
    stream.close()
    thread.join()
    assert server.seen[1].headers["last-event-id"] == "41"


def test_the_agents_own_gap_is_passed_on(serve: Serve, connect: Connect) -> None:
    got = take(connect(serve(ending(event(5, "gap"), event(6)))), 3)
    assert [kind for kind, _ in got] == ["gap", "gap", "task"]


def test_an_event_that_cannot_be_read_is_a_gap_and_an_unknown_kind_is_left_out(serve: Serve, connect: Connect) -> None:
    broken = event(1, task=task(activity="levitating"))
    got = take(connect(serve(ending(broken, event(2, "mood"), event(3)))), 3)
    assert got == [("gap", 0), ("gap", 0), ("task", 3)]


def test_silence_is_a_broken_connection(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SILENCE_SECONDS", 0.5)
    over = threading.Event()

    def answer(incoming: Incoming, wire: Wire) -> None:
        begin(wire)
        wire.chunk(event(incoming.number))
        over.wait(10 if incoming.number == 1 else 0)

    lost: list[str] = []
    assert take(connect(serve(answer)), 3, on_trouble=lost.append)[-1] == ("task", 2)
    over.set()
    assert "it took too long" in lost[0]


def test_an_agent_that_stays_away_is_given_up(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    times: Iterator[float] = itertools.count(0.0, 50.0)
    monkeypatch.setattr("kubecoder.agentclient.events.time.monotonic", lambda: next(times))
    server = serve(lambda _, wire: wire.reset())
    with pytest.raises(AgentUnreachableError):
        take(connect(server), 1)
    assert 2 <= len(server.seen) <= 4


def test_a_gateway_without_its_agent_is_waited_for(serve: Serve, connect: Connect) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        wire.raw(502, b"no upstream") if incoming.number == 1 else ending(event(1))(incoming, wire)

    assert take(connect(serve(answer)), 2) == [("gap", 0), ("task", 1)]


@pytest.mark.parametrize(
    ("status", "code", "error"), [(404, "task_not_found", NotFoundError), (401, "unauthorized", AgentError)]
)
def test_a_refusal_ends_it(status: int, code: str, error: type[Exception], serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.reply(status, refusal(code)))
    with pytest.raises(error):
        take(connect(server), 1)
    assert len(server.seen) == 1


def test_an_answer_that_is_no_stream_is_an_error(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.reply(200, {}, Content_Type="application/json"))
    with pytest.raises(AgentError, match="isn't a stream of events"):
        take(connect(server), 1)


def holding_open(*parts: bytes) -> Script:
    """Send these events, then keep the stream open until the client goes."""

    def answer(_: Incoming, wire: Wire) -> None:
        begin(wire)
        for part in parts:
            wire.chunk(part)
        wire.reader.read()

    return answer


def test_a_feed_is_waited_for_with_a_limit_and_as_a_descriptor(serve: Serve, connect: Connect) -> None:
    client = connect(serve(holding_open(event(1))))
    with Feed(client.events(TASK_ID)) as feed:
        first, second = feed.take(20), feed.take(20)
        assert first is not None
        assert second is not None
        assert (first.kind, second.kind) == ("gap", "task")
        assert feed.take(0) is None
        assert select.select([feed], [], [], 0) == ([], [], [])


def test_a_feed_raises_what_ended_the_stream(serve: Serve, connect: Connect) -> None:
    client = connect(serve(lambda _, wire: wire.reply(404, refusal("task_not_found"))))
    with Feed(client.events(TASK_ID)) as feed, pytest.raises(NotFoundError):
        feed.take(20)


def test_a_feed_that_nobody_reads_can_be_closed(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubecoder.agentclient.feed.BACKLOG", 1)
    client = connect(serve(holding_open(*map(event, range(1, 20)))))
    feed = Feed(client.events(TASK_ID))
    assert feed.take(20) is not None
    feed.close()
    feed.close()
