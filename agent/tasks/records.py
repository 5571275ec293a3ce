"""What is recorded of a task: enough to go on after the agent, tmux or the pod was killed at any moment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from agent.models import PermissionMode, Status, Usage

NO_USAGE = Usage()


class Launch(BaseModel):
    """One process of a task.

    Attributes:
        launch_id: In the environment of everything it starts and in argvs, so everybody on the machine can read it.
        hook_key: Unguessable; in the addresses of its hooks, which only files of the user hold.
        started_at: Unix seconds.
        has_prompt: Whether a prompt came with the launch.
        is_resume: Whether it continues an earlier conversation.
        pid: Of the pane's first process; None until tmux has told it.
        pid_started: Start time of that process in clock ticks, so that a pid that is used again isn't taken for it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    launch_id: str
    hook_key: str
    started_at: float
    has_prompt: bool
    is_resume: bool = False
    pid: int | None = None
    pid_started: int | None = None


class Record(BaseModel):
    """A task as `task.json` holds it; the prompt and the messages have files of their own.

    Attributes:
        prompt_head: The first characters of the prompt.
        session_id: Claude's own id of the conversation; `/clear` in the terminal changes it.
        ending: What the task becomes when its process has ended, decided before the process is told to end.
        idempotency_key: Digest of the key that the task was created with.
        body_digest: Digest of the body that came with the key.
        resuming: Whether a queued task goes on with its conversation.
        webhook_due: When the newest prompt came whose end the webhook hasn't been told of.
        launch: The newest process.
        launches: How many there were.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    task_id: str
    session_id: str
    created_at: float
    prompt_head: str
    workdir: str
    permission_mode: PermissionMode
    name: str | None = None
    model: str | None = None
    timeout_seconds: int | None = None
    idle_timeout_seconds: int = 1800
    webhook: str | None = None
    webhook_due: float | None = None
    max_retries: int | None = None
    idempotency_key: str | None = None
    body_digest: str | None = None
    status: Status = Status.QUEUED
    ending: Status | None = None
    error: str | None = None
    exit_code: int | None = None
    started_at: float | None = None
    finished_at: float | None = None
    killed_at: float | None = None
    resuming: bool = False
    launch: Launch | None = None
    launches: int = 0
    usage: Usage = NO_USAGE

    @property
    def tmux_session(self) -> str:
        """The name of the task's tmux session."""
        return f"claude-{self.task_id}"

    def changed(self, **changes: object) -> Record:
        """Return the record with other values, validated."""
        return Record.model_validate({**self.model_dump(), **changes})
