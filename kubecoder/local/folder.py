"""Where a workspace on this machine keeps its files and sockets."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubecoder.agentclient.reach import local_workspace_file
from kubecoder.errors import KubecoderError

LONGEST_SOCKET = 100
"""A Unix socket's path has at most 107 bytes; the longest name below the folder is shorter than the rest."""


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of everything that kubecoder keeps on this machine."""
    return local_workspace_file(environment).parent.parent


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one workspace.

    Attributes:
        root: Holds them all.
        home: The HOME of its tasks.
    """

    root: Path
    home: Path

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> Folder:
        """Return the folder of the workspace that `-u local` means."""
        return cls(local_workspace_file(environment).parent, Path(environment.get("HOME") or Path.home()))

    @property
    def workspace_file(self) -> Path:
        """Tells `kubecoder task` where the agent is; there while the workspace is up."""
        return self.root / "workspace.json"

    @property
    def process_file(self) -> Path:
        """Tells which process the agent is."""
        return self.root / "agent.json"

    @property
    def lock_file(self) -> Path:
        """Held by whoever starts or ends the workspace."""
        return self.root / "lock"

    @property
    def port_file(self) -> Path:
        """The port of the last time, which browsers know."""
        return self.root / "port"

    @property
    def log(self) -> Path:
        """What the agent prints."""
        return self.root / "agent.log"

    @property
    def state(self) -> Path:
        """The agent's own folder."""
        return self.root / "state"

    @property
    def sign_in_key_file(self) -> Path:
        """The key of the sign-in link; the agent removes it when it is used."""
        return self.state / "sign-in-key"

    @property
    def sign_in_secret_file(self) -> Path:
        """Signs the sessions of browsers; they end with it."""
        return self.state / "sign-in-secret"

    @property
    def token_file(self) -> Path:
        """The token of `kubecoder task`."""
        return self.root / "token"

    @property
    def allow_list_file(self) -> Path:
        """Who may use the workspace."""
        return self.root / "admission.json"

    @property
    def sockets(self) -> Path:
        """Holds the Unix sockets; elsewhere where the path of this folder is too long for one."""
        beside = self.root / "run"
        if len(os.fsencode(beside / "session.sock")) <= LONGEST_SOCKET:
            return beside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"kubecoder-{os.getuid()}-{name}"

    @property
    def session_socket(self) -> Path:
        """Of the agent's session listener, which nobody uses without a door."""
        return self.sockets / "session.sock"

    @property
    def tmux_socket(self) -> Path:
        """Of the tasks' tmux server."""
        return self.sockets / "tmux"

    def make(self) -> None:
        """Make the folders, for their owner alone.

        Raises:
            KubecoderError: They can't be made, or somebody else made one before.
        """
        try:
            for folder in (self.root, self.state, self.sockets, self.home):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.root, self.sockets):
                found = folder.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                    raise KubecoderError(f"{folder} isn't a folder of yours", hint="remove it, or set XDG_DATA_HOME")
                folder.chmod(0o700)
        except OSError as error:
            raise KubecoderError(
                f"{self.root} can't be made: {error.strerror}", hint="set XDG_DATA_HOME to a folder of yours"
            ) from error

    def write(self, file: Path, text: str) -> None:
        """Replace one of the files at once, readable for its owner alone."""
        temporary = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(text)
            temporary.replace(file)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise KubecoderError(f"{file} can't be written: {error.strerror}") from error
