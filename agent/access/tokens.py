"""The two tokens of the API listener: the admin's, mounted, and the user's, on the home volume."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from typing import Literal

from agent.errors import UnavailableError
from agent.files import read_small, write_atomically

# Shorter content is a mistake, such as a placeholder, and never accepted.
MINIMUM_BYTES = 32
TokenName = Literal["admin", "user"]


class Tokens:
    """Both tokens; each file is read again at each use, so that a rotation acts at once."""

    def __init__(self, *, admin_file: Path, user_file: Path) -> None:
        self._admin_file = admin_file
        self._user_file = user_file

    def identify(self, presented: bytes) -> TokenName | None:
        """Return whose token this is, or None when it is nobody's.

        Bytes are compared, in constant time: a header may hold any of them.
        """
        files: tuple[tuple[TokenName, Path], ...] = (("admin", self._admin_file), ("user", self._user_file))
        for name, path in files:
            expected = read_secret(path)
            if expected and hmac.compare_digest(presented, expected):
                return name
        return None

    def has_admin_token(self) -> bool:
        """Tell whether the admin's token is there and long enough."""
        return bool(read_secret(self._admin_file))

    def user_token(self) -> str:
        """Return the user's token.

        Raises:
            UnavailableError: The file is gone or damaged; rotating makes a new one.
        """
        token = read_secret(self._user_file)
        if not token:
            raise UnavailableError(f"{self._user_file} holds no token", hint="make a new one")
        return token.decode("latin-1")

    def ensure_user_token(self) -> None:
        """Make the user's token when there is none; keep it otherwise, and mend its mode.

        Raises:
            OSError: The home can't be written.
        """
        if read_secret(self._user_file):
            self._user_file.chmod(0o600)
        else:
            self.rotate_user_token()

    def rotate_user_token(self) -> str:
        """Replace the user's token and return the new one; the old one is invalid at once.

        Raises:
            OSError: The home can't be written.
        """
        token = secrets.token_urlsafe(36)
        self._user_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._user_file, token.encode())
        return token


def bearer_token(values: list[bytes]) -> bytes:
    """Return the token of the one Authorization header, or empty bytes where there isn't exactly one."""
    if len(values) != 1:
        return b""
    scheme, _, token = values[0].strip().partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def read_secret(path: Path) -> bytes:
    """Read a token or key from its file; empty when it can't be read or is too short to be one."""
    try:
        content = read_small(path, limit=4096).strip()
    except OSError:
        return b""
    return content if len(content) >= MINIMUM_BYTES else b""
