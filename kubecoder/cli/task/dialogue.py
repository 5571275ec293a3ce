"""Asks the person at the terminal what Claude asks, while events go on: somebody else may answer first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubecoder.cli.task.answering import effect
from kubecoder.cli.task.answers import Reply, Word, body, chosen, understood
from kubecoder.cli.task.requests import highlighted, line_count, questions, request_text
from kubecoder.errors import KubecoderError
from kubecoder.output import printable

if TYPE_CHECKING:
    from agent.models import AnswerBody, Permission
    from kubecoder.agentclient import AgentClient

SHOWN_LINES = 40


class Dialogue:
    """One open request at a time, from its question to the answer.

    Args:
        client: Where answers go.
        write: Gets text.

    Attributes:
        asked: The request that the person looks at; None while nothing is asked.
    """

    def __init__(self, client: AgentClient, write: Callable[[str], None]) -> None:
        self._client = client
        self._write = write
        self._left: set[str] = set()
        self._answers: dict[str, str] = {}
        self.asked: Permission | None = None

    def attend(self, waiting: dict[str, Permission]) -> bool:
        """Follow what is open: drop a question that somebody else has answered, ask the next one.

        Returns:
            Whether a new question stands there; what was typed before isn't its answer.
        """
        if self.asked is not None and self.asked.request_id not in waiting:
            self.asked = None
        if self.asked is not None:
            return False
        self.asked = next((item for item in waiting.values() if item.request_id not in self._left), None)
        if self.asked is None:
            return False
        self._answers = {}
        self._write("\n" + highlighted(request_text(self.asked, most_lines=SHOWN_LINES)))
        return True

    def question(self) -> str:
        """Return the line that asks; empty while nothing is asked."""
        if self.asked is None:
            return ""
        if self.asked.kind.value == "question":
            asked = questions(self.asked)
            text = printable(" ".join(asked[len(self._answers)]["question"].split())) if asked else ""
            return f"{text} [a number, or your own words; d: decline, l: leave it] "
        more = ", v: view all" if line_count(self.asked) > SHOWN_LINES else ""
        session = "" if self.asked.kind.value == "plan" else ", s: yes for this session"
        return f"Allow? [y: yes, n: no, n REASON{session}{more}, l: leave it] "

    def hear(self, line: str | None) -> None:
        """Take what the person typed; None is the end of the input, which decides nothing."""
        if self.asked is None:
            return
        if line is None:
            self._leave()
        elif self.asked.kind.value == "question":
            self._hear_answer(line)
        else:
            self._hear_decision(understood(line))

    def _hear_decision(self, reply: Reply) -> None:
        assert self.asked is not None
        if reply.word is Word.SHOW:
            self._write(highlighted(request_text(self.asked)))
        elif reply.word is Word.SKIP:
            self._leave()
        elif reply.word is not Word.UNCLEAR:
            self._send(body(reply))

    def _hear_answer(self, line: str) -> None:
        from agent.models import AnswerBody

        assert self.asked is not None
        asked = questions(self.asked)
        if line.strip() in ("d", "l") or not asked:
            self._send(AnswerBody(decision="deny")) if line.strip() == "d" else self._leave()
            return
        question = asked[len(self._answers)]
        answer = chosen(question, line)
        if answer is None:
            return
        self._answers[question["question"]] = answer
        if len(self._answers) == len(asked):
            self._send(AnswerBody(decision="allow", answers=self._answers))

    def _send(self, answer: AnswerBody) -> None:
        assert self.asked is not None
        asked, self.asked = self.asked, None
        self._left.add(asked.request_id)
        try:
            said, has_effect = effect(self._client.answer(asked.task_id, asked.request_id, answer))
        except KubecoderError as error:
            self._left.discard(asked.request_id)
            said, has_effect = error.message, False
        if not has_effect:  # what has one comes as an event too
            self._write(f"— {printable(said)}\n")

    def _leave(self) -> None:
        assert self.asked is not None
        self._left.add(self.asked.request_id)
        self._write(f"— left open: kubecoder task approve {self.asked.task_id} {self.asked.request_id}\n")
        self.asked = None
