"""The tmux server of the tasks: sessions on a private socket, seen and typed into from outside.

A person who is attached may open further windows and panes. A session's pane is therefore
always the one that it began with, found by tmux's own ids, never the one that has the focus.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.terminal import keeper

ANSWER_SECONDS = 20
"""A server that hasn't answered by then hangs."""
LARGEST_LOG_BYTES = 50_000_000
"""Of a session's output, at least half of that is kept of its end."""
NAME_PATTERN = re.compile(r"[A-Za-z0-9_-]+")

# Not pane_dead_status: tmux 3.3 learns it later than the end, and for one in some hundred ends never.
_FIELDS = ("session_name", "pane_id", "pane_pid", "pane_dead", "session_attached", "pane_in_mode")
_FORMAT = "\t".join(f"#{{{name}}}" for name in _FIELDS)
# What tmux says when there is no server, or it ends while it is asked; 3.3 to 3.5.
_NO_SERVER = ("no server running", "error connecting to", "server exited", "lost server")
_NOT_FOUND = ("no current target", "can't find session", "session not found", "can't find pane", "can't find window")


class TmuxError(Exception):
    """tmux refused; the text is `<subcommand>: <what it said>`."""


class TmuxMissingError(TmuxError):
    """There is no tmux on the PATH."""


class SessionMissingError(TmuxError):
    """The session is gone, or the whole server."""


@dataclass(frozen=True, slots=True)
class Pane:
    """What a session began with.

    Attributes:
        session: The session's name.
        pid: Of the command that the session was made with.
        dead: Whether that command has ended.
        attached: How many terminals show the session.
        in_mode: Whether tmux has the keyboard, such as in copy mode.
    """

    session: str
    pid: int
    dead: bool
    attached: int
    in_mode: bool


