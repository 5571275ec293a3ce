"""What the commands of every day make of their arguments, and how they write."""

from __future__ import annotations

import sys

import pytest

from kubecoder.cli import test as cli_test
from kubecoder.cli.checkresults import overall, summary, write_checks
from kubecoder.cli.forward import parse_ports
from kubecoder.cli.logs import prefixed, show
from kubecoder.errors import UsageError
from kubecoder.models.check import Check, Outcome, failed, judged, passed, skipped, warned
from kubecoder.output import Format, Printer
from kubecoder.status.logs import Line
from tests.fleets import user


@pytest.mark.parametrize(
    ("text", "pair"),
    [("3000", (3000, 3000)), ("8080:3000", (8080, 3000)), ("0:3000", (0, 3000)), (":3000", (0, 3000))],
)
def test_ports(text: str, pair: tuple[int, int]) -> None:
    assert parse_ports(text) == pair


@pytest.mark.parametrize("text", ["", ":", "http", "3000:", "1:2:3", "0", "8080:0", "65536", "-1", "٣", "3000:http"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ports(text)


def test_lines_of_one_workspace_have_no_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    show(Printer(), [Line("john", "T1", "hello [red]")], prefixed(["john"]), timestamps=False)

    assert capsys.readouterr().out == "hello [red]\n"


def test_lines_of_several_are_prefixed_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [Line("john", "T1", "one"), Line("gerard", "T2", "two")]

    show(Printer(), lines, prefixed(["john", "gerard"]), timestamps=True)

    assert capsys.readouterr().out == "john   | T1 one\ngerard | T2 two\n"


def test_prefixes_are_coloured_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert prefixed(["a", "b"]) == {"a": "\x1b[36ma |\x1b[0m ", "b": "\x1b[33mb |\x1b[0m "}

    monkeypatch.setenv("NO_COLOR", "1")
    assert prefixed(["a", "b"])["a"] == "a | "


CHECKS = [
    passed("user", "uid 1000"),
    failed("door", "answers without a sign-in: / → 200", "look"),
    warned("other-workspaces", "reachable: jane:4180", "install Cilium"),
    skipped("api-token", "no Task API"),
]


def test_checks_are_aligned_and_followed_by_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    write_checks(Printer(), CHECKS, indent="  ")

    assert capsys.readouterr().out == (
        "  pass  user              uid 1000\n"
        "  fail  door              answers without a sign-in: / → 200\n"
        "                          hint: look\n"
        "  warn  other-workspaces  reachable: jane:4180\n"
        "                          hint: install Cilium\n"
        "  skip  api-token         no Task API\n"
    )


def test_evidence_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    write_checks(Printer(), [passed("x", "a\x1b[2Jb")])

    assert "\x1b" not in capsys.readouterr().out


def test_checks_are_counted_and_the_worst_decides() -> None:
    assert summary(CHECKS) == "1 pass, 1 warn, 1 fail, 1 skip"
    assert overall(CHECKS) is Outcome.FAIL
    assert overall([CHECKS[0], CHECKS[2]]) is Outcome.WARN
    assert overall([CHECKS[3]]) is Outcome.PASS


def test_a_judged_check_has_its_hint_only_when_it_failed() -> None:
    assert judged("x", True, "seen", "do this") == Check("x", Outcome.PASS, "seen")
    assert judged("x", False, "seen", "do this") == Check("x", Outcome.FAIL, "seen", "do this")


def test_results_of_test_as_text_and_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    results = [(user("john"), CHECKS[:1]), (user("jane"), CHECKS)]

    cli_test.write(Printer(), results)
    shown = capsys.readouterr()
    cli_test.write(Printer(Format.yaml), results)
    document = capsys.readouterr().out

    assert shown.out.startswith("john: pass\n  pass  user  uid 1000\njane: fail\n")
    assert shown.err == "2 pass, 1 warn, 1 fail, 1 skip\n"
    assert document.startswith("workspaces:\n- name: john\n  namespace: coder\n  result: pass\n  checks:\n")
