"""Lists in pages, watches and logs against a scripted server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from kubecoder.cluster import Cluster, kinds, logs, watch
from kubecoder.cluster.listing import METADATA_LIST
from kubecoder.errors import ApiError, UnreachableError
from tests.unit.cluster.server import Incoming, Script, Server, Wire, status

Serve = Callable[[Script], Server]
Connect = Callable[..., Cluster]


def page(*names: str, version: str = "7", **metadata: str) -> dict[str, Any]:
    return {
        "kind": "ConfigMapList",
        "metadata": {"resourceVersion": version, **metadata},
        "items": [{"metadata": {"name": name}} for name in names],
    }


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}


# Lists


def test_pages_are_read_as_they_are_needed(serve: Serve, connect: Connect) -> None:
    pages = {"": page("a", "b", **{"continue": "next"}), "next": page("c", version="9")}
    server = serve(lambda incoming, wire: wire.zipped(pages[incoming.query.get("continue", [""])[0]]))

    listing = connect(server).list(kinds.CONFIG_MAP, namespace="coder", labels="a=b", fields="metadata.name=x")
    assert server.seen == []
    names = [next(listing)["metadata"]["name"]]
    assert len(server.seen) == 1
    names += [item["metadata"]["name"] for item in listing]

    assert names == ["a", "b", "c"]
    assert listing.resource_version == "7"
    first, second = server.seen
    assert first.path == "/api/v1/namespaces/coder/configmaps"
    assert first.query == {"limit": ["500"], "labelSelector": ["a=b"], "fieldSelector": ["metadata.name=x"]}
    assert second.query == {**first.query, "continue": ["next"]}
    assert first.headers["accept-encoding"] == "gzip"


def test_metadata_lists_ask_for_nothing_more(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.reply(200, page("a")))

    (found,) = connect(server).list_metadata(kinds.DEPLOYMENT)

    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
    assert server.seen[0].headers["accept"] == METADATA_LIST


def test_an_empty_list_may_have_no_items_at_all(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.reply(200, {"metadata": {"resourceVersion": "1"}, "items": None}))

    assert list(connect(server).list(kinds.POD)) == []


def test_a_list_that_can_go_on_with_nothing_newer_fails(serve: Serve, connect: Connect) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        if "continue" in incoming.query:
            wire.reply(410, status(410, "Expired", "too old"))
        else:
            wire.reply(200, page("a", **{"continue": "next"}))

    listing = connect(serve(answer)).list(kinds.POD)

    assert next(listing)["metadata"]["name"] == "a"
    with pytest.raises(ApiError, match="too old"):
        next(listing)


# Watches


def test_bookmarks_move_the_version_and_arent_shown(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.events(event("ADDED", "a", "8"), event("BOOKMARK", "", "12")))

    watching = connect(server).watch(kinds.POD, namespace="coder", labels="a=b", resource_version="7")
    events = list(watching)

    assert [(each.type, each.object["metadata"]["name"]) for each in events] == [("ADDED", "a")]
    assert watching.resource_version == "12"
    assert server.seen[0].query == {
        "watch": ["true"],
        "allowWatchBookmarks": ["true"],
        "labelSelector": ["a=b"],
        "resourceVersion": ["7"],
        "timeoutSeconds": ["300"],
    }


def test_a_version_that_is_too_old_is_a_410_at_the_start_and_in_the_middle(serve: Serve, connect: Connect) -> None:
    gone = status(410, "Expired", "too old resource version")
    refusing = connect(serve(lambda _, wire: wire.reply(410, gone)))
    with pytest.raises(ApiError) as at_start:
        refusing.watch(kinds.POD, resource_version="1")

    ending = connect(serve(lambda _, wire: wire.events(event("ADDED", "a", "8"), {"type": "ERROR", "object": gone})))
    events = iter(ending.watch(kinds.POD))
    next(events)
    with pytest.raises(ApiError) as in_the_middle:
        next(events)

    assert at_start.value.status == in_the_middle.value.status == 410


def test_a_watch_whose_connection_breaks_ends_where_it_was(serve: Serve, connect: Connect) -> None:
    def answer(_: Incoming, wire: Wire) -> None:
        wire.events(event("ADDED", "a", "8"), end=False)
        wire.sock.sendall(b"50\r\n" + b'{"type": "MODI')
        wire.sock.shutdown(socket.SHUT_RDWR)

    watching = connect(serve(answer)).watch(kinds.POD)

    assert [each.object["metadata"]["name"] for each in watching] == ["a"]
    assert watching.resource_version == "8"


def test_a_watch_that_falls_silent_ends(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubecoder.cluster.api.IDLE_SECONDS", 0.2)
    release = threading.Event()

    def answer(_: Incoming, wire: Wire) -> None:
        wire.events(event("ADDED", "a", "8"), end=False)
        release.wait(10)

    watching = connect(serve(answer)).watch(kinds.POD)

    assert [each.type for each in watching] == ["ADDED"]
    release.set()
    assert watch.IDLE_SECONDS > 60


def test_closing_ends_a_watch_in_another_thread_at_once(serve: Serve, connect: Connect) -> None:
    release = threading.Event()

    def answer(_: Incoming, wire: Wire) -> None:
        wire.events(event("ADDED", "a", "8"), end=False)
        release.wait(10)

    watching = connect(serve(answer)).watch(kinds.POD)
    seen: list[str] = []
    first = threading.Event()

    def read() -> None:
        for each in watching:
            seen.append(each.type)
            first.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert first.wait(10)
    started = time.monotonic()
    watching.close()
    thread.join(10)
    release.set()

    assert seen == ["ADDED"]
    assert time.monotonic() - started < 5


def test_events_may_come_in_any_pieces(serve: Serve, connect: Connect) -> None:
    text = b'{"type": "ADDED", "object": {"metadata": {"name": "\xc3\xa4", "resourceVersion": "8"}}}\n' * 3

    def answer(_: Incoming, wire: Wire) -> None:
        wire.head(200, Transfer_Encoding="chunked")
        for start in range(0, len(text), 7):
            wire.chunk(text[start : start + 7])
        wire.chunk(b"")

    names = [each.object["metadata"]["name"] for each in connect(serve(answer)).watch(kinds.POD)]

    assert names == ["ä"] * 3


def test_opening_a_watch_is_tried_again(serve: Serve, connect: Connect) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        if incoming.number < 3:
            wire.reply(503, status(503, "ServiceUnavailable", "busy"))
        else:
            wire.events(event("ADDED", "a", "8"))

    assert len(list(connect(serve(answer)).watch(kinds.POD))) == 1


# Logs


def test_log_lines_keep_their_newlines(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.raw(200, b"one\r\n\xff\n\nlast"))

    with logs.stream(connect(server), "coder", "pod-1", "ide", since_seconds=60, tail_lines=5, timestamps=True) as log:
        assert list(log) == [b"one\r\n", b"\xff\n", b"\n", b"last"]

    assert server.seen[0].path == "/api/v1/namespaces/coder/pods/pod-1/log"
    assert server.seen[0].query == {
        "container": ["ide"],
        "sinceSeconds": ["60"],
        "tailLines": ["5"],
        "timestamps": ["true"],
    }


def test_following_waits_for_more_and_can_be_closed_from_elsewhere(serve: Serve, connect: Connect) -> None:
    def answer(_: Incoming, wire: Wire) -> None:
        wire.head(200, Transfer_Encoding="chunked")
        wire.chunk(b"first\nsec")
        wire.chunk(b"ond\n")

    server = serve(answer)
    log = logs.stream(connect(server), "coder", "pod-1", follow=True)
    lines = iter(log)
    seen = [next(lines), next(lines)]
    closer = threading.Timer(0.1, log.close)
    closer.start()

    assert list(lines) == []
    closer.join()
    assert seen == [b"first\n", b"second\n"]
    assert server.seen[0].query == {"follow": ["true"]}


def test_a_log_that_breaks_off_says_so(serve: Serve, connect: Connect) -> None:
    def answer(_: Incoming, wire: Wire) -> None:
        wire.head(200, Content_Length="100")
        wire.sock.sendall(b"some\nhalf")
        wire.reset()

    with pytest.raises(UnreachableError, match="the connection broke"):
        list(logs.stream(connect(serve(answer)), "coder", "pod-1"))


def test_a_container_that_hasnt_started_is_a_clear_error(serve: Serve, connect: Connect) -> None:
    waiting = status(400, "BadRequest", 'container "ide" in pod "p" is waiting to start: ContainerCreating')

    with pytest.raises(ApiError, match="waiting to start") as caught:
        logs.stream(connect(serve(lambda _, wire: wire.reply(400, waiting))), "coder", "p", "ide")

    assert caught.value.subject == "log of Pod coder/p, container ide"


def test_the_tail_is_text(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.raw(200, b"a\r\nb\xff\n"))

    assert logs.tail(connect(server), "coder", "p", "ide", lines=2, previous=True) == ["a", "b�"]
    assert server.seen[0].query == {"container": ["ide"], "previous": ["true"], "tailLines": ["2"]}
