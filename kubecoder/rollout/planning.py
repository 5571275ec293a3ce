"""From a fleet to the plans of its workspaces: what must be rendered, looked at and refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache

from kubecoder import render
from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError, BlockedError, ConfigError, Problem
from kubecoder.fleet import Fleet, Workspace
from kubecoder.models.manifest import Manifest, ref_of
from kubecoder.releases import store
from kubecoder.releases.record import Release
from kubecoder.releases.redaction import derive_key
from kubecoder.render import Rendered
from kubecoder.rollout import immutable
from kubecoder.rollout.changes import Action, Change, WorkspacePlan
from kubecoder.rollout.observe import gather
from kubecoder.rollout.plan import Findings, Target, needs_rendering, plan, removal_guard

BASE = "base"


class Planner:
    """Plans workspaces of one fleet on one cluster.

    Args:
        names: Which workspaces; None means all. The base is always planned.
        adopt: Take over objects that somebody else made.
        verify: Render everything, whatever the records say, so that the server can be asked about it.

    Attributes:
        vanished: Deployed workspaces that no user file describes any more; nothing is done to them.
    """

    def __init__(
        self,
        fleet: Fleet,
        cluster: Cluster,
        *,
        names: Collection[str] | None = None,
        adopt: bool = False,
        verify: bool = False,
    ) -> None:
        self.fleet = fleet
        self.cluster = cluster
        self.adopt = adopt
        self.verify = verify
        self.names = None if names is None else tuple(dict.fromkeys(names))
        chosen = fleet.workspaces if self.names is None else [fleet.workspace(name) for name in self.names]
        self.workspaces: dict[str, Workspace] = {workspace.user.name: workspace for workspace in chosen}
        self.vanished: tuple[str, ...] = ()
        self._inhabited: frozenset[str] = frozenset()

    def plan_all(self) -> list[WorkspacePlan]:
        """Plan the base and every chosen workspace; the base comes first.

        Records are read before objects: a record that is still the same when it is written proves that nobody
        deployed in between.

        Raises:
            ConfigError: A template is broken, or patches match nothing; nothing was sent.
        """
        self._refuse_what_cannot_be_rendered()
        releases = self._releases()
        known = {BASE, *(workspace.name for workspace in self.fleet.workspaces)}
        self.vanished = tuple(sorted(name for name in releases if name not in known))
        self._inhabited = frozenset(releases[name].namespace for name in self.vanished)
        targets = [self._base_target(releases.get(BASE))]
        targets += [self._target(workspace, releases.get(name)) for name, workspace in self.workspaces.items()]
        looked_at = () if self.names is None else (BASE, *self.names)
        return self._plans(targets, looked_at)

    def plan_again(self, outdated: WorkspacePlan, release: Release) -> WorkspacePlan:
        """Plan one workspace anew from a record that somebody else has written meanwhile."""
        known = release if release.exists else None
        if outdated.name == BASE:
            target = self._base_target(known)
        else:
            target = self._target(self.workspaces[outdated.name], known)
        if target.rendered is None:
            target = self._rendered(target)
        return self._plans([target], (outdated.name,))[0]

    def plan_restored(self, release: Release, rendered: Rendered) -> WorkspacePlan:
        """Plan a workspace to become what a revision was."""
        key = self._key(self.workspaces[release.workspace])
        target = Target(release.workspace, release.namespace, release.name, release, rendered, key)
        return self._plans([target], (release.workspace,))[0]

    def _refuse_what_cannot_be_rendered(self) -> None:
        """Render what may fail before anything is sent; each workspace of a large fleet would take too long.

        What fails is a template of the fleet's own, for one workspace as for another, or a user's patch.
        """
        render.base(self.fleet)
        has_own_templates = self.fleet.template_dir is not None
        problems: list[Problem] = []
        for index, workspace in enumerate(self.workspaces.values()):
            if not (workspace.user.patches or (has_own_templates and index == 0)):
                continue
            try:
                render.workspace(self.fleet, workspace)
            except ConfigError as error:
                if not error.problems:
                    raise
                problems += error.problems
        if problems:
            raise ConfigError.from_problems(list(dict.fromkeys(problems)))

    def _releases(self) -> dict[str, Release]:
        try:
            return store.load_all(self.cluster, self.fleet.fleet_id)
        except ApiError as error:
            if error.status != 403:
                raise
        namespaces = {self.fleet.namespace, *(workspace.user.namespace for workspace in self.workspaces.values())}
        return store.load_all(self.cluster, self.fleet.fleet_id, namespaces)

    def _base_target(self, release: Release | None) -> Target:
        rendered = render.base(self.fleet)
        key = self._base_key()
        if not key and any(manifest["kind"] == "Secret" for manifest in rendered.manifests):
            raise ConfigError(
                "a template of manifests/base makes a Secret, and no user has a cookie secret to key its digest with",
                hint="add a user first: kubecoder user add",
            )
        return Target(BASE, rendered.namespace, rendered.record_name, release, rendered, key)

    def _target(self, workspace: Workspace, release: Release | None) -> Target:
        user = workspace.user
        inputs = render.input_digest(self.fleet, workspace)
        is_recorded = release is not None and release.is_settled and release.input_digest == inputs
        target = Target(user.name, user.namespace, f"ws-{user.name}-release", release, None, self._key(workspace))
        return target if is_recorded and not self.verify else self._rendered(target)

    def _rendered(self, target: Target) -> Target:
        return replace(target, rendered=render.workspace(self.fleet, self.workspaces[target.name]))

    def _base_key(self) -> bytes:
        """Key the digests of Secrets that a fleet's own base templates make; there is one key for all users' files."""
        keys = [self._key(workspace) for workspace in self.fleet.workspaces]
        return derive_key(b"".join(keys)) if any(keys) else b""

    @staticmethod
    def _key(workspace: Workspace) -> bytes:
        oauth2 = workspace.secrets.oauth2
        return derive_key(oauth2.cookie_secret.get_secret_value().encode()) if oauth2 else b""

    def _plans(self, targets: Sequence[Target], looked_at: Collection[str]) -> list[WorkspacePlan]:
        findings = gather(self.cluster, targets, looked_at)
        plans = [self._plan(target, findings) for target in targets]
        stale = {item.name for item in plans if needs_rendering(item)}
        if stale:
            rendered = [self._rendered(target) for target in targets if target.name in stale]
            # What only the rendering brings to light may have kinds or names that nobody looked at yet.
            findings = gather(self.cluster, rendered, looked_at)
            again = {target.name: self._plan(target, findings) for target in rendered}
            plans = [again.get(item.name, item) for item in plans]
        return self.cluster.map(self._guarded, plans)

    def _plan(self, target: Target, findings: Findings) -> WorkspacePlan:
        made = plan(target, findings, fleet_id=self.fleet.fleet_id, adopt=self.adopt)
        if target.name == BASE:
            made = replace(made, changes=tuple(map(self._spared, made.changes)))
        moved = _moved(target)
        return replace(made, blocked=(*made.blocked, moved)) if moved else made

    def _spared(self, change: Change) -> Change:
        """Keep what the pod of a vanished user mounts: it is left alone, and may have to start again."""
        if change.action is not Action.PRUNED or change.ref.namespace not in self._inhabited:
            return change
        return replace(change, action=Action.RETAINED, reason="kept: a workspace without a user file is there")

    def _guarded(self, made: WorkspacePlan) -> WorkspacePlan:
        """Add what the server would refuse: changes of immutable fields, volumes that can't grow."""
        refused = list(self._immutable_changes(made))
        return replace(made, blocked=(*made.blocked, *refused)) if refused else made

    def _immutable_changes(self, made: WorkspacePlan) -> Iterable[str]:
        configured = [change for change in made.changes if change.action is Action.CONFIGURED]
        # Reading the record's manifests takes longer than all else of a workspace in which nothing changes.
        recorded = _recorded_manifests(made) if configured else {}
        for change in configured:
            if change.manifest is None or not immutable.may_be_blocked(change.manifest, recorded.get(str(change.ref))):
                continue
            live = self.cluster.find(change.ref)
            if live is not None:
                yield from (f"{change.ref}: {reason}" for reason in self._reasons(change, live))

    def _reasons(self, change: Change, live: Manifest) -> Iterable[str]:
        assert change.manifest is not None
        yield from immutable.immutable_changes(change.manifest, live)
        if change.ref.kind == "PersistentVolumeClaim":
            expands = cache(lambda name: immutable.storage_class_expands(self.cluster, name))
            reason = immutable.expansion_refusal(change.manifest, live, expands)
            if reason:
                yield reason


def refuse_removals(plans: Sequence[WorkspacePlan]) -> None:
    """Raise when far more would be deleted than anybody expects.

    Raises:
        BlockedError: With the count; nothing was written.
    """
    reason = removal_guard(plans)
    if reason:
        raise BlockedError(reason, hint="look at it with kubecoder diff; --yes goes on")


def _moved(target: Target) -> str:
    """Refuse another namespace: the home can't follow (decision D9)."""
    if target.release is None or target.release.namespace == target.namespace or target.name == BASE:
        return ""
    return (
        f"{target.name} is deployed in namespace {target.release.namespace} and its home can't move to "
        f"{target.namespace}; delete it there first (kubecoder delete keeps the data)"
    )


def _recorded_manifests(made: WorkspacePlan) -> dict[str, Manifest]:
    if made.release is None or made.release.latest is None:
        return {}
    return {str(ref_of(manifest)): manifest for manifest in made.release.latest.manifests}
