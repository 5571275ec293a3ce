"""`kubecoder demo`: see a task without a cluster and without an API key."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.local import Install
from kubecoder.errors import InterruptedRunError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.local.demo import Demonstration, Step

INTRODUCTION = (
    "kubecoder demo: the real Claude Code, in front of a scripted model that ships with kubecoder. "
    "It is no AI, needs no API key, and sends nothing anywhere."
)
NAME_WIDTH = 10


def command(
    once: Annotated[
        bool, typer.Option("--once", help="End after the last step; exit 0 if each really happened")
    ] = False,
    install: Install = False,
) -> None:
    """See a task ask, be allowed and write a file; no cluster, no API key.

    Starts a temporary workspace on this machine with the real Claude Code; only the model is scripted. Then the
    dashboard stays open until Ctrl-C. Everything is ended after that; the files stay, in a folder that is printed.

    Examples:
        kubecoder demo
        kubecoder demo --once --install
    """
    from kubecoder.local import workspace
    from kubecoder.local.demo import Demonstration, new_root

    printer = Printer()
    printer.notice(INTRODUCTION)
    parts = workspace.find_parts(install=install, log=sys.stderr, tell=printer.notice)
    with _ended_by_signals():
        demonstration = Demonstration(parts, new_root())
        try:
            for step in demonstration.start():
                _tell(printer, step)
            for step in demonstration.run():
                _tell(printer, step)
            if not once:
                _stay(printer, demonstration)
        finally:
            _tell(printer, _end(demonstration))


def _tell(printer: Printer, step: Step) -> None:
    printer.line(f"{step.name:{NAME_WIDTH}} {step.text}")


def _stay(printer: Printer, demonstration: Demonstration) -> None:
    """Keep the workspace up until Ctrl-C, which is the expected end."""
    try:
        printer.notice(
            "The dashboard stays open: start tasks there, answer them, see what they did. Ctrl-C ends it all."
        )
        printer.notice(f"A link that signs in, once: {demonstration.link()}")
        signal.pause()
    except KeyboardInterrupt:
        printer.notice("")


def _end(demonstration: Demonstration) -> Step:
    """End everything, which a second Ctrl-C must not cut short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return demonstration.end()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and the end of the terminal end the demonstration in order, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise InterruptedRunError(f"ended by {signal.Signals(number).name}")

    handled = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in handled} | {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
