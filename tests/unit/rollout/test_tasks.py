"""What the end of a pod would interrupt is known before it ends, or said not to be known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.models import Activity, Status
from kubecoder.cli import interrupting
from kubecoder.cluster import Cluster, config
from kubecoder.cluster.exchange import Exchange
from kubecoder.cluster.pods import Place
from kubecoder.errors import AgentUnreachableError, ApiError, BlockedError
from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.output import Printer
from kubecoder.rollout import tasks
from kubecoder.rollout.changes import Action, Change, WorkspacePlan
from kubecoder.rollout.tasks import AtWork, ask, endangered, guard, is_at_work, spare
from tests.objects import FLEET, deployment, pod, running, waiting
from tests.unit.agentclient.conftest import refusal
from tests.unit.agentclient.conftest import task as sent_task
from tests.unit.agentclient.played_cluster import PlayedCluster
from tests.unit.cli.task.played import task
from tests.unit.cluster.server import Server, write_kubeconfig
from tests.unit.shelf import Shelf

PLACE = Place(FLEET, "john", "coder")
DONE = {Activity.IDLE, Activity.STOPPED, Activity.FAILED}


@pytest.mark.parametrize("activity", list(Activity))
def test_everything_but_a_done_prompt_is_at_work(activity: Activity) -> None:
    assert is_at_work(task(activity=activity)) is (activity not in DONE)


@pytest.mark.parametrize("status", list(Status))
def test_a_task_that_waits_for_room_is_at_work_and_one_that_has_ended_is_not(status: Status) -> None:
    assert is_at_work(task(status=status, activity=None)) is (status in (Status.QUEUED, Status.RUNNING))


def test_tasks_are_named_with_what_they_do() -> None:
    one = AtWork("john", (task(name="nightly", activity="waiting_permission"),))
    assert str(one) == "1 task is at work: nightly (waiting_permission)"
    many = AtWork("john", tuple(task(f"{number}-00000000", status="queued") for number in range(7)))
    assert str(many).startswith("7 tasks are at work: 0-00000000 (queued), 1-")
    assert str(many).endswith(" and 2 more")
    unknown = AtWork("john", problem=AgentUnreachableError("no answer"))
    assert str(unknown) == "whether tasks are at work isn't known: no answer"


@pytest.fixture
def script() -> PlayedCluster:
    return PlayedCluster()


@pytest.fixture
def cluster(script: PlayedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster with john's workspace, whose agent the test plays."""
    monkeypatch.setattr("kubecoder.agentclient.transport.PAUSES", (0.0,))
    with Server(script) as server:
        access = config.load(str(write_kubeconfig(tmp_path / "kubeconfig", server.url)))
        with Cluster(Exchange(access, 2), workers=2) as connected:
            yield connected


def test_an_agent_is_asked_for_what_is_at_work(cluster: Cluster, script: PlayedCluster) -> None:
    idle = sent_task(task_id="1-00000001", activity="idle")
    script.answer = (200, {"tasks": [sent_task(), idle]})
    found = ask(cluster, PLACE)
    assert found is not None
    assert str(found) == "1 task is at work: 1764075600-0a1b2c3d (working)"
    script.answer = (200, {"tasks": [idle]})
    assert ask(cluster, PLACE) is None


def test_an_agent_that_does_not_answer_is_not_known(cluster: Cluster, script: PlayedCluster) -> None:
    script.is_deaf = True
    assert "nothing listens on that port" in str(ask(cluster, PLACE))
    script.is_deaf, script.accepted = False, "another"
    assert "isn't known" in str(ask(cluster, PLACE))
    script.token = None
    assert "holds no token" in str(ask(cluster, PLACE))


def test_a_workspace_without_a_pod_has_nothing_to_lose(cluster: Cluster, script: PlayedCluster) -> None:
    script.pod = None
    assert ask(cluster, PLACE) is None


def test_an_agent_from_before_there_were_tasks_has_none(cluster: Cluster, script: PlayedCluster) -> None:
    script.answer = (404, refusal("not_found"))
    assert ask(cluster, PLACE) is None


