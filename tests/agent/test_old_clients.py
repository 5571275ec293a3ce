"""What kube-coder's users know goes on working: its curl examples, its answers' shapes, its skill's forms."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.tasks import TaskAgent, running_task_agent, script
from tests.rigs import claude

ROOT = Path(__file__).parents[2]
HOST = "https://imran.dev.archon.cx"
CREATE = """curl -X POST https://imran.dev.archon.cx/api/claude/tasks \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{"prompt": "Analyze the codebase and create a CLAUDE.md"}'"""
STATUS = """curl https://imran.dev.archon.cx/api/claude/tasks \\
  -H "Authorization: Bearer $TOKEN\""""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path_factory.mktemp("tasks")) as running:
        yield running


def curl(tasks: TaskAgent, example: str) -> Any:
    """Run an example as it stands, with another host and token."""
    command = example.replace(HOST, f"http://{tasks.agent.api_address}")
    assert command != example
    environment = {"PATH": os.environ["PATH"], "TOKEN": tasks.agent.admin_token}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_curl_examples_give_the_shapes_of_kube_coder(tasks: TaskAgent) -> None:
    made = curl(tasks, CREATE)
    task_id = made["task_id"]
    seconds, _, rest = task_id.partition("-")
    assert (seconds.isdigit(), len(rest)) == (True, 8)
    assert made["prompt"] == "Analyze the codebase and create a CLAUDE.md"
    assert made["status"] == "running"
    assert made["tmux_session"] == f"claude-{task_id}"
    assert isinstance(made["created_at"], float)
    assert made["workdir"] == str(tasks.home)
    (listed,) = (task for task in curl(tasks, STATUS)["tasks"] if task["task_id"] == task_id)
    assert {"task_id", "prompt", "status", "created_at"} <= set(listed)
    # The scripted model answers a prompt without a script with a command, which is asked for.
    tasks.answer(task_id, tasks.ask(task_id)["request_id"], "deny")
    tasks.wait(task_id, "idle")
    assert "Analyze" in tasks.get(task_id)["recent_output"]
    sent = tasks.send(task_id, "And then?")
    assert [followup["prompt"] for followup in sent["followups"]] == ["And then?"]
    assert sent["status"] == "running"
    prepared = tasks.call("POST", f"/tasks/{task_id}/prepare-terminal").json()
    assert prepared == {"ok": True, "session": made["tmux_session"]}
    killed = tasks.call("DELETE", f"/tasks/{task_id}").json()
    assert (killed["status"], killed["killed_at"] > made["created_at"]) == ("killed", True)


def test_the_errors_have_kube_coders_texts(tasks: TaskAgent) -> None:
    missing = tasks.call("POST", "/tasks", {})
    assert (missing.status, missing.json()["error"]) == (400, "prompt is required")
    gone = tasks.call("GET", "/tasks/1-00000000")
    assert (gone.status, gone.json()["error"]) == (404, "Task not found")


@pytest.fixture
def project(tasks: TaskAgent, tmp_path: Path) -> Path:
    """A checkout with the skill, in which the folder is trusted."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / ".claude" / "skills", project / ".claude" / "skills")
    claude.make_home(tmp_path / "home", project)
    return project


def remote_task(tasks: TaskAgent, project: Path, form: str) -> str:
    """Type a form of the skill into Claude Code, whose model does what the script in it says; returns what it saw."""
    program = project.parent / "bin" / "kubecoder"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubecoder "$@"\n')
    program.chmod(0o755)
    environment = {
        **claude.environment(project.parent / "home", tasks.model.address),
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "KUBECODER_URL": f"http://{tasks.agent.api_address}",
        "KUBECODER_TOKEN": tasks.agent.admin_token,
    }
    argv = [str(claude.program()), "-p", f"/remote-task {form}", "--output-format", "stream-json", "--verbose"]
    done = subprocess.run(argv, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_skill_launches_lists_and_reads_without_asking(tasks: TaskAgent, project: Path) -> None:
    launch = "kubecoder task run - <<'PROMPT'\nsay \"hello\" and $HOME\nPROMPT"
    said = remote_task(tasks, project, script({"bash": launch}, "Launched."))
    newest = tasks.call("GET", "/tasks").json()["tasks"][0]
    assert newest["prompt"].strip() == 'say "hello" and $HOME'
    assert newest["task_id"] in said
    tasks.ask(newest["task_id"])

    assert newest["task_id"] in remote_task(tasks, project, f"status {script({'bash': 'kubecoder task list'}, 'So.')}")
    read = f"kubecoder task output {newest['task_id']} --tail 100"
    assert "hello" in remote_task(tasks, project, f"output {newest['task_id']} {script({'bash': read}, 'So.')}")

    tasks.call("DELETE", f"/tasks/{newest['task_id']}")


def test_the_skill_names_a_command_for_each_form(tasks: TaskAgent, project: Path) -> None:
    text = (project / ".claude" / "skills" / "remote-task" / "SKILL.md").read_text()
    for form in ("<prompt>", "status", "output <TASK_ID>", "attach <TASK_ID>", "kill <TASK_ID>"):
        assert f"| `/remote-task {form}` |" in text
    remote_task(tasks, project, f"attach 1-00000000 {script('You do it.')}")
    assert any("kubecoder task attach" in prompt for prompt in tasks.model.prompts())
