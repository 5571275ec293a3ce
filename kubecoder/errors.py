"""Every error a user can meet, each with its exit code and the next step.

KubecoderError                 1   anything that failed
├─ UsageError                  2   the command line asks for something that can't be
├─ ConfigError                 3   fleet files, secrets, templates, settings: nothing was sent
│  └─ TemplateError            3   a manifest template
├─ NotFoundError               4   a user, workspace, revision, container, task
├─ ClusterError                5   the Kubernetes API
│  ├─ ApiError                 5   an answer of the API server that isn't a success
│  ├─ UnreachableError         5   no answer at all
│  ├─ ConflictError            5   a field belongs to somebody else
│  ├─ LockedError              5   another deploy holds the workspace
│  └─ BlockedError             5   a guard refused before anything was written
├─ AgentError                  6   the server in the workspace
│  └─ AgentUnreachableError    6   no answer from it
├─ WaitTimeoutError            7   what was awaited didn't happen in time
└─ InterruptedRunError       130   Ctrl-C or SIGTERM; what was in flight has finished
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


class KubecoderError(Exception):
    """Base of all expected errors; `str()` is the one line that a user reads.

    Args:
        message: What went wrong, naming the thing.
        hint: The next step for the user, where there is one.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(KubecoderError):
    """The command line asks for something that can't be."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place of a file, with what to write instead.

    Attributes:
        path: The file, as the user would name it.
        message: What is wrong; never holds a secret value.
        line: 1-based line, or None where the whole file is meant.
        key: Dotted key such as `user.host`, or an empty string.
        advice: What to write instead, or an empty string.
    """

    path: Path
    message: str
    line: int | None = None
    key: str = ""
    advice: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line is not None else str(self.path)
        key = f"{self.key}: " if self.key else ""
        advice = f" ({self.advice})" if self.advice else ""
        return f"{place}: {key}{self.message}{advice}"


class ConfigError(KubecoderError):
    """Files or settings are invalid; nothing was sent to any cluster."""

    exit_code = 3

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)

    @classmethod
    def from_problems(cls, problems: Sequence[Problem]) -> ConfigError:
        """Make the one error that reports all problems at once."""
        count = len(problems)
        return cls(f"{count} problem{'s' if count != 1 else ''} in the fleet's files", problems=problems)


class TemplateError(ConfigError):
    """A manifest template is invalid or uses an undefined name."""


class NotFoundError(KubecoderError):
    """A named thing doesn't exist."""

    exit_code = 4


class ClusterError(KubecoderError):
    """The cluster refused or failed."""

    exit_code = 5


class ApiError(ClusterError):
    """The API server answered with something else than a success.

    Attributes:
        status: HTTP status.
        reason: Kubernetes' reason word, such as `Conflict`.
        causes: `details.causes` of the Status object.
        subject: The object or path that was asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        causes: Sequence[Mapping[str, Any]] = (),
        subject: str = "",
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.causes = tuple(causes)
        self.subject = subject
        self.retry_after = retry_after


class UnreachableError(ClusterError):
    """The API server couldn't be reached or broke the connection."""


class ConflictError(ClusterError):
    """A field that we won't give up belongs to another field manager."""


class LockedError(ClusterError):
    """Another deploy holds the workspace's lock."""


class BlockedError(ClusterError):
    """A guard refused the plan; nothing was written for the workspace."""


class AgentError(KubecoderError):
    """The agent of a workspace refused or failed.

    Attributes:
        status: HTTP status of its answer; 0 where there was none.
        code: The agent's word for what went wrong, such as `not_signed_in`.
    """

    exit_code = 6

    def __init__(self, message: str, *, status: int = 0, code: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class AgentUnreachableError(AgentError):
    """The agent of a workspace gave no answer."""


class WaitTimeoutError(KubecoderError):
    """What was awaited didn't happen in time."""

    exit_code = 7


class InterruptedRunError(KubecoderError):
    """The user stopped the command; what was in flight has finished and is recorded."""

    exit_code = 130
