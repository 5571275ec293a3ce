"""One run of the real Claude Code through everything that kubecoder's agent stands on, scene by scene."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.claude import transcript
from tests.rigs.claude_session import ALLOW, ClaudeSession, Seen
from tests.rigs.model import Model
from tests.rigs.waiting import wait_until

DIALOG_SECONDS = 1.0
INTERRUPTED = "[Request interrupted by user"
QUESTIONS: list[dict[str, Any]] = [
    {"ask": "Which colour?", "options": ["Red", "Blue"], "header": "Colour"},
    {"ask": "Which parts?", "options": ["A", "B", "C"], "multi": True, "header": "Parts"},
]


def script(*steps: Any) -> str:
    """Write steps as they stand in a prompt."""
    return f"[[script: {json.dumps(steps)}]]"


@dataclass
class Scene:
    """What was seen in one part of the run."""

    name: str
    begun_at: float
    seen: list[Seen] = field(default_factory=list)
    screens: dict[str, str] = field(default_factory=dict)
    exit_status: int | None = None

    @property
    def hooks(self) -> list[dict[str, Any]]:
        return [entry.data for entry in self.seen if entry.kind == "hook"]

    @property
    def events(self) -> list[str]:
        """The hooks' names in order; the late and the informational ones left out."""
        return [hook["hook_event_name"] for hook in self.hooks if hook["hook_event_name"] != "Notification"]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [entry.data for entry in self.seen if entry.kind == "transcript"]

    @property
    def statuses(self) -> list[str]:
        """The words of the sessions file in order, each as often as it changed."""
        words = [entry.data.get("status", "") for entry in self.seen if entry.kind == "status" and entry.data]
        return [word for before, word in zip([None, *words], words, strict=False) if word != before]

    def hook(self, event: str) -> dict[str, Any]:
        """Return the first payload of an event."""
        return next(hook for hook in self.hooks if hook["hook_event_name"] == event)

    def lines_of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the transcript's lines of a type with these fields."""
        return [line for line in self.lines if line["type"] == kind and fields.items() <= line.items()]

    def operations(self) -> list[dict[str, Any]]:
        """Return the lines about queued messages."""
        return self.lines_of("queue-operation")

    def results(self) -> list[dict[str, Any]]:
        """Return the results of calls, as the transcript has them."""
        contents = [line["message"]["content"] for line in self.lines_of("user")]
        blocks = [block for content in contents if isinstance(content, list) for block in content]
        return [block for block in blocks if block["type"] == "tool_result"]

    def interruptions(self) -> list[dict[str, Any]]:
        """Return the transcript's lines that say that somebody interrupted."""
        return [line for line in self.lines if _is_interruption(line)]

    def attachments(self, kind: str) -> list[dict[str, Any]]:
        """Return the attachments of a type."""
        found = [line["attachment"] for line in self.lines_of("attachment")]
        return [attachment for attachment in found if attachment.get("type") == kind]


@dataclass
class Recording:
    """All scenes of one version."""

    version: str
    scenes: dict[str, Scene] = field(default_factory=dict)


