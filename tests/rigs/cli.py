"""Run the real `kubecoder`, in this process or as one of its own, and make fleets by it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

DOMAIN = "dev.example.com"
NAMES = ("john", "jane", "imran", "gerard")


@dataclass(frozen=True)
class CliResult:
    """What one run of the command line left."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    def expect(self, exit_code: int = 0) -> CliResult:
        """Return itself, or fail with the whole output when the exit code is another one."""
        assert self.exit_code == exit_code, (
            f"kubecoder {' '.join(self.argv)}: exit code {self.exit_code} instead of {exit_code}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )
        return self

    def json(self) -> Any:
        """Parse stdout."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Cli:
    """The command line with the settings of one test.

    Attributes:
        environment: Set for each run: KUBECONFIG, KUBECODER_FLEET …
        directory: The working directory of subprocesses.
    """

    environment: Mapping[str, str]
    directory: Path

    def with_environment(self, **variables: str) -> Cli:
        """Return the same with further variables."""
        return Cli({**self.environment, **variables}, self.directory)

    def in_fleet(self, fleet: Path) -> Cli:
        """Return the same for a fleet's folder."""
        return self.with_environment(KUBECODER_FLEET=str(fleet))

    def __call__(self, *argv: str) -> CliResult:
        """Run in this process: fast, covered, debuggable; not for what needs a terminal or a signal."""
        from kubecoder.cli.main import main

        stdin, stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(3))
        with (
            mock.patch.dict(os.environ, self.environment),
            mock.patch.object(sys, "argv", ["kubecoder", *argv]),
            mock.patch.object(sys, "stdin", stdin),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            exit_code = _exit_code_of(main)
        return CliResult(argv, exit_code, _written(stdout), _written(stderr))

    def run(self, *argv: str, stdin: str = "", seconds: float = 120) -> CliResult:
        """Run as a process and wait for its end."""
        done = subprocess.run(
            self.command(*argv),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.process_environment(),
            cwd=self.directory,
            check=False,
        )
        return CliResult(argv, done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def running(self, *argv: str) -> Iterator[subprocess.Popen[str]]:
        """Start a process for tests that watch or signal it; it is killed at the end of the block."""
        process = subprocess.Popen(
            self.command(*argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.process_environment(),
            cwd=self.directory,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    @staticmethod
    def command(*argv: str) -> list[str]:
        """Return the argv of a process that runs `kubecoder`."""
        return [sys.executable, "-m", "kubecoder", *argv]

    def process_environment(self) -> dict[str, str]:
        """Return the environment of such a process."""
        return {**os.environ, **self.environment}


def _written(stream: io.TextIOWrapper) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


def _exit_code_of(main: Any) -> int:
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception:  # noqa: BLE001 - a traceback is what a user would see, and what a test must see
        traceback.print_exc(file=sys.stderr)
        return 1
    return 0


def make_fleet(
    cli: Cli,
    directory: Path,
    users: int | Sequence[str] = 2,
    *,
    namespace: str,
    defaults: Mapping[str, Any] | None = None,
) -> Path:
    """Make a fleet that can deploy, by `kubecoder init` and `kubecoder user add`.

    Args:
        cli: Runs the commands.
        directory: The fleet's folder.
        users: Names, or how many: john, jane, imran, gerard, user-5, …
        namespace: Of all workspaces; written into `users/_defaults.yaml`.
        defaults: Merged over `users/_defaults.yaml`, one level deep.
    """
    secret_file = directory.parent / f"{directory.name}-client-secret"
    secret_file.write_text("0123456789abcdef0123456789abcdef01234567\n")
    secret_file.chmod(0o600)
    cli(
        *("init", str(directory), "--domain", DOMAIN, "--email", "admin@example.com"),
        *("--oauth-client-id", "Iv1.0123456789abcdef", "--oauth-client-secret-file", str(secret_file)),
    ).expect()
    override_defaults(directory, {"namespace": namespace, **(defaults or {})})
    for name in _user_names(users):
        cli(
            *("-C", str(directory), "user", "add", name, "--github", f"{name}-gh"),
            *("--full-name", name.title(), "--email", f"{name}@example.com", "--domain", DOMAIN),
        ).expect()
    return directory


def override_defaults(fleet: Path, values: Mapping[str, Any]) -> None:
    """Write values into a fleet's `users/_defaults.yaml`; maps merge one level deep."""
    file = fleet / "users" / "_defaults.yaml"
    document = yaml.safe_load(file.read_text()) or {}
    for key, value in values.items():
        known = document.get(key)
        document[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, Mapping) else value
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def _user_names(users: int | Sequence[str]) -> list[str]:
    if not isinstance(users, int):
        return list(users)
    return [NAMES[index] if index < len(NAMES) else f"user-{index + 1}" for index in range(users)]