def test_a_cluster_that_refuses_is_not_known(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ApiError("forbidden", status=403)

    monkeypatch.setattr("kubecoder.agentclient.reach.Forward", refuse)
    assert str(ask(cluster, PLACE)) == "whether tasks are at work isn't known: forbidden"


class Applying(Shelf):
    """A cluster in which an apply makes another pod of a Deployment, or doesn't."""

    def __init__(self, *manifests: Manifest, image: str = "kubecoder/workspace:2") -> None:
        super().__init__(*manifests)
        self.image = image
        self.applies = 0

    def apply(self, manifest: Manifest, **_: object) -> Manifest:
        self.applies += 1
        if self.image == "refused":
            raise ApiError("no", status=422)
        template = {"spec": {"containers": [{"name": "ide", "image": self.image}]}}
        found = deployment(manifest["metadata"]["name"].removeprefix("ws-"), template=template)
        return {**found, "metadata": {**found["metadata"], "uid": "u", "resourceVersion": "2"}}


TEMPLATE = {"spec": {"containers": [{"name": "ide", "image": "kubecoder/workspace:1"}]}}


def holding(*more: Manifest, **options: Any) -> Any:
    return Applying(deployment("john", template=TEMPLATE), *more, **options)


def plan(action: Action = Action.CONFIGURED, *, kind: str = "Deployment", **fields: Any) -> WorkspacePlan:
    ref = ObjectRef("apps/v1", kind, "coder", "ws-john")
    change = Change(ref, action, deployment("john", template=TEMPLATE))
    return WorkspacePlan("john", "coder", "r", b"", (change,), None, None, **fields)


def busy(_: Cluster, place: Place) -> AtWork:
    return AtWork(place.name, (task(),))


UP = pod(running(), ready=True)


@pytest.mark.parametrize(
    ("cluster", "made"),
    [
        (holding(UP), plan(Action.UNCHANGED)),
        (holding(UP), plan(Action.CREATED)),
        (holding(UP), plan(kind="ConfigMap")),
        (holding(UP), plan(blocked=("no",))),
        (holding(), plan()),
        (holding(pod(waiting("CrashLoopBackOff"))), plan()),
        (holding(UP, image="kubecoder/workspace:1"), plan()),
    ],
    ids=["unchanged", "created", "other kind", "blocked", "no pod", "not running", "same pod"],
)
def test_a_workspace_whose_pod_stays_is_left_alone(cluster: Any, made: WorkspacePlan) -> None:
    assert endangered(cluster, FLEET, [made], asker=busy) == {}


@pytest.mark.parametrize(
    ("cluster", "made"),
    [
        (holding(UP), plan()),
        (holding(UP), plan(Action.DRIFTED)),
        (holding(UP), plan(Action.PRUNED)),
        (holding(UP, image="refused"), plan()),
    ],
    ids=["configured", "drifted", "pruned", "unclear"],
)
def test_a_workspace_whose_pod_would_go_is_named_with_its_tasks(cluster: Any, made: WorkspacePlan) -> None:
    assert set(endangered(cluster, FLEET, [made], asker=busy)) == {"john"}


def test_nothing_is_sent_for_what_does_not_touch_a_pod() -> None:
    cluster = holding(UP)
    endangered(cluster, FLEET, [plan(Action.UNCHANGED), plan(kind="Secret")], asker=busy)
    endangered(cluster, FLEET, [plan()], asker=lambda *_: None)
    assert (cluster.lists, cluster.applies) == (1, 0)


def test_a_spared_plan_is_blocked_with_the_tasks_and_the_way_out() -> None:
    blocked = spare(plan(), AtWork("john", (task(),))).blocked
    assert blocked == ("1 task is at work: 1764075600-0a1b2c3d (working); --interrupt-tasks goes on nevertheless",)
    assert spare(plan(), None).blocked == ()


def test_what_is_planned_again_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "endangered", lambda *_: {"john": AtWork("john", (task(),))})
    assert guard(holding(), FLEET, set())(plan()).blocked != ()
    assert guard(holding(), FLEET, {"john"})(plan()).blocked == ()


class Asked:
    """Whether a person is there and what they say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.questions: list[str] = []
        self.answer = False
        self.is_there = True
        monkeypatch.setattr(interrupting, "can_ask", lambda: self.is_there)
        monkeypatch.setattr("typer.confirm", self._confirm)

    def _confirm(self, question: str, **_: object) -> bool:
        self.questions.append(question)
        return self.answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr(tasks, "ask", busy)
    return Asked(monkeypatch)


Refusals = dict[str, BlockedError]


def leave(**options: Any) -> Refusals:
    return interrupting.require_leave(Printer(), holding(), [PLACE], **{"interrupt": False, **options})


def test_on_a_terminal_one_question_decides(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(leave()) == {"john"}
    assert "john: 1 task is at work" in capsys.readouterr().err
    asked.answer = True
    assert leave() == {}
    assert len(asked.questions) == 2


def test_without_a_terminal_the_answer_is_no_with_the_way_out(asked: Asked) -> None:
    asked.is_there = False
    refusal = leave()["john"]
    assert (refusal.exit_code, "--interrupt-tasks" in str(refusal.hint)) == (5, True)
    assert leave(interrupt=True) == {}
    assert asked.questions == []


def test_where_nothing_is_at_work_nobody_is_asked(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ask", lambda *_: None)
    assert leave() == {}
    assert asked.questions == []


class PlayedDeployment:
    """As much of a deployment as the question needs."""

    def __init__(self) -> None:
        import threading

        self.cluster: Any = holding(UP)
        self.fleet = type("Fleet", (), {"fleet_id": FLEET})
        self.stop = threading.Event()
        self.guard: Callable[[WorkspacePlan], WorkspacePlan] = lambda made: made


def spared(deployment: Any, **options: Any) -> tuple[str, ...]:
    [made] = interrupting.spared_plans(Printer(), deployment, [plan()], **{"interrupt": False, **options})
    return made.blocked


def test_plans_are_spared_as_the_answer_says(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tasks, "endangered", lambda *_: {"john": AtWork("john", (task(),))})
    deployment = PlayedDeployment()
    assert spared(deployment) != ()
    assert deployment.guard(plan()).blocked != ()
    asked.answer = True
    assert spared(deployment) == ()
    assert deployment.guard(plan()).blocked == ()
    asked.answer = False
    assert spared(deployment, interrupt=True) == ()
    capsys.readouterr()
    assert spared(deployment, dry_run=True) == ()
    assert "john: its pod would be replaced, and 1 task is at work" in capsys.readouterr().err
    deployment.stop.set()
    assert spared(deployment) == ()
