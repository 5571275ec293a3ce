"""Random scripts: what the model does in some turns after another, and what a person does meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.agent.truth.acts import Act, Script, Stage

STAGES = (2, 4)
ALWAYS = {"times": "always"}
DIALOG_SHOWN_SECONDS = 2.6

SETTLE = Act("settle")
ASKED = Act("until asked")


class Writer:
    """Invents the stages of one script.

    Args:
        seed: What everything random comes from, together with the number.
        number: Of the script.
    """

    def __init__(self, seed: int, number: int) -> None:
        self._chance = random.Random(f"{seed}.{number}")
        self._number = number
        self._files = 0

    def script(self) -> Script:
        """Write a script; the number chooses its first stage, so that some scripts in a row have them all."""
        first = FIRST[self._number % len(FIRST)]
        stages = [first(self)]
        if stages[0].name in ("plan deny", "plan escape"):
            stages.append(self.unhooked())
        elif first not in LAST:
            stages += [self._chance.choice(MIDDLE)(self) for _ in range(self._chance.randint(*STAGES) - 1)]
            if self._chance.random() < 1 / 4:
                stages.append(self._chance.choice(LAST)(self))
        return Script(self._number, "plan" if first is Writer.plan else "default", tuple(stages))

    def _seconds(self, least: float, most: float) -> float:
        return round(self._chance.uniform(least, most), 2)

    def _talk(self, words: int, rate: int) -> dict[str, Any]:
        return {"say": " ".join(f"w{number}" for number in range(words)), "rate": rate}

    def _endless_talk(self) -> dict[str, Any]:
        return self._talk(800, 20)

    def _tool(self, seconds: float) -> tuple[str, dict[str, Any]]:
        self._files += 1
        name = f"file-{self._number}-{self._files}"
        return name, {"bash": f"touch {name}; sleep {seconds}"}

    def _interrupt(self) -> Act:
        return Act("interrupt", self._chance.choice(("api", "keys")))

    def _pause(self, least: float, most: float) -> Act:
        return Act("pause", self._seconds(least, most))

    # Turns that nobody has to do with

    def talk(self) -> Stage:
        return Stage("talk", (self._talk(self._chance.randint(1, 40), 20),), (SETTLE,))

    def long_talk(self) -> Stage:
        """Talk as long as a server keeps an idle connection, which may break under the next hook."""
        return Stage("long talk", (self._talk(self._chance.randint(98, 104), 20),), (SETTLE,))

    def slow(self) -> Stage:
        return Stage("slow answer", ({"wait": self._seconds(0.5, 3)}, "Done."), (SETTLE,))

    def silent(self) -> Stage:
        return Stage("late answer", ({"silent": self._seconds(0.5, 3)}, "Done."), (SETTLE,))

    def stall(self) -> Stage:
        return Stage("stall", ("It begins.", {"stall": self._seconds(1, 4)}, "Done."), (SETTLE,))

    def free_tools(self) -> Stage:
        calls = {"tools": [{"bash": "ls"}, {"bash": "pwd"}, {"tool": "Glob", "input": {"pattern": "*.md"}}]}
        return Stage("tools without permission", ({"bash": "ls"}, calls, "Done."), (SETTLE,))

    # Somebody is asked

    def permission(self) -> Stage:
        how = self._chance.choice(("allow", "allow", "deny", "enter", "escape", "interrupt"))
        _, tool = self._tool(self._seconds(0.1, 1.5))
        return Stage(f"permission {how}", ("Look.", tool, "Done."), (Act("answer", how), SETTLE))

    def parallel(self) -> Stage:
        calls = {"tools": [self._tool(0.2)[1], {"bash": "ls"}, self._tool(0.2)[1]]}
        answers = [self._chance.choice(("allow", "deny", "enter")) for _ in range(2)]
        return Stage("parallel tools", (calls, "Done."), (*(Act("answer", how) for how in answers), SETTLE))

    def question(self) -> Stage:
        how = self._chance.choice(("allow", "deny", "enter", "escape"))
        asked = {"ask": "Which colour?", "options": ["Red", "Blue"], "header": "Colour"}
        return Stage(f"question {how}", (asked, "Thanks."), (Act("answer", how), SETTLE))

    def plan(self) -> Stage:
        how = self._chance.choice(("allow", "deny", "escape"))
        return Stage(f"plan {how}", ({"plan": "1. Think"}, "Planned."), (Act("answer", how), SETTLE))

    def unhooked(self) -> Stage:
        """In plan mode the newer version asks for a command in a dialog that no hook tells of."""
        acts = (ASKED, Act("pause", DIALOG_SHOWN_SECONDS + 2), Act("interrupt", "keys"), SETTLE)
        return Stage("dialog without a hook", (self._tool(1)[1], "Never."), acts)

    # Work beside the conversation

    def subagent(self) -> Stage:
        _, tool = self._tool(self._chance.choice((0.1, 1, 4)))
        how = self._chance.choice(("allow", "deny"))
        agent = {"agent": ["Looking.", {"wait": self._seconds(0, 1)}, tool, "Found."], "description": "Look around"}
        acts = (Act("answer", how), SETTLE)
        return Stage(f"subagent {how}", (agent, "Started.", {"end": True}, "It is back."), acts)

    def background(self) -> Stage:
        _, tool = self._tool(self._seconds(0.5, 2))
        shell = {**tool, "background": True}
        return Stage(
            "background shell", (shell, "Started.", {"end": True}, "It is over."), (Act("answer", "allow"), SETTLE)
        )

    # Trouble

    def retry(self) -> Stage:
        error = self._chance.choice(({"error": 500}, {"error": 529}, {"error": 429, "retry_after": 1}))
        return Stage(f"retry of {error['error']}", ({**error, "times": self._chance.randint(1, 2)}, "Done."), (SETTLE,))

    def broken(self) -> Stage:
        fault = self._chance.choice(({"stream_error": "overloaded_error"}, {"cut": True}))
        return Stage(f"broken by {next(iter(fault))}", ("Begun.", fault, "Done."), (SETTLE,))

    def failure(self) -> Stage:
        error = self._chance.choice((400, 401, 403, 500, 529))
        return Stage(f"failure {error}", ({"error": error, **ALWAYS},), (SETTLE,))

    def rate_limit(self) -> Stage:
        return Stage("rate limit", ({"error": 429, "retry_after": 600, **ALWAYS},), (SETTLE,))

    # Somebody interrupts

    def interrupt_talk(self) -> Stage:
        return Stage(
            "interrupt words", (self._endless_talk(),), (ASKED, self._pause(0.2, 1.5), self._interrupt(), SETTLE)
        )

    def interrupt_before(self) -> Stage:
        acts = (ASKED, self._pause(0, 0.8), self._interrupt(), SETTLE)
        return Stage("interrupt before the first byte", ({"silent": 30}, "Never."), acts)

    def interrupt_retry(self) -> Stage:
        acts = (ASKED, self._pause(0.1, 1), self._interrupt(), SETTLE)
        return Stage("interrupt a retry", ({"error": 500, **ALWAYS},), acts)

    def interrupt_tool(self) -> Stage:
        name, tool = self._tool(60)
        acts = (Act("answer", "allow"), Act("until file", name), self._pause(0, 0.8), self._interrupt(), SETTLE)
        return Stage("interrupt a tool", (tool, "Never."), acts)

    # Messages while Claude works

    def queue(self) -> Stage:
        sends = [Act("send", (self._talk(self._chance.randint(1, 20), 20),)) for _ in range(self._chance.randint(1, 3))]
        return Stage("queue", (self._talk(70, 20),), (ASKED, *sends, SETTLE))

    def queue_tool(self) -> Stage:
        name, tool = self._tool(3)
        acts = (Act("answer", "allow"), Act("until file", name), Act("send", ("Heard.",)), SETTLE)
        return Stage("queue behind a tool", (tool, "Done."), acts)

    def queue_interrupt(self) -> Stage:
        acts = (ASKED, Act("send", (self._talk(20, 20),)), Act("until queued"), self._interrupt(), SETTLE)
        return Stage("interrupt with a queue", (self._endless_talk(),), acts)

    def take_back(self) -> Stage:
        acts = (ASKED, Act("send", ("Never.",)), Act("until queued"), Act("take back"), Act("erase"))
        return Stage("take back", (self._endless_talk(),), (*acts, self._interrupt(), SETTLE))

    # Dialogs without a hook, and what else a person types

    def menu(self) -> Stage:
        return Stage("menu", (), (Act("menu", DIALOG_SHOWN_SECONDS), SETTLE))

    def panel(self) -> Stage:
        return Stage("panel", (), (Act("panel", DIALOG_SHOWN_SECONDS), SETTLE))

    def clear(self) -> Stage:
        return Stage("clear", (), (Act("clear"), SETTLE))

    def compact(self) -> Stage:
        return Stage("compact", (), (Act("compact"), SETTLE))

    # The end

    def kill_talk(self) -> Stage:
        ends = (Act("delete"), Act("kill", "KILL"), Act("kill", "TERM"))
        return Stage("kill a talk", (self._endless_talk(),), (ASKED, self._pause(0, 1), self._chance.choice(ends)))

    def kill_tool(self) -> Stage:
        name, tool = self._tool(60)
        end = self._chance.choice((Act("delete"), Act("kill", "KILL")))
        return Stage("kill a tool", (tool, "Never."), (Act("answer", "allow"), Act("until file", name), end))

    def kill_dialog(self) -> Stage:
        end = self._chance.choice((Act("delete"), Act("kill", "KILL")))
        return Stage("kill a dialog", (self._tool(1)[1], "Never."), (Act("answer", "wait"), self._pause(0, 1), end))


MIDDLE: tuple[Callable[[Writer], Stage], ...] = (
    Writer.talk,
    Writer.long_talk,
    Writer.slow,
    Writer.silent,
    Writer.stall,
    Writer.free_tools,
    Writer.permission,
    Writer.permission,
    Writer.parallel,
    Writer.question,
    Writer.subagent,
    Writer.background,
    Writer.retry,
    Writer.broken,
    Writer.failure,
    Writer.rate_limit,
    Writer.interrupt_talk,
    Writer.interrupt_before,
    Writer.interrupt_retry,
    Writer.interrupt_tool,
    Writer.queue,
    Writer.queue_tool,
    Writer.queue_interrupt,
    Writer.take_back,
    Writer.menu,
    Writer.panel,
    Writer.clear,
    Writer.compact,
)
LAST: tuple[Callable[[Writer], Stage], ...] = (Writer.kill_talk, Writer.kill_tool, Writer.kill_dialog)
UNSAID = (Writer.menu, Writer.panel, Writer.clear, Writer.compact)
"""They need a session that is there already."""
FIRST = (*dict.fromkeys(stage for stage in MIDDLE if stage not in UNSAID), Writer.plan, *LAST)


def write(seed: int, count: int) -> list[Script]:
    """Write that many scripts, the same for the same seed."""
    return [Writer(seed, number).script() for number in range(count)]
