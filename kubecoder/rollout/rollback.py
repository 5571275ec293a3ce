"""Bring a workspace back to a recorded revision, as a new revision (design 4.7)."""

from __future__ import annotations

from dataclasses import dataclass

from kubecoder.errors import NotFoundError
from kubecoder.releases import store
from kubecoder.releases.record import Release, Revision, rollback_target
from kubecoder.render import Rendered, record_name
from kubecoder.rollout.changes import FleetResult, WorkspacePlan
from kubecoder.rollout.deploy import Deployment
from kubecoder.rollout.planning import refuse_removals
from kubecoder.rollout.restore import restore


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback that was planned and not yet carried out.

    Attributes:
        target: The revision to come back to.
        notices: What it can't restore, for the user to read before anything is written.
    """

    plan: WorkspacePlan
    target: Revision
    notices: tuple[str, ...]


def plan_rollback(deployment: Deployment, name: str, number: int | None = None) -> Rollback:
    """Plan a rollback; writes nothing.

    Args:
        deployment: Of this one workspace.
        name: The workspace.
        number: The revision; None chooses the newest earlier one that was deployed and differs.

    Raises:
        NotFoundError: There is no such workspace or revision, or its manifests aren't kept.
        BlockedError: The revision needs Secret keys that are gone.
    """
    namespace = deployment.fleet.workspace(name).user.namespace
    release = store.load(deployment.cluster, namespace, record_name(name), fleet_id=deployment.fleet.fleet_id)
    if release is None:
        raise NotFoundError(f"workspace {name} was never deployed", hint=f"kubecoder deploy {name}")
    target = rollback_target(release) if number is None else release.revision(number)
    if not target.manifests:
        raise NotFoundError(
            f"the manifests of revision {target.number} of {name} aren't kept",
            hint=f"kubecoder history {name} lists what is",
        )
    plan, notices = _planned(deployment, release, target)
    if not deployment.options.confirmed:
        refuse_removals([plan])
    return Rollback(plan, target, tuple(notices))


def carry_out_rollback(deployment: Deployment, rollback: Rollback) -> FleetResult:
    """Apply a planned rollback; the next deploy goes forward to the fleet's files again."""

    def replan(_outdated: WorkspacePlan, release: Release) -> WorkspacePlan:
        # Somebody was at work meanwhile; the wish is still the revision that the user was told.
        return _planned(deployment, release, rollback.target)[0]

    reason = f"rollback to {rollback.target.number}"
    return deployment.carry_out([rollback.plan], reason=reason, replan=replan)


def _planned(deployment: Deployment, release: Release, target: Revision) -> tuple[WorkspacePlan, list[str]]:
    manifests, notices = restore(target.manifests, deployment.cluster.find)
    return deployment.planner.plan_restored(release, _as_rendered(release, tuple(manifests))), notices


def _as_rendered(release: Release, manifests: tuple[dict[str, object], ...]) -> Rendered:
    # No input has this digest, so that the next deploy compares with the user's file again.
    return Rendered(release.workspace, release.namespace, release.name, manifests, input_digest="rollback")
