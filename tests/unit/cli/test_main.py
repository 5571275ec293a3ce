"""The program: global options, errors and exit codes, the table of commands."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from kubecoder import __version__
from kubecoder.cli import commands
from kubecoder.cli.context import settings
from kubecoder.cli.main import app, main
from kubecoder.cli.options import Timeout
from kubecoder.errors import ConfigError, InterruptedRunError, KubecoderError, Problem
from kubecoder.output import Printer
from kubecoder.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, env: dict[str, str | None] | None = None) -> Result:
        return CliRunner().invoke(app, arguments, env=env, prog_name="kubecoder")

    return invoke


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Put a function into the table as the command `probe`."""

    def register(function: Callable[..., None]) -> None:
        module = ModuleType("kubecoder.cli.probe")
        module.command = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "kubecoder.cli.probe", module)
        monkeypatch.setattr(commands, "ENTRIES", (commands.Entry(commands.TOOL, "probe", "Probe."),))

    return register


@pytest.fixture
def seen(command: Callable[[Callable[..., None]], None]) -> list[Settings]:
    """The settings that `probe` got."""
    settings_seen: list[Settings] = []

    def probe(ctx: typer.Context) -> None:
        """Probe."""
        settings_seen.append(settings(ctx))

    command(probe)
    return settings_seen


def raising(error: BaseException) -> Callable[[], None]:
    def probe() -> None:
        """Probe."""
        raise error

    return probe


