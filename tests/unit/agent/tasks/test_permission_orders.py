"""Requests and answers in every order: clients, a terminal, a hook whose connection breaks, an agent that is killed."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.errors import PermissionNotFoundError
from agent.models import AnswerBody, Answered, AnswerResult, Decision
from tests.unit.agent.tasks.stage import ALLOW, Outcome, Shown, Stage, requested, settled


@dataclass
class Hook:
    """The waiting command of one request; it lives on when the agent is killed."""

    request_id: str
    connection: asyncio.Task[Mapping[str, Any] | None] | None = None
    got: list[Mapping[str, Any]] = field(default_factory=list)
    has_ended: bool = False
    outcome: Outcome | None = None


class InlineExecutor(ThreadPoolExecutor):
    """Runs what is submitted at once, so that an order can be played again: a thread ends when it likes."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done


class Orders(RuleBasedStateMachine):
    """The agent is killed by dropping its loop; writes that began are whole, as `rename` has it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.stage = Stage(self.directory / "permissions")
        self.hooks: list[Hook] = []
        self.answers: list[tuple[str, Decision, asyncio.Task[Answered]]] = []
        self.results: list[tuple[str, Decision, Answered]] = []
        self.sent: dict[str, list[Mapping[str, Any]]] = {}
        self.start()

    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(InlineExecutor(max_workers=1))
        self.broker = self.stage.broker()
        self.steps(0, self.broker.expect_hooks)

    def end_loop(self) -> None:
        async def drop() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.loop.shutdown_default_executor()

        self.loop.run_until_complete(drop())
        self.loop.close()

    def steps(self, count: int, *actions: Callable[[], object]) -> None:
        """Do something in the loop, and let it turn so often."""

        async def turn() -> None:
            for action in actions:
                action()
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    def settle(self) -> None:
        async def quiet() -> None:
            for _ in range(5):
                await settled(self.broker)
                await asyncio.sleep(0)

        self.loop.run_until_complete(quiet())
        self.collect()

    def collect(self) -> None:
        for hook in self.hooks:
            if hook.connection is not None and hook.connection.done():
                document = hook.connection.result()
                hook.connection = None
                hook.has_ended = True
                if document is not None:
                    hook.got.append(document)
                    self.sent.setdefault(hook.request_id, []).append(document)
        for request_id, decision, task in [each for each in self.answers if each[2].done()]:
            # Not found: the agent was killed before it had recorded the request, and its hook hadn't come again then.
            if not isinstance(task.exception(), PermissionNotFoundError):
                self.results.append((request_id, decision, task.result()))
        self.answers = [each for each in self.answers if not each[2].done()]

    def connect(self, hook: Hook) -> None:
        def come() -> None:
            self.broker.open(requested(hook.request_id))
            hook.connection = self.loop.create_task(self.broker.waiting(hook.request_id))

        self.steps(1, come)

    @precondition(lambda self: len(self.hooks) < 4)
    @rule()
    def ask(self) -> None:
        hook = Hook(f"{len(self.hooks):08x}")
        self.hooks.append(hook)
        self.connect(hook)

    @precondition(lambda self: self.hooks)
    @rule(data=st.data(), decisions=st.lists(st.sampled_from(["allow", "deny"]), min_size=1, max_size=3))
    def answer(self, data: st.DataObject, decisions: list[Decision]) -> None:
        hook = data.draw(st.sampled_from(self.hooks))

        def give() -> None:
            for decision in decisions:
                coroutine = self.broker.answer(
                    hook.request_id, AnswerBody(decision=decision), who="client", via="token", confirm_seconds=1000
                )
                self.answers.append((hook.request_id, decision, self.loop.create_task(coroutine)))

        self.steps(data.draw(st.integers(0, 6)), give)
        self.collect()

    @precondition(lambda self: any(hook.connection for hook in self.hooks))
    @rule(data=st.data())
    def break_connection(self, data: st.DataObject) -> None:
        hook = data.draw(st.sampled_from([hook for hook in self.hooks if hook.connection]))
        connection = hook.connection
        assert connection is not None
        if connection.done() and (document := connection.result()) is not None:
            self.sent.setdefault(hook.request_id, []).append(document)
        self.steps(2, connection.cancel)
        hook.connection = None

    @precondition(lambda self: any(not hook.connection and not hook.has_ended for hook in self.hooks))
    @rule(data=st.data())
    def reconnect(self, data: st.DataObject) -> None:
        waiting = [hook for hook in self.hooks if not hook.connection and not hook.has_ended]
        self.connect(data.draw(st.sampled_from(waiting)))

    @precondition(lambda self: any(hook.outcome is None for hook in self.hooks))
    @rule(data=st.data())
    def show(self, data: st.DataObject) -> None:
        """Let the session show what came of a request: our answer only when the hook got it."""
        hook = data.draw(st.sampled_from([hook for hook in self.hooks if hook.outcome is None]))
        possible: list[Outcome] = ["terminal", "withdrawn", "expired", *(["applied"] if hook.got else [])]  # type: ignore[list-item]
        hook.outcome = data.draw(st.sampled_from(possible))
        if hook.outcome == "withdrawn":
            hook.has_ended = True
            if hook.connection is not None:
                self.steps(1, hook.connection.cancel)
                hook.connection = None
        decision: Decision = "allow"
        if hook.outcome == "applied":
            decision = hook.got[0]["hookSpecificOutput"]["decision"]["behavior"]
        shown = Shown(hook.request_id, hook.outcome, decision)
        self.steps(data.draw(st.integers(0, 3)), lambda: self.broker.observe([shown]))

    @rule()
    def rest(self) -> None:
        self.settle()

    @rule()
    def kill_agent(self) -> None:
        self.collect()
        self.end_loop()
        self.answers = []
        for hook in self.hooks:
            hook.connection = None
        self.start()

    @invariant()
    def nobody_is_told_two_things(self) -> None:
        self.collect()
        for hook in self.hooks:
            assert len(hook.got) <= 1
            sent = self.sent.get(hook.request_id, [])
            assert all(document == sent[0] for document in sent), "a request was answered with two decisions"

    @invariant()
    def one_answer_wins(self) -> None:
        for hook in self.hooks:
            mine = [(decision, answered) for rid, decision, answered in self.results if rid == hook.request_id]
            applied = [decision for decision, answered in mine if answered.result is AnswerResult.APPLIED]
            assert len(applied) <= 1
            if applied:
                assert hook.outcome == "applied"
                assert hook.got[0]["hookSpecificOutput"]["decision"]["behavior"] == applied[0]

    def teardown(self) -> None:
        """At the end every hook that still waits comes again, and can be answered."""
        try:
            self.settle()
            for hook in self.hooks:
                if not hook.has_ended and hook.outcome is None:
                    self.answer_last(hook)
            self.nobody_is_told_two_things()
        finally:
            self.end_loop()
            shutil.rmtree(self.directory)

    def answer_last(self, hook: Hook) -> None:
        if hook.connection is None:
            self.connect(hook)
        connection = hook.connection
        assert connection is not None

        async def finish() -> None:
            await self.broker.answer(hook.request_id, ALLOW, who="last", via="token", confirm_seconds=0)
            async with asyncio.timeout(10):
                assert await connection is not None, "a request was lost"

        self.loop.run_until_complete(finish())


Orders.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestEveryOrder = Orders.TestCase
