"""Waiting for a prompt to be done, and the exit codes that say how it ended."""

from __future__ import annotations

import threading

import pytest

from agent.models import Activity, Message, Status
from kubecoder.agentclient import AgentClient
from kubecoder.agentclient.reach import UrlReach
from kubecoder.agentclient.waiting import Verdict, verdict, wait
from kubecoder.errors import InterruptedRunError
from tests.rigs.cli import Cli
from tests.unit.cli.task.played import TASK_ID, TOKEN, PlayedAgent, task
from tests.unit.cluster.server import Server

REACHED, FAILED = Verdict.REACHED, Verdict.FAILED
BY_ACTIVITY = {Activity.IDLE: REACHED, Activity.STOPPED: FAILED, Activity.FAILED: FAILED, Activity.BLOCKED: FAILED}
BY_STATUS = {
    Status.COMPLETED: REACHED,
    Status.ERROR: FAILED,
    Status.KILLED: FAILED,
    Status.INTERRUPTED: FAILED,
    Status.QUEUED: None,
}


@pytest.mark.parametrize("activity", list(Activity))
def test_a_running_task_is_done_by_its_activity(activity: Activity) -> None:
    assert verdict(task(activity=activity)) is BY_ACTIVITY.get(activity)


@pytest.mark.parametrize("status", list(BY_STATUS))
def test_a_task_that_does_not_run_is_done_by_its_status(status: Status) -> None:
    assert verdict(task(status=status)) is BY_STATUS[status]


def test_a_running_task_of_which_nothing_is_known_goes_on() -> None:
    assert verdict(task(activity=None)) is None


def test_wait_ends_when_the_prompt_is_done(run: Cli, agent: PlayedAgent) -> None:
    def go_on() -> None:
        agent.become(activity="waiting_permission")
        agent.become(activity="working")
        agent.become(activity="idle")

    agent.after_looks(1, go_on)
    done = run("task", "wait", TASK_ID).expect()
    assert done.stdout == f"{TASK_ID}: idle: the prompt is done\n"
    assert done.stderr == f"{TASK_ID}: waits for permission; kubecoder task status {TASK_ID}\n"


def test_wait_for_a_task_that_is_done_already_ends_at_once(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks[TASK_ID] = task(activity="idle")
    assert run("task", "wait", TASK_ID, "-o", "json").expect().json()["activity"] == "idle"
    assert run("task", "wait", TASK_ID, "-o", "name").expect().stdout == f"task/{TASK_ID}\n"


def test_a_message_that_waits_is_waited_for(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks[TASK_ID] = task(activity="idle")
    agent.messages = [Message(message_id="m1", prompt="more", sent_at=1.0, delivery="queued")]

    def go_on() -> None:
        agent.messages = [Message(message_id="m1", prompt="more", sent_at=1.0, delivery="delivered")]
        agent.publish("message", message=agent.messages[0].model_dump())

    agent.after_looks(1, go_on)
    run("task", "wait", TASK_ID, "--timeout", "30s").expect()


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        ({"activity": "failed"}, "output"),
        ({"activity": "blocked"}, "attach"),
        ({"activity": "stopped"}, ""),
        ({"status": "error"}, "output"),
        ({"status": "interrupted"}, "resume"),
        ({"status": "killed"}, ""),
    ],
)
def test_another_end_is_exit_1_with_the_next_step(
    state: dict[str, str], hint: str, run: Cli, agent: PlayedAgent
) -> None:
    agent.tasks[TASK_ID] = task(**state)
    assert run("task", "wait", TASK_ID).expect(1).stderr == (f"hint: kubecoder task {hint} {TASK_ID}\n" if hint else "")


def test_the_time_is_over_with_exit_7_and_the_last_state(run: Cli, agent: PlayedAgent) -> None:
    agent.after_looks(1, lambda: agent.become(activity="retrying", activity_detail="529, attempt 3"))
    done = run("task", "wait", TASK_ID, "--timeout", "1s").expect(7)
    assert done.stderr.splitlines()[0] == f"error: task {TASK_ID} isn't done yet: retrying (529, attempt 3)"
    run("task", "wait", TASK_ID, "--timeout", "0").expect(7)


def test_run_waits_for_what_it_launched(run: Cli, agent: PlayedAgent) -> None:
    made = "1764075601-00000001"
    agent.after_looks(1, lambda: agent.become(made, activity="idle"))
    done = run("task", "run", "x", "--wait", "-o", "json").expect()
    assert done.json()["task_id"] == made
    assert done.stderr == f"task {made}\n"
    assert "kubecoder task follow" in run("task", "run", "x", "--wait", "--wait-timeout", "50ms").expect(7).stderr


def test_the_waiting_can_be_stopped_from_another_thread(server: Server, agent: PlayedAgent) -> None:
    stop = threading.Event()
    agent.on_listen = lambda _: stop.set()
    with AgentClient(UrlReach(server.url, TOKEN)) as client, pytest.raises(InterruptedRunError):
        wait(client, TASK_ID, stop=stop)
