"""The commands of every day from argv to exit code, with the cluster played below them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubecoder.cli import doctor, forward, logs, shell, status, test
from kubecoder.cluster.exec import Target
from kubecoder.cluster.pods import NoPodError, Place
from kubecoder.errors import ClusterError, ConfigError, KubecoderError
from kubecoder.models.check import failed, passed, warned
from kubecoder.output import Format, Printer
from kubecoder.status.logs import Line, Options
from kubecoder.status.workspace import WorkspaceStatus
from tests.fleets import fleet, user
from tests.objects import deployment, pod, running
from tests.rigs.cli import Cli, CliResult
from tests.unit.shelf import Shelf, holding

FLEET = fleet(user("john"), user("jane"))
COMMANDS = (doctor, forward, logs, shell, status, test)


@pytest.fixture
def cluster() -> Any:
    """A cluster in which john runs and jane is stopped."""
    template = {"spec": {"containers": [{"name": "ide", "image": "kubecoder/workspace:1"}]}}
    return holding(
        deployment("john", template=template),
        pod(running(), ready=True),
        deployment("jane", replicas=0, template=template),
    )


@pytest.fixture
def run(cluster: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., CliResult]:
    """Run `kubecoder` in this process, on the played cluster and a fleet of john and jane."""
    (tmp_path / "users").mkdir()
    for module in COMMANDS:
        monkeypatch.setattr(module, "open_fleet", lambda *_, **__: FLEET)
        monkeypatch.setattr(module, "connect", lambda *_, **__: cluster)
    return Cli({"KUBECODER_FLEET": str(tmp_path)}, tmp_path)


def test_status_of_all_of_one_and_of_nobody(run: Callable[..., CliResult]) -> None:
    table = run("status").expect().stdout
    detail = run("status", "john").expect().stdout
    document = run("status", "jane", "-o", "json").expect().json()

    assert [line.split()[0] for line in table.splitlines()] == ["NAME", "jane", "john"]
    assert "https://john.dev.example.com/oauth/" in detail
    assert document["workspaces"][0]["stopped"]
    assert run("status", "john", "-o", "name").expect().stdout == "workspace/john\n"
    assert "there is no workspace nobody" in run("status", "nobody").expect(4).stderr


def row(restarts: int) -> WorkspaceStatus:
    return WorkspaceStatus("john", "coder", in_fleet=True, host="h", status="Running", pod="p", restarts=restarts)


def watched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], format: Format, *looks: Any
) -> tuple[str, str]:
    """Watch until Ctrl-C, which comes after the last look."""
    remaining = list(looks)

    def look() -> list[WorkspaceStatus]:
        found = remaining.pop(0)
        if isinstance(found, Exception):
            raise found
        return [row(found)]

    def sleep(_: float) -> None:
        if not remaining:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        status.follow(Printer(format), look)
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_watch_writes_what_has_changed_and_survives_a_bad_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = watched(monkeypatch, capsys, Format.table, 0, 0, ClusterError("no route"), 1)

    assert [line.split()[:1] for line in out.splitlines()] == [["NAME"], ["john"], ["john"]]
    assert err == "warning: no route\n"


def test_watch_writes_json_lines_or_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = watched(monkeypatch, capsys, Format.json, 0, 1)
    assert [json.loads(line)["restarts"] for line in out.splitlines()] == [0, 1]

    out, _ = watched(monkeypatch, capsys, Format.name, 0, 1)
    assert out == "workspace/john\n" * 2


def test_watch_redraws_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    out, _ = watched(monkeypatch, capsys, Format.table, 0, 0)

    assert out.count(status.CLEAR_SCREEN) == 2


def test_watch_has_no_yaml(run: Callable[..., CliResult]) -> None:
    assert "--watch writes JSON lines or tables" in run("status", "--watch", "-o", "yaml").expect(2).stderr


def test_logs_of_now_and_of_later(run: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def read(_: object, places: list[Place], options: Options) -> list[Line]:
        asked.append((places, options))
        return [Line(place.name, "T", "hello") for place in places]

    @contextmanager
    def follow(_: object, places: list[Place], options: Options, *, on_notice: Callable[[str], None]) -> Iterator[Any]:
        on_notice("john: restarted")
        yield iter(read(_, places, options))

    monkeypatch.setattr("kubecoder.status.logs.read", read)
    monkeypatch.setattr("kubecoder.status.logs.follow", follow)

    one = run("logs", "john", "--tail", "5", "--since", "1m30s", "-c", "ide", "--previous").expect()
    two = run("logs", "john", "jane", "john", "-f", "--timestamps").expect()

    assert one.stdout == "hello\n"
    assert asked[0] == ([Place("f1", "john", "coder")], Options("ide", True, 90, 5))
    assert two.stdout == "john | T hello\njane | T hello\n"
    assert two.stderr == "john: restarted\n"
    assert "--previous shows a run that has ended" in run("logs", "john", "-f", "--previous").expect(2).stderr


def test_a_shell_passes_its_arguments_and_its_exit_code_on(
    run: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    def execute(_: object, target: Target, argv: list[str], **streams: Any) -> int:
        called.append((str(target), list(argv), sorted(streams)))
        return 7

    class Standard:
        """A stream that may be a terminal."""

        buffer = None

        def __init__(self, terminal: bool) -> None:
            self.isatty = lambda: terminal

        def flush(self) -> None:
            """Nothing is held back."""

    monkeypatch.setattr("kubecoder.cluster.exec.run", execute)
    monkeypatch.setattr("kubecoder.cluster.exec.run_terminal", execute)
    for terminal in (False, True):
        standard = Standard(terminal)
        monkeypatch.setattr(shell, "sys", type("sys", (), dict.fromkeys(("stdin", "stdout", "stderr"), standard)))
        run("shell", "john", *(() if terminal else ("--", "git", "-C", "x", "status"))).expect(7)

    assert called == [
        ("Pod coder/ws-john-1, container ide", ["git", "-C", "x", "status"], ["stderr", "stdin", "stdout"]),
        ("Pod coder/ws-john-1, container ide", list(shell.LOGIN_SHELL), []),
    ]


def test_a_stopped_workspace_names_the_next_step(run: Callable[..., CliResult]) -> None:
    for argv in (["shell", "jane"], ["forward", "jane", "3000"], ["logs", "jane"]):
        stderr = run(*argv).expect(1).stderr
        assert stderr == "error: jane is stopped\nhint: kubecoder start jane\n"


def test_a_forward_goes_on_with_the_next_pod(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[Any] = ["a", "a", NoPodError("john has no pod yet"), "b", "b", KeyboardInterrupt()]
    opened: list[tuple[str, int, int]] = []

    def find(*_: object) -> Any:
        found = looks.pop(0)
        if isinstance(found, BaseException):
            raise found
        return {"metadata": {"name": found}}, "ide"

    class Forward:
        """A port of which every connection fails three times."""

        def __init__(self, _: object, __: str, pod: str, port: int, *, local_port: int, on_error: Any) -> None:
            self.port = local_port or 40000
            opened.append((pod, self.port, port))
            for _attempt in range(3):
                on_error(ClusterError("lost connection"))

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

    monkeypatch.setattr("kubecoder.cluster.pods.find_running", find)
    monkeypatch.setattr("kubecoder.cluster.portforward.Forward", Forward)

    with pytest.raises(KeyboardInterrupt):
        forward.forward(Printer(), holding(), Place("f1", "john", "coder"), [(0, 3000)])

    shown = capsys.readouterr()
    assert opened == [("a", 40000, 3000), ("b", 40000, 3000)]
    assert shown.out == "http://127.0.0.1:40000\n"
    assert "127.0.0.1:40000 -> b:3000" in shown.err
    assert "warning: john has no pod yet" in shown.err


def test_test_exits_with_1_on_a_failure_and_strictly_on_a_warning(
    run: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [passed("user", "uid 1000"), warned("other-workspaces", "reachable")]
    monkeypatch.setattr("kubecoder.checks.workspace.check", lambda *_: list(checks))

    assert run("test", "john").expect().stdout.startswith("john: warn\n")
    assert run("test", "--all", "-o", "name").expect().stdout == "workspace/jane\nworkspace/john\n"
    assert run("test", "john", "--strict").expect(1).stdout.startswith("john: fail\n")
    checks.append(failed("door", "open"))
    [john] = run("test", "john", "-o", "json").expect(1).json()["workspaces"]
    assert (john["result"], john["checks"][2]) == (
        "fail",
        {"name": "door", "result": "fail", "evidence": "open", "hint": ""},
    )


def test_doctor_writes_lines_or_a_document(run: Callable[..., CliResult]) -> None:
    text = run("doctor").expect(1)
    document = run("doctor", "-o", "yaml").expect(1).stdout

    assert "fail  ingress-class" in text.stdout
    assert " fail" in text.stderr
    assert document.startswith("checks:\n- name: fleet\n  result: pass\n")
    assert "check/server\n" in run("doctor", "-o", "name").expect(1).stdout


def test_doctor_takes_a_bad_kubeconfig_for_a_finding(
    run: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("no such file")

    monkeypatch.setattr(doctor, "connect", refuse)

    found = run("doctor", "-o", "json").expect(1).json()["checks"]

    assert [(check["name"], check["result"]) for check in found] == [("fleet", "pass"), ("kubeconfig", "fail")]


def test_errors_of_these_commands_are_lines(run: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KubecoderError("no", hint="yes")

    monkeypatch.setattr("kubecoder.checks.workspace.neighbours", refuse)

    assert run("test", "--all").expect(1).stderr == "error: no\nhint: yes\n"