class Tmux:
    """One tmux server.

    Args:
        socket: Its socket; the folder is made when it is missing.
        configuration: What the server reads when it starts; None for tmux's own defaults.
        largest_log_bytes: How much is kept of what a session writes; the newest.
    """

    def __init__(
        self, socket: Path, configuration: Path | None = None, *, largest_log_bytes: int = LARGEST_LOG_BYTES
    ) -> None:
        self._socket = socket
        self._largest_log_bytes = largest_log_bytes
        self._configuration = configuration or Path("/dev/null")

    async def ensure_server(self) -> None:
        """Start the server where none answers; it stays without sessions.

        Raises:
            TmuxError: It doesn't start.
        """
        await asyncio.to_thread(self._socket.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        await self._run("start-server", ";", "set-option", "-s", "exit-empty", "off")

    async def new_session(
        self,
        name: str,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        output: Path,
        size: tuple[int, int] = (220, 50),
    ) -> Pane:
        """Run a command in a session of its own; the session stays when the command has ended.

        Args:
            name: Letters, digits, `_` and `-`.
            command: Program and arguments, run without a shell.
            directory: Where it runs.
            environment: Added to the server's; never a secret, since it goes over a command line.
            output: Gets everything that the command writes to its terminal, from the first byte on; of very much the
                end. The older half may be in a file beside it, see `agent.terminal.keeper`.
            size: Columns and lines while nobody is attached.

        Raises:
            TmuxError: There is such a session already, or no such folder.
        """
        await asyncio.to_thread(_prepare_files, directory, output)
        target = f"={_checked(name)}:"
        variables = [part for key, value in environment.items() for part in ("-e", _literal(f"{key}={value}"))]
        program = [_literal(part) for part in command]
        if len(program) == 1:
            # tmux gives a single word to a shell.
            program = [_literal(shlex.quote(command[0]))]
        logger = shlex.join([sys.executable, "-I", "-S", keeper.__file__, str(output), str(self._largest_log_bytes)])
        # One command list: tmux runs it to its end before it reads from the new terminal or notices an end.
        arguments = [
            *("new-session", "-d", "-P", "-F", _FORMAT, "-s", name, "-x", str(size[0]), "-y", str(size[1])),
            *("-c", _literal(_unexpanded(str(directory))), *variables, "--", *program),
            *(";", "set-option", "-p", "-t", target, "remain-on-exit", "on"),
            *(";", "pipe-pane", "-t", target, _literal(_unexpanded(logger).replace("%", "%%"))),
        ]
        return _parse(await self._run(*arguments))[0][1]

    async def pane(self, name: str) -> Pane | None:
        """Return a session's pane, or None when there is no session of exactly this name."""
        found = await self._find(name)
        return found[1] if found else None

    async def panes(self) -> dict[str, Pane]:
        """Return the pane of every session by name; none when no server runs."""
        try:
            listed = _parse(await self._run("list-panes", "-a", "-F", _FORMAT))
        except SessionMissingError:
            return {}
        panes: dict[str, Pane] = {}
        for _, pane in sorted(listed, key=lambda entry: entry[0]):
            panes.setdefault(pane.session, pane)
        return panes

    async def capture(self, name: str, *, history: int = 0, styled: bool = False) -> str:
        """Return what the terminal shows, wrapped lines joined, without blank lines at the end.

        Args:
            name: The session.
            history: How many lines that have left the screen come with it.
            styled: With the escape sequences of colours.

        Raises:
            TmuxError: There is no such session.
        """
        styles = ["-e"] if styled else []
        start = f"-{history}" if history else "0"
        lines = await self._run("capture-pane", "-p", "-J", *styles, "-S", start, "-t", await self._target(name))
        return "\n".join(line.rstrip(" ") for line in lines.split("\n")).rstrip("\n")

    async def paste(self, name: str, text: str) -> None:
        """Paste a text, in brackets where the program asked for them, its newlines as they are.

        Raises:
            TmuxError: There is no such session.
        """
        target = await self._target(name)
        if not text:
            return
        buffer = f"paste-{secrets.token_hex(8)}"
        await self._run(
            *("load-buffer", "-b", buffer, "-", ";", "paste-buffer", "-p", "-r", "-d", "-b", buffer, "-t", target),
            stdin=text.encode(errors="replace"),
        )

    async def send_keys(self, name: str, *keys: str) -> None:
        """Press keys by tmux's names, such as `Enter`, `Escape` and `C-c`.

        Raises:
            TmuxError: There is no such session.
        """
        await self._run("send-keys", "-t", await self._target(name), "--", *(_literal(key) for key in keys))

    async def cancel_mode(self, name: str) -> None:
        """Make the keyboard reach the program again when tmux has it, as in copy mode.

        Raises:
            TmuxError: There is no such session.
        """
        await self._run("copy-mode", "-q", "-t", await self._target(name))

    async def kill_session(self, name: str) -> None:
        """End a session, by SIGHUP to what runs in it; a session that is gone is no error."""
        with contextlib.suppress(SessionMissingError):
            await self._run("kill-session", "-t", f"={_checked(name)}:")

    async def _find(self, name: str) -> tuple[int, Pane] | None:
        try:
            listed = _parse(await self._run("list-panes", "-s", "-F", _FORMAT, "-t", f"={_checked(name)}:"))
        except SessionMissingError:
            return None
        return min(listed, key=lambda entry: entry[0], default=None)

    async def _target(self, name: str) -> str:
        found = await self._find(name)
        if found is None:
            raise SessionMissingError(f"no session {name}")
        return f"%{found[0]}"

    async def _run(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run the client; it always exchanges UTF-8, whatever the locale is.

        Raises:
            TmuxError: It is missing, failed or hangs.
        """
        command = ("tmux", "-u", "-S", str(self._socket), "-f", str(self._configuration), *arguments)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={key: value for key, value in os.environ.items() if key not in ("TMUX", "TMUX_PANE")},
            )
        except FileNotFoundError:
            message = "tmux is not installed; install it with: apt-get install tmux (macOS: brew install tmux)"
            raise TmuxMissingError(message) from None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                stdout, stderr = await process.communicate(stdin)
        except TimeoutError:
            raise TmuxError(f"{arguments[0]}: tmux did not answer within {ANSWER_SECONDS} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise _failure(arguments[0], stderr.decode(errors="replace").strip())
        return stdout.decode(errors="replace")


def _failure(subcommand: str, said: str) -> TmuxError:
    message = f"{subcommand}: {said or 'tmux failed and gave no reason'}"
    if any(text in said for text in (*_NO_SERVER, *_NOT_FOUND)):
        return SessionMissingError(message)
    return TmuxError(message)


def _prepare_files(directory: Path, output: Path) -> None:
    # tmux would run the command in another folder and say nothing.
    if not directory.is_dir():
        raise TmuxError(f"new-session: there is no folder {directory}")
    try:
        os.close(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise TmuxError(f"new-session: {output}: {error.strerror}") from error


def _checked(name: str) -> str:
    """Return a name that tmux takes as it is.

    Raises:
        ValueError: It would be altered, or read as a pattern.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"{name!r} can't name a tmux session")
    return name


def _literal(argument: str) -> str:
    """Keep tmux from taking a semicolon at an argument's end for the end of the command."""
    return argument[:-1] + "\\;" if argument.endswith(";") else argument


def _unexpanded(text: str) -> str:
    """Keep tmux from expanding formats in a text."""
    return text.replace("#", "##")


def _parse(listing: str) -> list[tuple[int, Pane]]:
    """Return each pane with its id, which grows with every new one."""
    panes = []
    for line in listing.splitlines():
        session, pane_id, pid, dead, attached, in_mode = line.split("\t")
        pane = Pane(
            session=session,
            pid=int(pid),
            dead=dead == "1",
            attached=int(attached),
            in_mode=in_mode not in ("", "0"),
        )
        panes.append((int(pane_id.removeprefix("%")), pane))
    return panes
