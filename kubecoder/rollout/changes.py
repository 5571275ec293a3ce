"""What a rollout means to do and what it did: actions, plans, results, progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from kubecoder.errors import KubecoderError
from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.releases.record import Release
from kubecoder.render import Rendered


class Action(StrEnum):
    """What happens, or happened, to one object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DRIFTED = "drifted"
    PRUNED = "pruned"
    RETAINED = "retained"
    SKIPPED = "skipped"
    BLOCKED = "blocked"


WRITES = frozenset({Action.CREATED, Action.CONFIGURED, Action.DRIFTED, Action.PRUNED})


class Outcome(StrEnum):
    """What became of one workspace."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    FAILED = "failed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Change:
    """One object of a plan.

    Attributes:
        manifest: None for what is pruned, retained or only known by its record.
        is_scaled: Whether somebody else than the deploy owns `spec.replicas` of a live Deployment.
    """

    ref: ObjectRef
    action: Action
    manifest: Manifest | None = None
    uid: str = ""
    resource_version: str = ""
    reason: str = ""
    is_scaled: bool = True


@dataclass(frozen=True, slots=True)
class WorkspacePlan:
    """Everything that one workspace needs.

    Attributes:
        key: For the digests of Secret values.
        release: The record that the plan was made from.
        rendered: None where the inputs are those of the record.
    """

    name: str
    namespace: str
    record_name: str
    key: bytes = field(repr=False)
    changes: tuple[Change, ...]
    release: Release | None
    rendered: Rendered | None
    blocked: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[Change, ...]:
        """The changes that send something."""
        return tuple(change for change in self.changes if change.action in WRITES)

    @property
    def is_unchanged(self) -> bool:
        """Whether the workspace needs no request at all."""
        return not self.writes and not self.blocked and self.is_recorded

    @property
    def is_recorded(self) -> bool:
        """Whether the record tells of a finished run from these very inputs."""
        if self.release is None:
            return False
        is_current = self.rendered is None or self.rendered.input_digest == self.release.input_digest
        return is_current and self.release.is_settled


@dataclass(slots=True)
class WorkspaceResult:
    """What was done for one workspace.

    Attributes:
        generation: The Deployment's `metadata.generation` after its apply; 0 when it wasn't applied.
        requests: Requests sent for this workspace.
        seconds: Wall time from the first request to the last.
    """

    name: str
    namespace: str
    outcome: Outcome
    revision: int | None = None
    changes: list[Change] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    generation: int = 0
    requests: int = 0
    seconds: float = 0.0
    error: KubecoderError | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the command must not exit 0."""
        return self.outcome in {Outcome.FAILED, Outcome.BLOCKED, Outcome.INTERRUPTED, Outcome.SKIPPED}


@dataclass(slots=True)
class FleetResult:
    """What a run did.

    Attributes:
        vanished: Deployed workspaces that no user file describes any more; they were left alone.
        requests: Everything that was sent, tries included.
    """

    context: str
    workspaces: list[WorkspaceResult] = field(default_factory=list)
    vanished: tuple[str, ...] = ()
    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one workspace, for the live table and the plain lines."""

    workspace: str
    stage: str
    done: int = 0
    total: int = 0
    message: str = ""


Reporter = Callable[[Progress], None]


def ignore_progress(_progress: Progress) -> None:
    """Report to nobody."""
