"""Requests to the end: kept-alive connections, tries, renewed credentials, lost answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubecoder import __version__
from kubecoder.cluster import Cluster
from kubecoder.cluster.retry import DEFAULT, Policy
from kubecoder.errors import ApiError, UnreachableError
from kubecoder.models.manifest import Manifest, ObjectRef
from tests.unit.cluster.conftest import Clock
from tests.unit.cluster.server import Incoming, Script, Server, Wire, status, write_kubeconfig

Serve = Callable[[Script], Server]
Connect = Callable[..., Cluster]
REF = ObjectRef("v1", "ConfigMap", "coder", "c")
LEADER = status(500, "InternalError", "etcdserver: leader changed")


def config_map(**data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "coder"}, "data": data}


def ok(incoming: Incoming, wire: Wire) -> None:
    wire.reply(200, {"kind": "ConfigMap", "number": incoming.number})


def script(*steps: Callable[[Incoming, Wire], Any]) -> Script:
    """Answer the first request by the first step, and so on; the last step answers all further ones."""

    def answer(incoming: Incoming, wire: Wire) -> None:
        steps[min(incoming.number, len(steps)) - 1](incoming, wire)

    return answer


def refuse(code: int, document: Any = None, **headers: str) -> Callable[[Incoming, Wire], None]:
    return lambda _, wire: wire.reply(code, document or status(code, "Busy", "busy"), **headers)


def reset(_: Incoming, wire: Wire) -> None:
    wire.reset()


def cut_off(_: Incoming, wire: Wire) -> None:
    """Promise more than comes."""
    wire.head(200, Content_Length="1000")
    wire.sock.sendall(b'{"kind":')
    wire.reset()


def test_one_thread_uses_one_connection(serve: Serve, connect: Connect) -> None:
    server = serve(ok)
    cluster = connect(server)

    for _ in range(5):
        cluster.get(REF)

    assert (server.connections, cluster.requests, len(server.seen)) == (1, 5, 5)


def test_threads_have_their_own_connections_and_keep_them(serve: Serve, connect: Connect) -> None:
    meeting = threading.Barrier(4, timeout=10)

    def together(incoming: Incoming, wire: Wire) -> None:
        meeting.wait()
        ok(incoming, wire)

    server = serve(together)
    cluster = connect(server, workers=4)

    cluster.map(lambda _: cluster.get(REF), range(40))

    assert server.connections == 4
    assert cluster.requests == 40


def test_no_more_requests_are_in_flight_than_workers(serve: Serve, connect: Connect) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def count(incoming: Incoming, wire: Wire) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1
        ok(incoming, wire)

    cluster = connect(serve(count), workers=2)

    cluster.map(lambda _: cluster.map(lambda _: cluster.get(REF), range(5)), range(5))

    assert most == 2


def test_a_request_says_who_asks_and_carries_the_token(serve: Serve, connect: Connect) -> None:
    server = serve(ok)

    connect(server).apply(config_map(a="ä"))

    (seen,) = server.seen
    assert seen.headers["user-agent"] == f"kubecoder/{__version__}"
    assert seen.headers["authorization"] == "Bearer secret-token"
    assert seen.headers["content-type"] == "application/apply-patch+yaml"
    assert seen.query == {"fieldManager": ["kubecoder"], "fieldValidation": ["Strict"]}
    assert seen.json == config_map(a="ä")


@pytest.mark.parametrize("verb", ["apply", "create", "replace", "json_patch", "merge_patch"])
def test_every_write_names_its_field_manager(serve: Serve, connect: Connect, verb: str) -> None:
    server = serve(ok)
    cluster = connect(server)
    arguments: tuple[Any, ...] = (REF, []) if verb.endswith("patch") else (config_map(),)

    getattr(cluster, verb)(*arguments, manager="kubecoder-scale")

    assert server.seen[0].query["fieldManager"] == ["kubecoder-scale"]


@pytest.mark.parametrize(
    "failure",
    [refuse(429), refuse(500, LEADER), refuse(502), refuse(503), refuse(504), reset, cut_off],
    ids=["429", "500-leader", "502", "503", "504", "reset", "cut-off"],
)
def test_what_passes_is_tried_again_until_it_has_passed(
    serve: Serve, connect: Connect, clock: Clock, failure: Script
) -> None:
    server = serve(script(ok, failure, failure, ok))
    cluster = connect(server)
    cluster.get(REF)

    assert cluster.get(REF)["number"] == len(server.seen)
    # A reset of a connection that was idle before isn't a failure yet.
    assert 1 <= len(clock.pauses) <= 2


def test_the_pause_is_at_least_what_the_server_asked_for(serve: Serve, connect: Connect, clock: Clock) -> None:
    cluster = connect(serve(script(refuse(429, Retry_After="7"), ok)))

    cluster.get(REF)

    assert clock.pauses == [7.0]


def test_a_server_that_asks_for_too_much_patience_gets_none(serve: Serve, connect: Connect, clock: Clock) -> None:
    server = serve(refuse(429, status(429, "TooManyRequests", "later"), Retry_After="3600"))

    with pytest.raises(ApiError, match="later") as caught:
        connect(server).get(REF)

    assert caught.value.retry_after == 3600
    assert (len(server.seen), clock.pauses) == (1, [])


@pytest.mark.parametrize("code", [400, 403, 404, 409, 410, 422, 500])
def test_a_refusal_is_final(serve: Serve, connect: Connect, code: int) -> None:
    server = serve(refuse(code, status(code, "Reason", "because", causes=[{"field": "a"}])))

    with pytest.raises(ApiError, match="ConfigMap coder/c: because") as caught:
        connect(server).get(REF)

    assert (caught.value.status, caught.value.reason, caught.value.causes) == (code, "Reason", ({"field": "a"},))
    assert len(server.seen) == 1


def test_trying_ends(serve: Serve, connect: Connect, clock: Clock) -> None:
    server = serve(refuse(503, status(503, "ServiceUnavailable", "not yet")))

    with pytest.raises(ApiError, match="not yet"):
        connect(server).get(REF)

    assert len(server.seen) == DEFAULT.attempts
    assert sum(clock.pauses) <= DEFAULT.total_seconds


def test_without_retry_there_is_one_try(serve: Serve, connect: Connect) -> None:
    server = serve(refuse(503))

    with pytest.raises(ApiError):
        connect(server).request("GET", "/version", retry=False)

    assert len(server.seen) == 1


def test_without_retry_a_connection_that_grew_old_is_still_replaced(serve: Serve, connect: Connect) -> None:
    server = serve(script(ok, reset, ok))
    cluster = connect(server)
    cluster.get(REF)

    assert cluster.request("GET", "/version", retry=False)["number"] == 3


def test_a_connection_that_the_server_has_closed_is_noticed_before_use(serve: Serve, connect: Connect) -> None:
    server = serve(ok)
    cluster = connect(server)
    cluster.get(REF)
    server.cut()
    for thread in server._threads:
        thread.join()

    cluster.get(REF)

    assert (server.connections, len(server.seen)) == (2, 2)


def test_a_server_that_was_never_reached_is_given_up_soon(connect: Connect, clock: Clock) -> None:
    with Server(ok) as gone:
        cluster = connect(gone)

    with pytest.raises(UnreachableError, match="the connection was refused") as caught:
        cluster.get(REF)

    assert "--context" in str(caught.value.hint)
    assert len(clock.pauses) == 1


def test_a_silent_server_is_given_up(serve: Serve, connect: Connect) -> None:
    server = serve(lambda *_: threading.Event().wait(0.3))
    cluster = connect(server, policy=Policy(attempts=1))

    with pytest.raises(UnreachableError, match="took too long"):
        cluster.request("GET", "/version", timeout=0.1, retry=False)


def test_refused_credentials_are_read_again_once(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    def check(incoming: Incoming, wire: Wire) -> None:
        if incoming.headers["authorization"] == "Bearer new-token":
            ok(incoming, wire)
        else:
            wire.reply(401, status(401, "Unauthorized", "Unauthorized"))

    server = serve(check)
    cluster = connect(server)
    write_kubeconfig(tmp_path / "kubeconfig", server.url, user={"token": "new-token"})

    cluster.get(REF)
    cluster.get(REF)

    assert len(server.seen) == 3


def test_credentials_that_stay_refused_are_an_error_with_a_hint(serve: Serve, connect: Connect) -> None:
    server = serve(refuse(401, status(401, "Unauthorized", "Unauthorized")))

    with pytest.raises(ApiError, match="Unauthorized") as caught:
        connect(server).get(REF)

    assert "sign in" in str(caught.value.hint)
    assert len(server.seen) == 2


def test_an_answer_that_isnt_json_names_its_subject(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.raw(200, b"<html>sign in to the hotel</html>"))

    with pytest.raises(ApiError, match="ConfigMap coder/c: the answer isn't JSON"):
        connect(server).get(REF)


def test_many_requests_meet_push_back_without_a_storm(serve: Serve, connect: Connect) -> None:
    """Every fourth request is pushed back; the window shrinks, and all get through with few extra requests."""

    def busy(incoming: Incoming, wire: Wire) -> None:
        if incoming.number % 4 == 0:
            wire.reply(429, status(429, "TooManyRequests", "busy"))
        else:
            ok(incoming, wire)

    server = serve(busy)
    cluster = connect(server, workers=8, policy=Policy(attempts=8, base_seconds=0.001))

    cluster.map(lambda _: cluster.get(REF), range(60))

    assert len(server.seen) <= 60 * 1.5
    assert cluster.exchange.limiter.window.limit < 8


def test_logging_has_method_path_and_status_and_no_body_or_token(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    connect(serve(ok)).apply(config_map(password="hunter2"))

    (record,) = [each for each in caplog.records if each.name == "kubecoder.cluster"]
    assert record.getMessage().startswith("PATCH /api/v1/namespaces/coder/configmaps/c?fieldManager=kubecoder")
    assert ": 200, " in record.getMessage()
    assert "hunter2" not in caplog.text
    assert "secret-token" not in caplog.text


# What became of a write whose answer was lost


def test_a_create_whose_answer_was_lost_is_no_conflict_with_itself(serve: Serve, connect: Connect) -> None:
    exists = refuse(409, status(409, "AlreadyExists", "exists"))
    live = {**config_map(a="1"), "metadata": {"name": "c", "uid": "u"}, "added": "default"}
    server = serve(script(reset, exists, lambda _, wire: wire.reply(200, live)))

    assert connect(server).create(config_map(a="1")) == live
    assert [seen.method for seen in server.seen] == ["POST", "POST", "GET"]


def test_a_create_that_meets_another_object_stays_a_conflict(serve: Serve, connect: Connect) -> None:
    exists = refuse(409, status(409, "AlreadyExists", "exists"))
    live = config_map(a="of somebody else")
    server = serve(script(reset, exists, lambda _, wire: wire.reply(200, live)))

    with pytest.raises(ApiError, match="exists"):
        connect(server).create(config_map(a="1"))


def test_a_replace_whose_answer_was_lost_is_no_conflict_with_itself(serve: Serve, connect: Connect) -> None:
    conflict = refuse(409, status(409, "Conflict", "modified"))
    live = {**config_map(a="2"), "metadata": {"name": "c", "resourceVersion": "8"}}
    server = serve(script(reset, conflict, lambda _, wire: wire.reply(200, live)))
    sent = {**config_map(a="2"), "metadata": {"name": "c", "namespace": "coder", "resourceVersion": "7"}}

    assert connect(server).replace(sent) == live


def test_a_conflict_without_a_lost_answer_is_one_at_once(serve: Serve, connect: Connect) -> None:
    server = serve(refuse(409, status(409, "Conflict", "modified")))

    with pytest.raises(ApiError, match="modified"):
        connect(server).replace(config_map(a="2"))

    assert len(server.seen) == 1


def test_a_delete_whose_answer_was_lost_is_done(serve: Serve, connect: Connect) -> None:
    server = serve(script(reset, refuse(404, status(404, "NotFound", "gone"))))

    connect(server).delete(REF, uid="u")

    assert server.seen[0].json == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u"},
    }


def test_a_delete_of_what_isnt_there_is_a_404(serve: Serve, connect: Connect) -> None:
    with pytest.raises(ApiError, match="gone"):
        connect(serve(refuse(404, status(404, "NotFound", "gone")))).delete(REF)
