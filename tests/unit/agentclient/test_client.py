"""Calls of the Task API: what is sent, what comes back, what is tried again, and what never is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from agent.models import Activity, AnswerBody, AnswerResult, MessageBody, ResumeBody, Status, TaskBody
from kubecoder.agentclient import AgentClient
from kubecoder.errors import AgentError, AgentUnreachableError, NotFoundError
from tests.unit.agentclient.conftest import TASK_ID, TOKEN, refusal, task
from tests.unit.cluster.server import Incoming, Script, Server, Wire

Serve = Callable[[Script], Server]
Connect = Callable[..., AgentClient]
PREPARED = {"ok": True, "session": f"claude-{TASK_ID}"}
PERMISSION = {
    "request_id": "r1",
    "task_id": TASK_ID,
    "kind": "permission",
    "state": "answered",
    "tool_name": "Bash",
    "tool_input": {"command": "ls"},
    "requested_at": 1.0,
}


def always(document: Any, status: int = 200) -> Script:
    return lambda _, wire: wire.reply(status, document)


def test_requests_go_below_the_api_with_the_token(serve: Serve, connect: Connect) -> None:
    server = serve(always({"workspace": "john", "version": "1"}))
    assert connect(server).version().workspace == "john"
    [seen] = server.seen
    assert (seen.method, seen.target) == ("GET", "/api/claude/version")
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_task_is_created_with_what_was_said_and_nothing_else(serve: Serve, connect: Connect) -> None:
    server = serve(always(task(), 201))
    made = connect(server).create(TaskBody(prompt="say hello", name="greeting"))
    assert made.task_id == TASK_ID
    assert server.seen[0].json == {"prompt": "say hello", "name": "greeting"}


def test_tries_of_one_creation_carry_one_key_and_two_creations_carry_two(
    serve: Serve, connect: Connect, pauses: list[float]
) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        wire.reset() if incoming.number in (1, 2) else wire.reply(201, task())

    server = serve(answer)
    client = connect(server)
    client.create(TaskBody(prompt="one"))
    client.create(TaskBody(prompt="two"))
    keys = [seen.headers["idempotency-key"] for seen in server.seen]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert pauses == [0.2, 0.6]


def test_reading_gives_up_after_some_tries(serve: Serve, connect: Connect, pauses: list[float]) -> None:
    server = serve(lambda _, wire: wire.reset())
    with pytest.raises(AgentUnreachableError, match="the connection broke"):
        connect(server).get(TASK_ID)
    assert len(server.seen) == 4
    assert pauses == [0.2, 0.6, 1.5]


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.send(TASK_ID, MessageBody(prompt="go on")),
        lambda client: client.interrupt(TASK_ID),
        lambda client: client.resume(TASK_ID, ResumeBody()),
    ],
    ids=["send", "interrupt", "resume"],
)
def test_what_would_act_twice_is_never_sent_twice(
    act: Callable[[AgentClient], Any], serve: Serve, connect: Connect
) -> None:
    server = serve(lambda _, wire: wire.reset())
    with pytest.raises(AgentUnreachableError):
        act(connect(server))
    assert len(server.seen) == 1


def test_a_connection_that_was_never_made_is_tried_again_for_every_request(
    serve: Serve, connect: Connect, pauses: list[float]
) -> None:
    server = serve(always(task()))
    client = connect(server)
    port = server.port
    server.__exit__(None, None, None)
    with pytest.raises(AgentUnreachableError, match="the connection was refused"):
        client.send(TASK_ID, MessageBody(prompt="go on"))
    assert pauses == [0.2, 0.6, 1.5]
    assert port
    server.__enter__()


def test_a_gateways_answer_is_tried_again_and_the_agents_own_is_not(
    serve: Serve, connect: Connect, pauses: list[float]
) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        if incoming.number == 1:
            wire.raw(503, b"no upstream")
        else:
            wire.reply(503, refusal("unavailable", "the home is gone"))

    server = serve(answer)
    with pytest.raises(AgentError, match="the home is gone"):
        connect(server).get(TASK_ID)
    assert pauses == [0.2]


def test_lists_are_read_to_their_end(serve: Serve, connect: Connect) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        cursor = incoming.query.get("cursor")
        tasks = [task(task_id=f"{incoming.number}-00000000")]
        wire.reply(200, {"tasks": tasks, **({} if cursor else {"next_cursor": "c&1"})})

    server = serve(answer)
    found = connect(server).list(statuses=[Status.RUNNING], activities=[Activity.IDLE, Activity.FAILED])
    assert [item.task_id for item in found.tasks] == ["1-00000000", "2-00000000"]
    assert server.seen[1].query == {
        "limit": ["200"],
        "status": ["running"],
        "activity": ["idle,failed"],
        "cursor": ["c&1"],
    }


def test_a_list_of_so_many_says_that_there_are_more(serve: Serve, connect: Connect) -> None:
    server = serve(always({"tasks": [task()], "next_cursor": "c"}))
    found = connect(server).list(most=2)
    assert (len(found.tasks), found.next_cursor) == (2, "c")
    assert server.seen[0].query == {"limit": ["2"]}


@pytest.mark.parametrize(
    ("act", "method", "target", "document"),
    [
        (lambda c: c.get(TASK_ID), "GET", f"/tasks/{TASK_ID}", task()),
        (lambda c: c.kill(TASK_ID), "DELETE", f"/tasks/{TASK_ID}", task(status="killed")),
        (lambda c: c.transcript(TASK_ID), "GET", f"/tasks/{TASK_ID}/transcript", {"task_id": TASK_ID, "entries": []}),
        (lambda c: c.messages(TASK_ID), "GET", f"/tasks/{TASK_ID}/messages", {"messages": []}),
        (lambda c: c.permissions(TASK_ID), "GET", f"/tasks/{TASK_ID}/permissions", {"permissions": []}),
        (lambda c: c.interrupt(TASK_ID), "POST", f"/tasks/{TASK_ID}/interrupt", task()),
        (lambda c: c.resume(TASK_ID, ResumeBody()), "POST", f"/tasks/{TASK_ID}/resume", task()),
        (lambda c: c.prepare_terminal(TASK_ID), "POST", f"/tasks/{TASK_ID}/prepare-terminal", PREPARED),
        (lambda c: c.audit(limit=5), "GET", "/audit?limit=5", {"entries": []}),
        (lambda c: c.audit(), "GET", "/audit", {"entries": []}),
        (lambda c: c.get("../x"), "GET", "/tasks/..%2Fx", task()),
    ],
)  # fmt: skip
def test_each_call_has_its_route(
    act: Callable[[AgentClient], Any], method: str, target: str, document: Any, serve: Serve, connect: Connect
) -> None:
    server = serve(always(document))
    act(connect(server))
    assert [(seen.method, seen.target) for seen in server.seen] == [(method, f"/api/claude{target}")]


def test_output_is_text(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.raw(200, "Grüße\n".encode(), Content_Type="text/plain; charset=utf-8"))
    client = connect(server)
    assert client.output(TASK_ID) == "Grüße\n"
    client.output(TASK_ID, tail=30)
    assert [seen.target.rpartition("/")[2] for seen in server.seen] == ["output", "output?tail=30"]


def test_an_answer_says_what_it_did(serve: Serve, connect: Connect) -> None:
    server = serve(always({"result": "applied", "permission": PERMISSION}))
    answered = connect(server).answer(TASK_ID, "r/1", AnswerBody(decision="deny", reason="no"))
    assert answered.result is AnswerResult.APPLIED
    [seen] = server.seen
    assert (seen.path, seen.json) == (
        f"/api/claude/tasks/{TASK_ID}/permissions/r%2F1",
        {"decision": "deny", "reason": "no"},
    )


def test_a_message_is_sent_as_it_is(serve: Serve, connect: Connect) -> None:
    server = serve(always(task(message_id="m1", delivery="queued")))
    sent = connect(server).send(TASK_ID, MessageBody(prompt="a\n'b' 🎉", allow_commands=True))
    assert (sent.message_id, sent.delivery) == ("m1", "queued")
    assert server.seen[0].json == {"prompt": "a\n'b' 🎉", "allow_commands": True}


def test_a_task_that_is_not_there_is_exit_4(serve: Serve, connect: Connect) -> None:
    with pytest.raises(NotFoundError):
        connect(serve(always(refusal("task_not_found"), 404))).get(TASK_ID)


def test_what_is_not_the_models_json_is_an_error_that_quotes_nothing(serve: Serve, connect: Connect) -> None:
    server = serve(always(task(activity="levitating", prompt="secret plan")))
    with pytest.raises(AgentError, match="doesn't understand") as raised:
        connect(server).get(TASK_ID)
    assert "secret plan" not in f"{raised.value} {raised.value.__cause__}"


def test_fields_of_a_newer_agent_are_left_out(serve: Serve, connect: Connect) -> None:
    assert connect(serve(always(task(mood="great")))).get(TASK_ID).task_id == TASK_ID


def test_a_redirect_is_never_followed(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.raw(302, b"", Location="http://127.0.0.1:1/"))
    with pytest.raises(AgentError, match="a redirect"):
        connect(server).get(TASK_ID)


def test_neither_token_nor_prompt_is_logged(serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connect(serve(always(task(), 201))).create(TaskBody(prompt="secret plan"))
    assert "POST /tasks 201 in" in caplog.text
    assert TOKEN not in caplog.text
    assert "secret plan" not in caplog.text


def test_proxies_do_not_see_what_stays_on_this_machine(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert connect(serve(always(task()))).get(TASK_ID).task_id == TASK_ID
