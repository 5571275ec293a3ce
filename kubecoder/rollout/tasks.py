"""Claude tasks that the end of a workspace's pod would interrupt (design 4.10)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from agent.models import Status, TaskSummary
from kubecoder.agentclient import AgentClient
from kubecoder.agentclient.reach import PodReach
from kubecoder.agentclient.transport import Transport
from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import POD
from kubecoder.cluster.pods import MAIN_CONTAINER, NoPodError, Place
from kubecoder.cluster.reach import list_reachable
from kubecoder.errors import AgentError, KubecoderError, NotFoundError
from kubecoder.models import pod as pods
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, Manifest
from kubecoder.rollout.apply import apply_object
from kubecoder.rollout.changes import Action, Change, WorkspacePlan

SECONDS = 5.0
"""An agent that is well answers in milliseconds; nobody wants to wait long for one that isn't."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class AtWork:
    """What a workspace would lose with its pod.

    Attributes:
        tasks: Those at work, newest first.
        problem: Why they aren't known; None when they are.
    """

    workspace: str
    tasks: tuple[TaskSummary, ...] = ()
    problem: KubecoderError | None = None

    def __str__(self) -> str:
        if self.problem is not None:
            return f"whether tasks are at work isn't known: {self.problem.message}"
        named = [f"{task.name or task.task_id} ({_word(task)})" for task in self.tasks[:SHOWN]]
        more = f" and {len(self.tasks) - SHOWN} more" if len(self.tasks) > SHOWN else ""
        count = "1 task is" if len(self.tasks) == 1 else f"{len(self.tasks)} tasks are"
        return f"{count} at work: {', '.join(named)}{more}"


Asker = Callable[[Cluster, Place], AtWork | None]


def is_at_work(task: TaskSummary) -> bool:
    """Whether a task has something to lose: all that isn't ended or known to wait for its next prompt."""
    if task.status is Status.QUEUED:
        return True
    return task.status is Status.RUNNING and (task.activity is None or not task.activity.is_done)


def ask(cluster: Cluster, place: Place) -> AtWork | None:
    """Ask a workspace's agent for its tasks; None when nothing is at work, or no pod runs."""
    reach = PodReach(cluster, place)
    transport = Transport(reach, patience=1, connect_seconds=SECONDS, answer_seconds=SECONDS)
    try:
        with AgentClient(reach, transport=transport) as client:
            found = client.list(statuses=(Status.QUEUED, Status.RUNNING)).tasks
    except NoPodError:
        return None
    except AgentError as error:
        # An agent that doesn't know the request is older than tasks are.
        return None if error.status == 404 else AtWork(place.name, problem=error)
    except NotFoundError as error:
        return AtWork(place.name, problem=error) if _has_pod(cluster, place) else None
    except KubecoderError as error:
        return AtWork(place.name, problem=error)
    working = tuple(task for task in found if is_at_work(task))
    return AtWork(place.name, working) if working else None


def endangered(
    cluster: Cluster, fleet_id: str, plans: Sequence[WorkspacePlan], *, asker: Asker = ask
) -> dict[str, AtWork]:
    """Find the workspaces whose plans would replace a pod in which tasks are at work.

    Nothing is sent for workspaces whose Deployment stays as it is.

    Args:
        cluster: Where the workspaces are.
        fleet_id: Whose they are.
        plans: What is going to be done.
        asker: Asks one agent.
    """
    suspects = [item for item in plans if not item.blocked and any(map(_may_replace_pod, item.writes))]
    if not suspects:
        return {}
    running = _with_running_pods(cluster, fleet_id, {item.namespace for item in suspects})

    def look(item: WorkspacePlan) -> AtWork | None:
        found = asker(cluster, Place(fleet_id, item.name, item.namespace))
        return found if found is not None and _replaces_pod(cluster, item) else None

    asked = [item for item in suspects if (item.namespace, item.name) in running]
    return {found.workspace: found for found in cluster.map(look, asked) if found is not None}


def spare(plan: WorkspacePlan, found: AtWork | None) -> WorkspacePlan:
    """Block a plan for the tasks that it would interrupt; a plan without such tasks stays as it is."""
    if found is None:
        return plan
    return replace(plan, blocked=(*plan.blocked, f"{found}; --interrupt-tasks goes on nevertheless"))


def guard(cluster: Cluster, fleet_id: str, allowed: Collection[str]) -> Callable[[WorkspacePlan], WorkspacePlan]:
    """Return what spares the tasks of workspaces that are planned again, except those that may be interrupted."""

    def spared(plan: WorkspacePlan) -> WorkspacePlan:
        if plan.name in allowed:
            return plan
        return spare(plan, endangered(cluster, fleet_id, [plan]).get(plan.name))

    return spared


def _may_replace_pod(change: Change) -> bool:
    return change.ref.kind == "Deployment" and change.action is not Action.CREATED


def _replaces_pod(cluster: Cluster, plan: WorkspacePlan) -> bool:
    """Ask the server whether the pod's template would become another one."""
    for change in filter(_may_replace_pod, plan.writes):
        if change.action is not Action.CONFIGURED:
            return True  # what people changed is taken back, and a dry run can't show that
        try:
            live = cluster.find(change.ref)
            wanted = apply_object(cluster, change, dry_run=True).live
        except KubecoderError:
            return True
        if live is not None and live["spec"].get("template") != wanted["spec"].get("template"):
            return True
    return False


def _with_running_pods(cluster: Cluster, fleet_id: str, namespaces: Collection[str]) -> set[tuple[str, str]]:
    """Return namespace and name of the workspaces whose own container runs: one list for all of them."""
    found = list_reachable(cluster, POD, sorted(namespaces), labels=f"{LABEL_FLEET}={fleet_id}")
    return {
        (pod["metadata"]["namespace"], pod["metadata"]["labels"][LABEL_WORKSPACE])
        for pod in found
        if LABEL_WORKSPACE in pod["metadata"].get("labels", {}) and _runs(pod)
    }


def _runs(pod: Manifest) -> bool:
    return any(status.name == MAIN_CONTAINER and status.state == "running" for status in pods.containers(pod))


def _has_pod(cluster: Cluster, place: Place) -> bool:
    return any(map(_runs, cluster.list(POD, namespace=place.namespace, labels=place.labels)))


def _word(task: TaskSummary) -> str:
    return (task.activity or task.status).value
