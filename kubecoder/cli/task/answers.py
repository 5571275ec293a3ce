"""From what a person types to an answer of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from kubecoder.cli.task.requests import options
from kubecoder.errors import UsageError

if TYPE_CHECKING:
    from agent.models import AnswerBody, Permission


class Word(StrEnum):
    """What a typed line means."""

    ALLOW = "allow"
    DENY = "deny"
    SESSION = "session"
    SHOW = "show"
    SKIP = "skip"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Reply:
    """A typed line, understood.

    Attributes:
        reason: What Claude is told with a denial.
    """

    word: Word
    reason: str | None = None


_WORDS = {
    "y": Word.ALLOW,
    "yes": Word.ALLOW,
    "n": Word.DENY,
    "no": Word.DENY,
    "s": Word.SESSION,
    "v": Word.SHOW,
    "l": Word.SKIP,
}


def understood(line: str) -> Reply:
    """Understand `y`, `n`, `n because …`, `s`, `v` and `l`; everything else is unclear and decides nothing."""
    first, _, rest = line.strip().partition(" ")
    word = _WORDS.get(first.lower(), Word.UNCLEAR)
    if word is Word.DENY:
        return Reply(word, rest.strip() or None)
    return Reply(Word.UNCLEAR if rest.strip() else word)


def chosen(question: Mapping[str, Any], line: str) -> str | None:
    """Turn numbers into the labels that they stand for; other text is an answer of its own, nothing is none.

    Args:
        question: As Claude asked it.
        line: `2`, or `1, 3` where several may be chosen, or a text.
    """
    offered = options(question)
    parts = [part.strip() for part in line.split(",")]
    if all(part.isascii() and part.isdigit() for part in parts):
        if not all(1 <= int(part) <= len(offered) for part in parts):
            return None
        if len(parts) > 1 and not question.get("multiSelect"):
            return None
        return ", ".join(offered[int(part) - 1] for part in parts)
    return line.strip() or None


def from_options(permission: Permission, given: list[str]) -> dict[str, str]:
    """Match `--answer` options with the questions: `QUESTION=ANSWER`, or only answers in the questions' order.

    Raises:
        UsageError: A question has no answer, or an answer no question.
    """
    from kubecoder.cli.task.requests import questions

    asked = questions(permission)
    named: dict[str, str] = {}
    rest: list[str] = []
    for text in given:
        question = next((item for item in asked if text.startswith(f"{item['question']}=")), None)
        if question is None:
            rest.append(text)
        else:
            named[question["question"]] = text[len(question["question"]) + 1 :]
    unnamed = [item for item in asked if item["question"] not in named]
    if len(rest) != len(unnamed):
        missing = "; ".join(item["question"] for item in unnamed)
        raise UsageError(
            f"{len(asked)} question(s) and {len(given)} answer(s)", hint=f"--answer for each of: {missing or 'none'}"
        )
    for question, text in zip(unnamed, rest, strict=True):
        named[question["question"]] = text
    answers = {item["question"]: chosen(item, named[item["question"]]) for item in asked}
    unclear = [question for question, answer in answers.items() if not answer]
    if unclear:
        raise UsageError(f"{unclear[0]!r} has no such option")
    return {question: answer for question, answer in answers.items() if answer}


def body(reply: Reply) -> AnswerBody:
    """Return the answer to a tool or a plan."""
    from agent.models import AnswerBody

    if reply.word is Word.DENY:
        return AnswerBody(decision="deny", reason=reply.reason)
    return AnswerBody(decision="allow", remember="session" if reply.word is Word.SESSION else None)
