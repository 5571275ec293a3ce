"""Every failure that a client of the agent can meet, and the one JSON shape of all of them.

AgentError                  500  internal
├─ UnauthorizedError        401  unauthorized      API listener: no valid token
├─ NotSignedInError         401  not_signed_in     session listener: no complete sign-in
├─ NotAdmittedError         403  not_admitted      signed in, but not on the list
├─ WrongHostError           403  wrong_host        asked for under another name
├─ ForeignOriginError       403  foreign_origin    sent by a page that isn't ours
├─ JsonOnlyError            415  json_only         a body that isn't JSON
├─ InvalidBodyError         400  invalid_body      a body or query that can't be used
│  └─ RefusedPromptError    400  refused_prompt    a prompt that would be a command to Claude's terminal
├─ BodyTooLargeError        413  body_too_large
├─ TaskNotFoundError        404  task_not_found
├─ PermissionNotFoundError  404  permission_not_found
├─ SessionEndedError        404  not_running       there is no session to talk to (404 as in kube-coder)
├─ NotRunningError          409  not_running       the session does nothing of the kind now
├─ ServiceNotFoundError     404  service_not_found there is no such service
├─ OwnServiceError          409  own_service       the agent doesn't restart itself
├─ KeyNotFoundError         404  key_not_found     there is no SSH key
├─ KeyExistsError           409  key_exists        an SSH key is there, and stays
├─ CloneNotFoundError       404  clone_not_found
├─ FolderExistsError        409  folder_exists     a clone never goes over anything
├─ ChangedError             409  changed           it isn't what the person saw any more
├─ LoginNeededError         409  not_signed_in     Claude has neither key nor login
├─ KeyReusedError           409  idempotency_key_reused
├─ QueueFullError           429  queue_full
├─ DiskFullError            507  disk_full
└─ UnavailableError         503  unavailable       a mounted file, the home or a program can't be used now

SettingsError isn't among them: the agent doesn't start with invalid settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class AgentError(Exception):
    """Base of all answers that aren't a success.

    Args:
        message: What went wrong, for a person; never holds a secret.
        hint: The next step, where there is one.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnauthorizedError(AgentError):
    """The API listener got no valid bearer token."""

    status = 401
    code = "unauthorized"


class NotSignedInError(AgentError):
    """The door's headers are missing, doubled, malformed or expired."""

    status = 401
    code = "not_signed_in"


class NotAdmittedError(AgentError):
    """The signed-in person isn't on the current allow-list."""

    status = 403
    code = "not_admitted"


class WrongHostError(AgentError):
    """The request names another host than the workspace's own."""

    status = 403
    code = "wrong_host"


class ForeignOriginError(AgentError):
    """A request that changes state, or an upgrade, comes from a page that isn't ours."""

    status = 403
    code = "foreign_origin"


class JsonOnlyError(AgentError):
    """The session listener takes JSON bodies only."""

    status = 415
    code = "json_only"


class UnavailableError(AgentError):
    """A mounted file or the home can't be used at the moment."""

    status = 503
    code = "unavailable"


class InvalidBodyError(AgentError):
    """A body or query that can't be used."""

    status = 400
    code = "invalid_body"


class RefusedPromptError(InvalidBodyError):
    """The prompt would be a command to Claude's terminal."""

    code = "refused_prompt"


class BodyTooLargeError(AgentError):
    """The body is larger than any that makes sense."""

    status = 413
    code = "body_too_large"


class TaskNotFoundError(AgentError):
    """No task has this id."""

    status = 404
    code = "task_not_found"


class PermissionNotFoundError(AgentError):
    """The task never asked for this."""

    status = 404
    code = "permission_not_found"


class SessionEndedError(AgentError):
    """There is no session to talk to; 404 as in kube-coder's API."""

    status = 404
    code = "not_running"


class NotRunningError(AgentError):
    """The session does nothing of the kind that was asked for now."""

    status = 409
    code = "not_running"


class ServiceNotFoundError(AgentError):
    """No service has this name."""

    status = 404
    code = "service_not_found"


class OwnServiceError(AgentError):
    """The service is the agent itself, which couldn't answer any more."""

    status = 409
    code = "own_service"


class KeyNotFoundError(AgentError):
    """There is no SSH key."""

    status = 404
    code = "key_not_found"


class KeyExistsError(AgentError):
    """There is an SSH key, and it stays."""

    status = 409
    code = "key_exists"


class CloneNotFoundError(AgentError):
    """No clone has this id."""

    status = 404
    code = "clone_not_found"


class FolderExistsError(AgentError):
    """Something is where a clone should go."""

    status = 409
    code = "folder_exists"


class ChangedError(AgentError):
    """What should be changed isn't what the person saw any more."""

    status = 409
    code = "changed"


class LoginNeededError(AgentError):
    """Claude Code has neither an API key nor a login."""

    status = 409
    code = "not_signed_in"


class KeyReusedError(AgentError):
    """An idempotency key came again with another body."""

    status = 409
    code = "idempotency_key_reused"


class QueueFullError(AgentError):
    """Too many tasks wait already."""

    status = 429
    code = "queue_full"


class DiskFullError(AgentError):
    """The home is full, so a new task couldn't keep its records."""

    status = 507
    code = "disk_full"


class SettingsError(Exception):
    """The environment or a mounted file is invalid; the process doesn't start.

    Attributes:
        exit_code: What the process ends with.
        problems: One sentence for each thing that is wrong.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
