"""A checked fleet: its users, their secrets, and what they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kubecoder.errors import NotFoundError
from kubecoder.fleet.sources import choices
from kubecoder.models.secrets import Secrets
from kubecoder.models.user import UserFile


@dataclass(frozen=True)
class Workspace:
    """What one user's workspace is made from.

    Attributes:
        file: The user's file.
        input_digest: Changes with any value or secret; keyed with the cookie secret.
        secret_files: The files that each part of the secrets comes from, the user's own first.
    """

    user: UserFile
    secrets: Secrets
    file: Path
    input_digest: str
    secret_files: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The user's name, which is the workspace's too."""
        return self.user.name


@dataclass(frozen=True)
class Fleet:
    """All users of one folder, checked together.

    Attributes:
        namespace: The default namespace of `_defaults.yaml`.
        context: The kubeconfig context that `_defaults.yaml` names.
        workspaces: Those of all users, sorted by name.
        notices: What the admin should know about files that are valid.
        template_dir: The fleet's own templates.
    """

    directory: Path
    fleet_id: str
    namespace: str
    context: str | None
    workspaces: tuple[Workspace, ...]
    notices: tuple[str, ...] = ()
    template_dir: Path | None = None

    def workspace(self, name: str) -> Workspace:
        """Return one user's workspace.

        Raises:
            NotFoundError: There is none of this name.
        """
        for workspace in self.workspaces:
            if workspace.name == name:
                return workspace
        hint = choices(workspace.name for workspace in self.workspaces)
        raise NotFoundError(f"no user {name} in this fleet", hint=hint)
