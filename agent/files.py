"""Small files: written atomically with a mode, read with a bound."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

SMALL_FILE_BYTES = 1_000_000


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file so that a reader, or a crash, sees the old content or the new, never a part.

    The mode holds from the first byte on, whatever the umask is.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_small(path: Path, *, limit: int = SMALL_FILE_BYTES) -> bytes:
    """Read a whole file that is expected to be small.

    Raises:
        OSError: It can't be read, or holds more than `limit` bytes.
    """
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"{path} holds more than {limit} bytes")
    return content
