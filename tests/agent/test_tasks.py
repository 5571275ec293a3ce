"""Tasks on the real Claude Code, in both versions: launched, asked, answered, talked to, ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.processes import marked
from tests.agent.tasks import TaskAgent, running_task_agent
from tests.rigs import claude
from tests.rigs.waiting import wait_until


@pytest.fixture(scope="module", params=claude.VERSIONS)
def tasks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path_factory.mktemp("tasks"), version=request.param) as running:
        yield running


def test_a_task_is_launched_and_becomes_idle_with_its_answer(tasks: TaskAgent) -> None:
    task_id = tasks.create("The answer is 42.", name="answer")
    done = tasks.wait(task_id, "idle")

    assert done["status"] == "running", "the session stays for follow-ups"
    assert done["name"] == "answer"
    assert done["activity_source"] in ("hook", "sessions_file")
    assert "The answer is 42." in done["recent_output"]
    assert done["usage"]["output_tokens"] > 0
    assert done["tmux_session"] == f"claude-{task_id}"
    kinds = [entry["kind"] for entry in tasks.call("GET", f"/tasks/{task_id}/transcript").json()["entries"]]
    assert kinds == ["prompt", "text"]


def test_a_permission_is_asked_and_an_approval_by_api_lets_the_tool_run(tasks: TaskAgent) -> None:
    task_id = tasks.create({"bash": "touch approved.txt"}, "Done.")
    request = tasks.ask(task_id)
    assert request["tool_name"] == "Bash"
    assert request["tool_input"]["command"] == "touch approved.txt"
    assert tasks.get(task_id)["pending"] == 1

    answered = tasks.answer(task_id, request["request_id"], "allow")

    assert answered["result"] == "applied"
    assert answered["permission"]["answered_by"] == "admin"
    tasks.wait(task_id, "idle")
    assert (tasks.home / "approved.txt").exists()
    late = tasks.answer(task_id, request["request_id"], "deny")
    assert late["result"] == "already_answered"
    audited = tasks.call("GET", f"/audit?task_id={task_id}").json()["entries"]
    assert ("permission.allow", "admin", "touch approved.txt") in [
        (entry["action"], entry["who"], entry["detail"].get("asked")) for entry in audited
    ]


def test_a_denial_keeps_the_tool_from_running_and_claude_hears_the_reason(tasks: TaskAgent) -> None:
    task_id = tasks.create({"bash": "touch denied.txt"}, "I see.")
    request = tasks.ask(task_id)

    answered = tasks.answer(task_id, request["request_id"], "deny", reason="not on a Friday")

    assert answered["result"] == "applied"
    tasks.wait(task_id, "idle")
    assert not (tasks.home / "denied.txt").exists()
    entries = tasks.call("GET", f"/tasks/{task_id}/transcript").json()["entries"]
    (result,) = [entry for entry in entries if entry["kind"] == "result"]
    assert "not on a Friday" in result["text"]


def test_a_question_is_answered_by_api(tasks: TaskAgent) -> None:
    task_id = tasks.create({"ask": "Which colour?", "options": ["Red", "Blue"], "header": "Colour"}, "Thanks.")
    request = tasks.ask(task_id)
    assert request["kind"] == "question"

    path = f"/tasks/{task_id}/permissions/{request['request_id']}"
    refused = tasks.call("POST", path, {"decision": "allow"})
    assert refused.status == 400
    assert "Which colour?" in refused.json()["error"]
    answered = tasks.answer(task_id, request["request_id"], "allow", answers={"Which colour?": "Blue"})

    assert answered["result"] == "applied"
    tasks.wait(task_id, "idle")
    entries = tasks.call("GET", f"/tasks/{task_id}/transcript").json()["entries"]
    assert any("Blue" in entry.get("text", "") for entry in entries if entry["kind"] == "result")


def test_a_message_reaches_an_idle_session_once_and_unchanged(tasks: TaskAgent) -> None:
    task_id = tasks.create("Hello.")
    tasks.wait(task_id, "idle")
    text = "second message with 'quotes', $HOME and `backticks`\nand a second line"

    sent = tasks.send(task_id, text)

    assert sent["delivery"] == "delivered"
    wait_until(lambda: text in "\n".join(tasks.model.prompts()), what="the model sees it", seconds=20)
    assert tasks.get(task_id)["followups"][0]["prompt"] == text
    tasks.wait(task_id, "idle")
    assert sum(text in prompt for prompt in tasks.model.prompts()) == 1


def test_a_message_to_a_session_that_waits_for_a_person_is_blocked_and_approves_nothing(tasks: TaskAgent) -> None:
    task_id = tasks.create({"bash": "touch by-enter.txt"}, "Done.")
    request = tasks.ask(task_id)

    sent = tasks.send(task_id, "yes")

    assert sent["delivery"] == "blocked"
    assert tasks.get(task_id)["activity"] == "waiting_permission"
    assert not (tasks.home / "by-enter.txt").exists()
    assert tasks.answer(task_id, request["request_id"], "deny")["result"] == "applied"


def test_a_command_to_the_terminal_is_refused_unless_it_is_asked_for(tasks: TaskAgent) -> None:
    task_id = tasks.create("Hello.")
    tasks.wait(task_id, "idle")
    assert tasks.send(task_id, "/clear")["delivery"] == "refused"
    assert tasks.send(task_id, "exit")["delivery"] == "refused"
    assert tasks.send(task_id, "!touch x")["delivery"] == "refused"
    assert tasks.get(task_id)["activity"] == "idle"
    refused = tasks.call("POST", "/tasks", {"prompt": "exit"})
    assert (refused.status, refused.json()["code"]) == (400, "refused_prompt")


def test_an_interrupt_ends_the_turn_and_the_session_lives(tasks: TaskAgent) -> None:
    task_id = tasks.create({"wait": 60}, "Never said.")
    tasks.wait(task_id, "working")
    wait_until(tasks.model.prompts, what="the model is asked", seconds=20)

    answer = tasks.call("POST", f"/tasks/{task_id}/interrupt")

    assert answer.status == 200
    tasks.wait(task_id, "stopped")
    assert tasks.call("POST", f"/tasks/{task_id}/interrupt").status == 409


def test_a_killed_task_leaves_no_process_and_keeps_its_record(tasks: TaskAgent) -> None:
    task_id = tasks.create({"bash": "touch begun; sleep 300"}, "Done.")
    tasks.answer(task_id, tasks.ask(task_id)["request_id"], "allow")
    wait_until(lambda: len(marked("KUBECODER_TASK", task_id)) >= 2, what="the tool runs", seconds=20)

    killed = tasks.call("DELETE", f"/tasks/{task_id}").json()

    assert killed["status"] == "killed"
    assert killed["killed_at"]
    assert marked("KUBECODER_TASK", task_id) == []
    assert "touch begun" in tasks.call("GET", f"/tasks/{task_id}/output?tail=100").text
    gone = tasks.call("POST", f"/tasks/{task_id}/message", {"prompt": "hello?"})
    assert (gone.status, gone.json()["code"]) == (404, "not_running")


def test_a_killed_task_is_resumed_with_the_same_conversation(tasks: TaskAgent) -> None:
    task_id = tasks.create("I remember.")
    before = tasks.wait(task_id, "idle")
    tasks.call("DELETE", f"/tasks/{task_id}")

    resumed = tasks.call("POST", f"/tasks/{task_id}/resume", {"prompt": "go on, please"})

    assert resumed.status == 200, resumed.text
    after = tasks.wait(task_id, "idle")
    assert after["session_id"] == before["session_id"]
    assert after["launches"] == 2
    texts = [entry["text"] for entry in tasks.call("GET", f"/tasks/{task_id}/transcript").json()["entries"]]
    assert "I remember." in texts
    assert "go on, please" in texts


def test_the_same_key_makes_one_task(tasks: TaskAgent) -> None:
    body = {"prompt": "once"}
    first = tasks.call("POST", "/tasks", body, Idempotency_Key="key-1")
    second = tasks.call("POST", "/tasks", body, Idempotency_Key="key-1")
    other = tasks.call("POST", "/tasks", {"prompt": "twice"}, Idempotency_Key="key-1")

    assert first.json()["task_id"] == second.json()["task_id"]
    assert (other.status, other.json()["code"]) == (409, "idempotency_key_reused")
