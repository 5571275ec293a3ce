"""Plays a script: what a person does at the API and at the keyboard while the model plays its part."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from agent.claude import screen
from tests.agent.tasks import TaskAgent, script
from tests.agent.truth.acts import Act, Script, Stage
from tests.agent.truth.observing import Observer
from tests.agent.truth.reporting import Reporter
from tests.rigs.waiting import wait_until

DONE = frozenset({"idle", "stopped", "failed"})
SECONDS = 30
KEYS_SECONDS = 1.0
"""2.1.330 ignores keys for a moment after it has opened a dialog."""
ENTER_SECONDS = 0.25
AFTER_SECONDS = 0.3
"""How long what was settled is looked at, until the next prompt."""
ENDED_SECONDS = 2.2
MENU = "Rewind"
PANEL = "/cost"


class Driver:
    """One task of one script.

    Attributes:
        task_id: Known once it is made.
        launched_at: When that was.
    """

    def __init__(self, agent: TaskAgent, observer: Observer, reporter: Reporter) -> None:
        self._agent = agent
        self._observer = observer
        self._reporter = reporter
        self._requests = 0
        self.task_id = ""
        self.launched_at = 0.0

    def play(self, played: Script) -> None:
        """Play all stages and end the task."""
        for number, stage in enumerate(played.stages):
            if number == 0:
                self.launched_at = time.time()
                body = {"permission_mode": played.mode, "name": str(played)[:200]}
                self.task_id = self._agent.create(*stage.steps, **body)
            elif stage.steps:
                self._requests = self._asked()
                self._send(stage.steps, ("delivered",))
            for act in stage.acts:
                self._do(act, stage)
        if self._observer.pid(self.task_id) is not None:
            self.end()

    def end(self) -> None:
        """End the task as a program does, where it hasn't ended."""
        if self.task_id:
            self._observer.did(self.task_id, "delete")
            self._agent.call("DELETE", f"/tasks/{self.task_id}")

    def _do(self, act: Act, stage: Stage) -> None:
        argument = act.argument
        deeds: dict[str, Callable[[], None]] = {
            "answer": lambda: self._answer(argument),
            "clear": lambda: self._command("/clear"),
            "compact": lambda: self._command("/compact"),
            "delete": self.end,
            "erase": self._erase,
            "interrupt": lambda: self._interrupt(argument),
            "kill": lambda: self._kill(argument),
            "menu": lambda: self._menu(argument),
            "panel": lambda: self._panel(argument),
            "pause": lambda: time.sleep(argument),
            "send": lambda: self._send(argument, ("delivered", "queued")),
            "settle": lambda: self._settle(stage),
            "take back": self._take_back,
            "until asked": self._until_asked,
            "until file": lambda: self._until((self._agent.home / argument).exists, argument),
            "until queued": self._until_queued,
        }
        deeds[act.verb]()

    def _until(self, probe: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        try:
            return wait_until(probe, what=what, seconds=seconds, every=0.03)
        except TimeoutError as error:
            told = f"reported {self._reporter.last(self.task_id)!r}, file {self._observer.word(self.task_id)!r}"
            raise TimeoutError(f"{error}; {told}\n{self._screen()}") from None

    # At the API

    def _send(self, steps: Any, wanted: tuple[str, ...]) -> None:
        sent = self._agent.send(self.task_id, script(*steps))
        if sent["delivery"] not in wanted:
            raise AssertionError(f"a message was {sent['delivery']}: {sent.get('delivery_reason')}\n{self._screen()}")

    def _command(self, text: str) -> None:
        conversation = self._agent.get(self.task_id)["session_id"]
        self._agent.send(self.task_id, text, allow_commands=True)
        if text == "/clear":
            self._until(lambda: self._agent.get(self.task_id)["session_id"] != conversation, "a new conversation")

    def _answer(self, how: str) -> None:
        request = self._agent.ask(self.task_id, seconds=SECONDS)
        if how in ("allow", "deny"):
            more = {"answers": {"Which colour?": "Blue"}} if request["kind"] == "question" and how == "allow" else {}
            self._observer.did(self.task_id, "answer")
            result = self._agent.answer(self.task_id, request["request_id"], how, **more)["result"]
            assert result == "applied", f"{how} was {result}"
            return
        if how == "wait":
            return
        time.sleep(KEYS_SECONDS)
        if how == "interrupt":
            self._interrupt("api")
        else:
            self._keys("Enter" if how == "enter" else "Escape")
        self._until(lambda: self._is_answered(request["request_id"]), f"the answer by {how}")

    def _is_answered(self, request_id: str) -> bool:
        pending = self._agent.get(self.task_id).get("pending_permission")
        return pending is None or pending["request_id"] != request_id

    def _interrupt(self, how: str) -> None:
        if how == "keys":
            self._keys("Escape")
            return
        answer = self._agent.call("POST", f"/tasks/{self.task_id}/interrupt")
        assert answer.status == 200, answer.text

    # At the keyboard

    def _tmux(self, *arguments: str) -> str:
        argv = ["tmux", "-S", str(self._agent.tmux_socket), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=SECONDS).stdout

    def _keys(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", f"=claude-{self.task_id}:", *keys)

    def _screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", f"=claude-{self.task_id}:").rstrip()

    def _draft(self) -> str | None:
        return screen.composer(self._tmux("capture-pane", "-p", "-e", "-t", f"=claude-{self.task_id}:"))

    def _menu(self, seconds: float) -> None:
        # A first Esc by itself does nothing at idle; two open the menu, or clear what an interrupt gave back.
        if self._draft():
            self._erase()
        self._keys("Escape", "Escape")
        self._until(lambda: MENU in self._screen(), "the menu")
        self._look_at_dialog(seconds)
        self._until(lambda: MENU not in self._screen(), "the end of the menu")

    def _panel(self, seconds: float) -> None:
        if self._draft():
            self._erase()
        self._keys("-l", PANEL)
        time.sleep(ENTER_SECONDS)
        self._keys("Enter")
        self._until(lambda: self._draft() is None, "the panel")
        self._look_at_dialog(seconds)
        self._until(lambda: self._draft() is not None, "the end of the panel")

    def _look_at_dialog(self, seconds: float) -> None:
        self._observer.did(self.task_id, "dialog")
        time.sleep(seconds)
        self._observer.did(self.task_id, "dialog over")
        self._keys("Escape")

    def _take_back(self) -> None:
        self._keys("Up")
        self._until(self._draft, "the message in the composer")

    def _erase(self) -> None:
        def is_erased() -> bool:
            self._keys("C-e", "C-u")
            time.sleep(ENTER_SECONDS)
            return not self._draft()

        self._until(is_erased, "an empty composer")

    # Waiting

    def _asked(self) -> int:
        return sum(line["event"] == "request" for line in self._observer.asked(self.task_id))

    def _until_asked(self) -> None:
        self._until(lambda: self._asked() > self._requests, "the model is asked")

    def _until_queued(self) -> None:
        def is_queued() -> bool:
            messages = self._agent.call("GET", f"/tasks/{self.task_id}/messages").json()["messages"]
            return bool(messages[-1]["delivery"] == "queued")

        self._until(is_queued, "the message is queued")

    def _settle(self, stage: Stage) -> None:
        """Wait until both the report and the sessions file say that the turn is over, and look at that for a while."""

        def is_settled() -> bool:
            return self._reporter.last(self.task_id) in DONE and self._observer.word(self.task_id) == "idle"

        if stage.steps:
            self._until_asked()
        self._until(is_settled, f"the end of {stage.name!r}")
        time.sleep(AFTER_SECONDS)
        self._until(is_settled, f"the end of {stage.name!r}")

    def _kill(self, name: str) -> None:
        pid = self._observer.pid(self.task_id)
        assert pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, getattr(signal, f"SIG{name}"))
        self._until(lambda: self._observer.pid(self.task_id) is None, "the end of Claude")
        time.sleep(ENDED_SECONDS)
