"""What is said to a task stays between the person and Claude: no log and no process list has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.processes import marked
from tests.agent.tasks import TaskAgent, running_task_agent, script
from tests.rigs import claude
from tests.rigs.waiting import wait_until

PROMPT, REASON, MESSAGE, RESUMED = "prompt-of-alice", "reason-of-alice", "message-of-alice", "resumed-by-alice"


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path, settings={"LOG_LEVEL": "debug"}) as running:
        yield running


def argvs(task_id: str) -> str:
    """Return the argvs of everything that a task runs."""
    found = []
    for pid in marked("KUBECODER_TASK", task_id):
        try:
            found.append(" ".join(psutil.Process(pid).cmdline()))
        except psutil.Error:
            continue
    return "\n".join(found)


def test_no_log_and_no_argv_has_a_prompt_an_answer_a_token_or_a_key(tasks: TaskAgent) -> None:
    made = tasks.call("POST", "/tasks", {"prompt": f"{PROMPT} {script({'bash': 'touch asked'}, 'Done.')}"})
    task_id = made.json()["task_id"]
    request = tasks.ask(task_id)
    processes = argvs(task_id)
    assert "claude" in processes
    tasks.answer(task_id, request["request_id"], "deny", reason=REASON)
    tasks.wait(task_id, "idle")
    tasks.send(task_id, f"{MESSAGE} {script('Heard.')}")
    tasks.call("DELETE", f"/tasks/{task_id}")
    tasks.call("POST", f"/tasks/{task_id}/resume", {"prompt": f"{RESUMED} {script('Again.')}"})
    tasks.wait(task_id, "idle")
    processes += argvs(task_id)
    record = json.loads((tasks.agent.state_directory / "tasks" / task_id / "task.json").read_text())
    wait_until(lambda: "task.resume" in tasks.agent.process.log.read_text(), what="the log", seconds=10)

    log = tasks.agent.process.log.read_text()
    assert "task.create" in log
    keys = (tasks.agent.admin_token, tasks.agent.user_token, claude.API_KEY, record["launch"]["hook_key"])
    for secret in (PROMPT, REASON, MESSAGE, RESUMED, *keys):
        assert secret not in log, "in the log"
        assert secret not in processes, "in an argv"
    audit = tasks.call("GET", "/audit").text
    assert not [secret for secret in (PROMPT, MESSAGE, RESUMED, *keys) if secret in audit]
