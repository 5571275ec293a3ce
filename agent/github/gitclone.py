"""One `git clone` that can't ask, hang or be led to another transport: its process, its progress, its failure."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.errors import UnavailableError

# git's own names of what it does, where it can tell how far it is.
_PROGRESS = re.compile(r"(?:remote: )?([A-Z][a-z]+(?: [a-z]+){0,2}): +(\d{1,3})% ")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CREDENTIALS = re.compile(r"//[^/@\s]+@")
# Ways out of the pod that an admin has set; nothing else of the agent's environment concerns git.
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ssl_cert_file", "ssl_cert_dir")
KEPT_LINES = 20
LINE_CHARACTERS = 300
END_SECONDS = 10.0

Progress = Callable[[str, int], None]

HINTS = (
    (
        ("could not read Username", "Authentication failed", "terminal prompts disabled"),
        "install the GitHub App for this repository, sign in with `gh auth login` in the terminal, or clone by SSH",
    ),
    (("Permission denied (publickey",), "add the workspace's SSH key to your account on GitHub"),
    (
        ("Host key verification failed",),
        "run `ssh -T git@HOST` in the terminal once and compare the fingerprint with the one that the host publishes",
    ),
    (
        ("epository not found", "' not found", "returned error: 404"),
        "look at the address; a private repository that the workspace may not read is not found either",
    ),
    (
        ("Could not resolve host", "Could not resolve proxy", "Failed to connect", "Couldn't connect", "timed out"),
        "look at the address, and with `kubecoder test` at what the network policy lets out",
    ),
    (("No space left", "Disk quota exceeded"), "free space in the home, or enlarge `user.pvcSize`"),
    (("transport '",), "git's configuration rewrites the address to one that isn't HTTPS or SSH"),
)
OTHER_HINT = "run the same `git clone` in the terminal, which shows all that git says"


class CloneFailedError(Exception):
    """git ended with a failure.

    Attributes:
        hint: The next step.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        found = (hint for words, hint in HINTS if any(word in message for word in words))
        self.hint = next(found, OTHER_HINT)


async def clone(home: Path, url: str, destination: Path, *, seconds: float, progress: Progress) -> None:
    """Clone into an empty folder; a failure, a time-out or a cancellation leaves nothing in it.

    Args:
        home: Whose git configuration and SSH key count.
        url: A checked address; only HTTPS and SSH get through whatever git's configuration makes of it.
        destination: An empty folder.
        seconds: It is given up after so many.
        progress: Called with what git does and how many percent of it are done.

    Raises:
        CloneFailedError: git failed, or took too long.
        UnavailableError: git isn't installed.
    """
    process = await _started(home, url, destination)
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        async with asyncio.timeout(seconds):
            await _follow(process, lines, progress)
            code = await process.wait()
    except TimeoutError as error:
        raise CloneFailedError(f"it wasn't done after {seconds:.0f} s") from error
    finally:
        if process.returncode is None:
            await _end(process)
            await asyncio.to_thread(_empty, destination)
    if code:
        raise CloneFailedError(_failure(lines, code))


async def _started(home: Path, url: str, destination: Path) -> asyncio.subprocess.Process:
    argv = [
        *("git", "-c", "credential.interactive=false", "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60"),
        *("clone", "--progress", "--", url, str(destination)),
    ]
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            env=environment(home, os.environ),
            cwd=home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # A group of its own, to end git's helpers with it; and no terminal that ssh could ask at.
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise UnavailableError("git isn't installed here, or the home is gone") from error


def environment(home: Path, agent: Mapping[str, str]) -> dict[str, str]:
    """Return git's environment.

    Args:
        home: The user's.
        agent: The agent's own environment.
    """
    passed_on = {name: value for name, value in agent.items() if name.lower() in _PASSED_ON}
    return {
        **passed_on,
        "PATH": agent.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        # Set and empty: no program of the configuration is asked either.
        "GIT_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        # Neither `ext::`, which runs a command, nor `file::`, nor what a redirect or `insteadOf` makes of an address.
        "GIT_ALLOW_PROTOCOL": "https:ssh",
        # No shared connection: one that stays in the background would hold our end of git's output open.
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ControlPath=none",
    }


async def _follow(process: asyncio.subprocess.Process, lines: deque[str], progress: Progress) -> None:
    assert process.stderr is not None
    rest = ""
    while chunk := await process.stderr.read(8192):
        *whole, rest = re.split(r"[\r\n]", rest + chunk.decode(errors="replace"))
        rest = rest[-LINE_CHARACTERS:]
        for line in filter(None, whole):
            if found := _PROGRESS.match(line):
                progress(found[1], min(int(found[2]), 100))
            else:
                lines.append(line)
    if rest:
        lines.append(rest)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
                return


def _empty(folder: Path) -> None:
    """Remove what git had no time to remove."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _failure(lines: deque[str], code: int) -> str:
    """Return the lines that say why, without control characters and credentials."""
    cleaned = [_CREDENTIALS.sub("//", _CONTROL.sub("", line)).strip()[:LINE_CHARACTERS] for line in lines]
    telling = [line for line in cleaned if line.startswith(("fatal: ", "error: ", "ERROR: ", "ssh: ", "remote: "))]
    telling += [line for line in cleaned if "Permission denied" in line or "verification failed" in line]
    return "; ".join(dict.fromkeys(telling[-3:])) or f"git ended with {code}: {' '.join(cleaned[-1:])}"
