"""Claude Code's program: where it is, which version, and how a session of it is started."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.sh")
VERSION_SECONDS = 30.0
CREDENTIAL_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
SESSION_VARIABLES = (
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SSE_PORT",
)
"""What Claude tells the programs that it starts; a session of ours isn't one of them."""
COLOUR_VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CI", "TEAMCITY_VERSION", "TF_BUILD")
"""Claude's screen is read, and only its style tells a hint in the composer from what somebody typed.

Claude draws without colours where one of these is set (measured with `CI`, on both versions).
"""
OWN_PATTERN = re.compile(
    r"(ANTHROPIC|CLAUDE|AWS|GOOGLE|GCLOUD|CLOUD_ML|VERTEX|AZURE|DISABLE|OTEL)_\w+|API_TIMEOUT_MS|IS_SANDBOX"
    r"|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|MAX_THINKING_TOKENS|((HTTP|HTTPS|ALL|NO)_PROXY)|((http|https|all|no)_proxy)",
    re.ASCII,
)
"""Variables that Claude Code itself reads: keys, providers, proxies, switches."""
INSTALL_HINT = "install it with `npm install -g @anthropic-ai/claude-code`"


class ClaudeMissingError(Exception):
    """Claude Code isn't installed, or doesn't start."""


def find(name: str) -> Path:
    """Return the program: a path is taken as it is, a name is looked for on the PATH.

    Raises:
        ClaudeMissingError: It isn't there.
    """
    found = shutil.which(name)
    if found is None:
        raise ClaudeMissingError(f"Claude Code isn't there ({name}); {INSTALL_HINT}")
    return Path(found)


async def version(program: Path) -> str:
    """Return the version that the program tells.

    Raises:
        ClaudeMissingError: It doesn't start or tells none.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *(program, "--version"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise ClaudeMissingError(f"{program} doesn't start: {error.strerror}") from error
    try:
        async with asyncio.timeout(VERSION_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise ClaudeMissingError(f"{program} doesn't tell its version") from error
    match = re.match(r"\d+\.\d+\.\d+", output.decode(errors="replace"))
    if match is None:
        raise ClaudeMissingError(f"{program} doesn't tell its version")
    return match[0]


def arguments(
    program: Path,
    *,
    session_id: str,
    resume: bool,
    permission_mode: str,
    model: str | None,
    settings_file: Path,
) -> list[str]:
    """Return the argv of an interactive session; the first prompt isn't in it, since it goes in on stdin.

    The permission mode is always named: its default differs by plan.
    """
    conversation = ["--resume", session_id] if resume else ["--session-id", session_id]
    chosen = ["--model", model] if model else []
    return [
        str(program),
        *conversation,
        "--permission-mode",
        permission_mode,
        *chosen,
        "--settings",
        str(settings_file),
    ]


def wrapped(command: Sequence[str], *, folder: Path) -> list[str]:
    """Return the argv that runs Claude with the files of a launch: see `launch.sh`."""
    return ["/bin/sh", str(LAUNCHER), str(folder), *command]


def launch_environment(max_retries: int | None, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return what a launch changes in its environment, as a shell reads it; it may hold a key.

    The tmux server keeps the environment that it was started with, so Claude's own variables are taken
    from the agent's, and what another Claude said about its session to the agent is left out.
    """
    own = {name: value for name, value in environment.items() if OWN_PATTERN.fullmatch(name)}
    variables = {
        **{name: value for name, value in own.items() if name not in SESSION_VARIABLES},
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_TERMINAL_TITLE": "1",
        **({} if max_retries is None else {"CLAUDE_CODE_MAX_RETRIES": str(max_retries)}),
    }
    unwanted = (*SESSION_VARIABLES, *CREDENTIAL_VARIABLES, *COLOUR_VARIABLES)
    gone = [name for name in unwanted if name not in variables]
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return "".join([f"unset {' '.join(gone)}\n", *lines]).encode(errors="surrogateescape")