def subclasses(parent: type[KubecoderError]) -> Iterator[type[KubecoderError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from subclasses(child)


def test_version_option_prints_the_version(run: Run) -> None:
    assert run("--version").stdout == f"kubecoder {__version__}\n"


def test_global_options_default_to_this_folder_and_kubectls_own_choice(run: Run, seen: list[Settings]) -> None:
    assert run("probe").exit_code == 0
    assert seen == [Settings(fleet_dir=Path())]


def test_global_options_come_before_the_command(run: Run, seen: list[Settings]) -> None:
    run("-C", "/fleet", "--kubeconfig", "k", "--context", "c", "-vv", "probe")
    assert seen == [Settings(fleet_dir=Path("/fleet"), kubeconfig="k", context="c", verbose=2)]


def test_global_options_may_follow_the_command(run: Run, seen: list[Settings]) -> None:
    run("--context", "before", "probe", "--context", "after", "-C", "/fleet", "-v")
    assert seen == [Settings(fleet_dir=Path("/fleet"), context="after", verbose=1)]


def test_global_options_come_from_the_environment(run: Run, seen: list[Settings]) -> None:
    environment = {"KUBECODER_FLEET": "/fleet", "KUBECONFIG": "a:b", "KUBECODER_CONTEXT": "c"}
    run("probe", env=environment)
    assert seen == [Settings(fleet_dir=Path("/fleet"), kubeconfig="a:b", context="c")]


def test_the_command_line_wins_over_the_environment(run: Run, seen: list[Settings]) -> None:
    run("probe", "--context", "mine", env={"KUBECODER_CONTEXT": "theirs"})
    assert seen[0].context == "mine"


def test_global_options_reach_the_commands_of_a_group(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("kubecoder.cli.probe")
    group = module.app = typer.Typer()  # type: ignore[attr-defined]
    contexts = []

    @group.command()
    def inner(ctx: typer.Context) -> None:
        contexts.append(settings(ctx).context)
        raise ConfigError("bad")

    monkeypatch.setitem(sys.modules, "kubecoder.cli.probe", module)
    monkeypatch.setattr(commands, "ENTRIES", (commands.Entry(commands.TOOL, "probe", "Probe."),))
    assert run("probe", "--context", "a", "inner").exit_code == 3
    assert run("probe", "inner", "--context", "b").exit_code == 3
    assert contexts == ["a", "b"]


@pytest.mark.parametrize("error_class", list(dict.fromkeys(subclasses(KubecoderError))))
def test_every_error_has_its_exit_code(run: Run, command: Any, error_class: type[KubecoderError]) -> None:
    error = error_class.__new__(error_class)
    KubecoderError.__init__(error, "it failed", hint="do that")
    if isinstance(error, ConfigError):
        error.problems = (Problem(Path("users/a.yaml"), "is empty"),)
    command(raising(error))
    result = run("probe")
    assert result.exit_code == error_class.exit_code
    assert result.stdout == ""
    assert result.stderr.splitlines()[0] == "error: it failed"
    assert result.stderr.splitlines()[-1] == "hint: do that"
    assert "Traceback" not in result.stderr


def test_ctrl_c_is_130(run: Run, command: Any) -> None:
    command(raising(KeyboardInterrupt()))
    assert run("probe").exit_code == 130
    assert InterruptedRunError.exit_code == 130


def test_anything_else_is_a_bug_and_keeps_its_traceback(run: Run, command: Any) -> None:
    command(raising(ZeroDivisionError()))
    assert isinstance(run("probe").exception, ZeroDivisionError)


def test_a_usage_error_is_2_and_imports_no_command(run: Run) -> None:
    result = run("verison")
    assert result.exit_code == 2
    assert "Did you mean 'version'?" in result.stderr


def test_no_arguments_show_the_help(run: Run) -> None:
    assert "Usage: kubecoder [OPTIONS] COMMAND [ARGS]..." in run().output


def test_verbose_logs_to_stderr_until_the_command_ends(run: Run, command: Any) -> None:
    def probe() -> None:
        """Probe."""
        logging.getLogger("kubecoder.cluster").info("GET /api")
        logging.getLogger("kubecoder.cluster").debug("body")
        Printer().line("data")

    command(probe)
    once, twice, none = run("probe", "-v"), run("-v", "probe", "-vv"), run("probe")
    assert [line.split(": ", 1)[1] for line in once.stderr.splitlines()] == ["GET /api"]
    assert [line.split(": ", 1)[1] for line in twice.stderr.splitlines()] == ["GET /api", "body"]
    assert (none.stderr, none.stdout) == ("", "data\n")
    assert logging.getLogger("kubecoder").handlers == []


@pytest.mark.parametrize(("arguments", "seconds"), [((), 300.0), (("--timeout", "90s"), 90.0)])
def test_a_duration_reaches_the_command_in_seconds(
    run: Run, command: Any, arguments: tuple[str, ...], seconds: float
) -> None:
    got: list[float] = []

    def probe(timeout: Timeout = 300.0) -> None:
        """Probe."""
        got.append(timeout)

    command(probe)
    assert run("probe", *arguments).exit_code == 0
    assert got == [seconds]
    assert run("probe", "--timeout", "soon").exit_code == 2


def printed_into(stdout: int | IO[bytes]) -> tuple[int, bytes]:
    """Have the program print into something that refuses it; return the exit code and stderr."""
    argv = [sys.executable, "-m", "kubecoder", "completion", "bash"]
    finished = subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60)
    return finished.returncode, finished.stderr


def test_a_reader_that_goes_away_ends_the_program_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    answer = printed_into(write)
    os.close(write)
    assert answer == (1, b"")


def test_a_full_disk_is_told_without_a_traceback() -> None:
    with Path("/dev/full").open("wb") as full:
        assert printed_into(full) == (1, b"error: No space left on device\n")


HEAVY = {"kubernetes", "httpx", "pydantic", "yaml", "jinja2", "rich", "cryptography", "requests"}


def heavy_imports(*command_lines: str) -> dict[str, list[str]]:
    """Run command lines one after the other in a fresh interpreter; tell what heavy things each one imports."""
    script = (
        "import json, sys\n"
        "from typer.testing import CliRunner\n"
        "from kubecoder.cli.main import app\n"
        "heavy, found = set(sys.argv[1].split()), {}\n"
        "for line in sys.argv[2:]:\n"
        "    before = set(sys.modules)\n"
        "    assert CliRunner().invoke(app, line.split()).exit_code == 0\n"
        "    found[line] = sorted((set(sys.modules) - before) & heavy)\n"
        "print(json.dumps(found))\n"
    )
    watched = " ".join([*HEAVY, *(f"kubecoder.cli.{entry.name}" for entry in commands.ENTRIES)])
    command_line = [sys.executable, "-c", script, watched, *command_lines]
    finished = subprocess.run(command_line, capture_output=True, text=True, check=True, timeout=60)
    return dict(json.loads(finished.stdout))


def test_the_help_of_the_program_imports_no_command() -> None:
    assert heavy_imports("--help") == {"--help": []}


def test_the_help_of_a_command_imports_nothing_heavy() -> None:
    names = [entry.name for entry in commands.ENTRIES]
    names += [f"{name} {inner}" for name in names for inner in getattr(commands.load(name), "commands", {})]
    found = heavy_imports(*(f"{name} --help" for name in names))
    assert {line: set(modules) & HEAVY for line, modules in found.items() if set(modules) & HEAVY} == {}


def test_completion_is_switched_on_by_the_scripts_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_KUBECODER_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "kubecoder vers")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setattr(sys, "argv", ["kubecoder"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out.split()) == (0, ["version"])


def test_main_runs_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubecoder", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out) == (0, f"kubecoder {__version__}\n")