class _Play:
    """Plays the scenes one after another in one session."""

    def __init__(self, session: ClaudeSession, recording: Recording) -> None:
        self.session = session
        self.recording = recording
        self._scenes: dict[str, Scene] = {}

    def scene(self, play: Callable[[Scene, int], None]) -> None:
        scene = Scene(play.__name__, begun_at=time.time())
        self.recording.scenes[scene.name] = self._scenes[scene.name] = scene
        play(scene, self.session.now())

    def divide(self) -> None:
        """Give each scene what was seen of it, when all have been played.

        A busy machine can write a line of the transcript when the next scene plays already: the line's own time counts.
        """
        for entry in self.session.timeline.seen:
            at = transcript.time_of(entry.data) if entry.kind in ("transcript", "subagent") else entry.at
            begun = [scene for scene in self._scenes.values() if scene.begun_at <= (at or entry.at)]
            begun[-1].seen.append(entry)

    def first_prompt(self, scene: Scene, start: int) -> None:
        """A prompt on stdin; the answer is text."""
        self.session.start(f'First line.\nSecond: "quotes", $HOME, `x`. {script("Hello there.")}\n')
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)
        scene.screens["idle"] = self.session.screen()

    def text_turn(self, scene: Scene, start: int) -> None:
        self.session.send(script({"say": "One two three four five six.", "rate": 8}))
        self.session.wait_hook("UserPromptSubmit", since=start)
        scene.screens["working"] = self.session.wait_screen(lambda text: "esc to interrupt" in text, "the busy footer")
        self.session.wait_idle(since=start)

    def allowed(self, scene: Scene, start: int) -> None:
        """A command that the waiting hook allows."""
        self.session.send(script("I make a file.", {"bash": "touch allowed"}, "Made."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        scene.screens["permission"] = self.session.wait_screen(lambda text: "Do you want to" in text, "the dialog")
        self.session.answer(ALLOW)
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def denied(self, scene: Scene, start: int) -> None:
        """A command that the waiting hook denies."""
        self.session.send(script({"bash": "touch denied"}, "I understand."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        self.session.answer({"behavior": "deny", "message": "Not today."})
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def allowed_in_terminal(self, scene: Scene, start: int) -> None:
        self.session.send(script({"bash": "touch by_hand"}, "Made."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_screen(lambda text: "Do you want to" in text, "the dialog")
        self._press("Enter")
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)
        # The hook is left waiting; this answer comes too late and must do nothing.
        self.session.answer({"behavior": "deny", "message": "too late"})

    def refused_in_terminal(self, scene: Scene, start: int) -> None:
        self.session.send(script({"bash": "touch refused"}, "Never said."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_screen(lambda text: "Do you want to" in text, "the dialog")
        self._press("Escape")
        self.session.timeline.wait(lambda entry: entry.kind == "withdrawn", what="the hook's end", since=start)
        self._wait_interrupted(start)
        self.session.wait_idle(since=start)
        scene.screens["refused"] = self.session.screen()
        self.session.answer({})

    def interrupted_tool(self, scene: Scene, start: int) -> None:
        """Esc while a command runs that the waiting hook allowed."""
        self.session.send(script({"bash": "touch begun; sleep 60"}, "Never said."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        self.session.answer(ALLOW)
        wait_for_file(self.session.workdir / "begun")
        self._press("Escape")
        self._wait_interrupted(start)
        self.session.wait_idle(since=start)

    def interrupted(self, scene: Scene, start: int) -> None:
        """Esc while the model speaks."""
        self.session.send(script({"say": "chatter\n" * 100, "rate": 10}))
        self.session.wait_screen(lambda text: "● chatter" in text, "the first words")
        self.session.keys("Escape")
        self._wait_interrupted(start)
        self.session.wait_idle(since=start)
        scene.screens["interrupted"] = self.session.screen()

    def failed(self, scene: Scene, start: int) -> None:
        self.session.send(script({"error": 400, "message": "not this time", "times": "always"}))
        self.session.wait_hook("StopFailure", since=start)
        self.session.wait_idle(since=start)
        scene.screens["failed"] = self.session.screen()

    def retried(self, scene: Scene, start: int) -> None:
        self.session.send(script({"error": 500, "times": 2}, "At last."))
        scene.screens["retrying"] = self.session.wait_screen(lambda text: "attempt 2" in text, "the retry's text")
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def queued(self, scene: Scene, start: int) -> None:
        """Two messages while the model speaks."""
        self.session.send(script({"say": "babble\n" * 50, "rate": 10}))
        self.session.wait_screen(lambda text: "● babble" in text, "the first words")
        for number in (1, 2):
            self.session.send(f"Message {number}. {script(f'Answer {number}.')}")
            self._wait_enqueued(start, number)
        scene.screens["queued"] = self.session.screen()
        self.session.wait_line(_says("Answer 2."), what="the second answer", since=start)
        self.session.wait_idle(since=start)

    def absorbed(self, scene: Scene, start: int) -> None:
        """Two messages while a command runs; one of several lines."""
        self.session.send(script({"bash": "touch going; until [ -e enough ]; do sleep 0.1; done"}, "First answer."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        self.session.answer(ALLOW)
        wait_for_file(self.session.workdir / "going")
        self.session.send(f"Meanwhile 1. {script('Answer 1.')}")
        self._wait_enqueued(start, 1)
        self.session.send("Meanwhile 2,\nin\nseveral\nlines.")
        self._wait_enqueued(start, 2)
        (self.session.workdir / "enough").touch()
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def parallel(self, scene: Scene, start: int) -> None:
        """Two calls in one reply, one allowed and one denied."""
        self.session.send(script({"tools": [{"bash": "touch one"}, {"bash": "touch two"}]}, "Both done."))
        for behaviour in (ALLOW, {"behavior": "deny", "message": "no"}):
            seen = self.session.now()
            self.session.wait_hook("PermissionRequest", since=start)
            self.session.wait_status("waiting", since=start)
            self.session.answer(behaviour)
            if behaviour is ALLOW:
                first = self.session.wait_hook("PostToolUse", since=start)
                self.session.wait_hook("PermissionRequest", since=seen, prompt_id=first["prompt_id"])
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def question(self, scene: Scene, start: int) -> None:
        self.session.send(script({"ask": QUESTIONS}, "Thank you."))
        asked = self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        scene.screens["question"] = self.session.wait_screen(
            lambda text: "Which colour?" in text and "Red" in text, "it"
        )
        answers = {"Which colour?": "Blue", "Which parts?": "A, C"}
        self.session.answer({**ALLOW, "updatedInput": {**asked["tool_input"], "answers": answers}})
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def background(self, scene: Scene, start: int) -> None:
        """A command in the background, and Claude Code's own notice when it ends."""
        command = {"bash": "until [ -e over ]; do sleep 0.1; done; touch later", "background": True}
        self.session.send(script(command, "Started.", {"end": True}, "It has ended."))
        self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        self.session.answer(ALLOW)
        self.session.wait_hook("Stop", since=start)
        scene.screens["background"] = self.session.wait_screen(lambda text: "shell" in text, "the background's line")
        self.session.wait_status("shell", since=start)
        (self.session.workdir / "over").touch()
        self.session.wait_line(_says("It has ended."), what="the answer to the notice", since=start)
        self.session.wait_idle(since=start)

    def subagent(self, scene: Scene, start: int) -> None:
        agent = {"agent": ["Looking.", {"bash": "touch by_agent"}, "Found it."], "description": "Look around"}
        self.session.send(script(agent, "Started.", {"end": True}, "The agent is back."))
        self.session.wait_hook("SubagentStart", since=start)
        self.session.wait_hook("PermissionRequest", since=start)
        time.sleep(0.5)
        scene.screens["subagent"] = self.session.screen()
        self.session.answer(ALLOW)
        self.session.wait_hook("SubagentStop", since=start)
        self.session.wait_line(_says("The agent is back.", "Started."), what="the last answer", since=start)
        self.session.wait_idle(since=start)

    def compacted(self, scene: Scene, start: int) -> None:
        self.session.send("/compact")
        self.session.wait_hook("PostCompact", since=start)
        self.session.wait_idle(since=start)
        scene.screens["compacted"] = self.session.screen()

    def menu(self, scene: Scene, start: int) -> None:
        """A dialog that no hook tells of; 2.1.330 tells of it in the sessions file, 2.1.197 nowhere."""
        self.session.keys("Escape", "Escape")
        scene.screens["dialog"] = self.session.wait_screen(lambda text: "Rewind" in text, "the menu")
        time.sleep(0.5)
        self.session.keys("Escape")
        self.session.wait_screen(lambda text: "Rewind" not in text, "the end of the menu")
        time.sleep(0.5)

    def ended(self, scene: Scene, start: int) -> None:
        scene.exit_status = self.session.stop()
        self.session.timeline.wait(lambda entry: entry.kind == "status" and not entry.data, what="its end", since=start)

    def resumed(self, scene: Scene, start: int) -> None:
        prompt = f"Do you remember? {script('I do.')}"
        self.session.start(prompt, arguments=("--resume", self.session.session_id))
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)

    def cleared(self, scene: Scene, start: int) -> None:
        self.session.send("/clear")
        self.session.wait_hook("SessionStart", since=start, source="clear")
        self.session.wait_idle(since=start)

    def _press(self, key: str) -> None:
        """Answer the dialog by one key; a second Esc would open another dialog, should the first be slow.

        2.1.330 ignores keys for a moment after it has opened a dialog, so this waits out that moment.
        """
        time.sleep(DIALOG_SECONDS)
        self.session.keys(key)
        self.session.wait_screen(lambda text: "Do you want to" not in text, "the end of the dialog")

    def _wait_interrupted(self, start: int) -> None:
        self.session.wait_line(_is_interruption, what="the interrupt's line", since=start)

    def _wait_enqueued(self, start: int, count: int) -> None:
        def enqueued(_entry: Seen) -> bool:
            lines = [entry.data for entry in self.session.timeline.seen[start:] if entry.kind == "transcript"]
            return len([line for line in lines if line.get("operation") == "enqueue"]) >= count

        self.session.timeline.wait(enqueued, what=f"enqueue {count}")


class _PlanPlay(_Play):
    def plan(self, scene: Scene, start: int) -> None:
        self.session.start(script({"plan": "1. Think\n2. Do"}, {"bash": "touch planned"}, "Done."), mode="plan")
        asked = self.session.wait_hook("PermissionRequest", since=start)
        self.session.wait_status("waiting", since=start)
        time.sleep(0.5)
        scene.screens["plan"] = self.session.screen()
        self.session.answer({**ALLOW, "updatedInput": asked["tool_input"]})
        self.session.wait_hook("PermissionRequest", since=start, tool_name="Bash")
        self.session.answer(ALLOW)
        self.session.wait_hook("Stop", since=start)
        self.session.wait_idle(since=start)


def wait_for_file(path: Path) -> None:
    """Wait until a file is there."""
    wait_until(path.exists, what=f"{path.name} is there", seconds=30, every=0.02)


def _is_interruption(line: dict[str, Any]) -> bool:
    content = line["message"]["content"] if line["type"] == "user" else None
    texts = [block.get("text", "") for block in content] if isinstance(content, list) else [content or ""]
    return any(text.startswith(INTERRUPTED) for text in texts)


def _says(*texts: str) -> Callable[[dict[str, Any]], bool]:
    def says(line: dict[str, Any]) -> bool:
        content = line.get("message", {}).get("content") if line.get("type") == "assistant" else None
        return any(block.get("text") in texts for block in content or ())

    return says


def record(version: str, model: Model, directory: Path) -> Recording:
    """Play all scenes with a version."""
    recording = Recording(version)
    with ClaudeSession(directory / "first", version, model.address) as session:
        play = _Play(session, recording)
        for scene in (
            play.first_prompt,
            play.text_turn,
            play.allowed,
            play.denied,
            play.allowed_in_terminal,
            play.refused_in_terminal,
            play.interrupted_tool,
            play.interrupted,
            play.failed,
            play.retried,
            play.queued,
            play.absorbed,
            play.parallel,
            play.question,
            play.background,
            play.subagent,
            play.compacted,
            play.menu,
            play.ended,
            play.resumed,
            play.cleared,
        ):
            play.scene(scene)
        play.divide()
    with ClaudeSession(directory / "plan", version, model.address) as session:
        planning = _PlanPlay(session, recording)
        planning.scene(planning.plan)
        planning.divide()
    return recording
