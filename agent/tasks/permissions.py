"""Requests for a person's decision: asked by a waiting hook, answered once, by whoever is first."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Literal

from agent.claude.evidence import PermissionRequested
from agent.errors import PermissionNotFoundError
from agent.models import AnswerBody, Answered, AnswerResult, Decision, Permission, RequestState
from agent.tasks import decisions
from agent.tasks.audit import TERMINAL
from agent.tasks.excerpts import digest, excerpt
from agent.tasks.outcomes import Noting, Observed
from agent.tasks.requestfolder import Entry, RequestFolder, RequestWriter

CONFIRM_SECONDS = 10.0
"""How long an answer waits for what shows that it took effect; a tool may run for longer than that."""
RETURN_SECONDS = 10.0
"""How long a request waits for its hook to come again; it tries at least every second."""
COME_AGAIN_SECONDS = 2.0
"""Within this after a restart every waiting hook has come again, also one whose request was not yet recorded."""
END_SECONDS = 4.0
"""A session that ends takes its hooks back first; so much later a refusal was a person's.

What was decided at the keyboard shows later than that somebody did; so long the audit log waits for it.
"""
KEPT_REQUESTS = 100


class Broker:
    """The requests of one task.

    A request is open until somebody answers. An answer by the API makes it *answering*; it is recorded and
    noted in the audit log before the hook gets it, and *answered* when the session shows that it counted.
    Somebody at the keyboard may have been faster. A request whose hook is gone can't be answered: it is expired.

    What is recorded survives a SIGKILL of the agent at any moment: the hook comes again under the same id, and
    is handed what was recorded. It acts only on a whole answer, and doesn't come again after one.

    Attributes:
        handed: Told when a decision goes to the waiting hook.

    Args:
        task_id: Whose requests.
        folder: Where they are kept.
        changed: Told of every request that is new or has changed.
        audit: Where answers are noted, those at the keyboard too.
        now: The clock, in Unix seconds.
        return_seconds: As RETURN_SECONDS.
        end_seconds: As END_SECONDS.
    """

    def __init__(
        self,
        task_id: str,
        folder: RequestFolder,
        *,
        changed: Callable[[Permission], None],
        audit: Noting,
        now: Callable[[], float] = time.time,
        return_seconds: float = RETURN_SECONDS,
        end_seconds: float = END_SECONDS,
    ) -> None:
        self.handed: Callable[[str, Decision], None] = lambda _request_id, _decision: None
        self._task_id = task_id
        self._changed = changed
        self._audit = audit
        self._now = now
        self._return_seconds = return_seconds
        self._end_seconds = end_seconds
        self._entries = folder.load()
        self._writer = RequestWriter(folder, self._entries.get)
        self._given = {request_id for request_id, entry in self._entries.items() if entry.document is not None}
        self._all_back_at = 0.0
        self._waiters: Counter[str] = Counter()
        self._news: dict[str, asyncio.Event] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unnoted: dict[str, asyncio.TimerHandle] = {}
        self._interrupter: tuple[str, Literal["session", "token"]] | None = None
        self._background: set[asyncio.Task[None]] = set()

    # Looking

    def all(self) -> tuple[Permission, ...]:
        """Return every request: open ones first, then the newest."""
        permissions = [entry.permission for entry in self._entries.values()]
        return tuple(sorted(permissions, key=lambda each: (each.state is not RequestState.OPEN, -each.requested_at)))

    def oldest_open(self) -> Permission | None:
        """Return the request that has waited the longest."""
        waiting = [each for each in self.all() if each.state is RequestState.OPEN]
        return min(waiting, key=lambda each: each.requested_at, default=None)

    # The hook's side

    def open(self, requested: PermissionRequested) -> None:
        """Take a request in; one that comes again, after the agent or the connection broke, is known already."""
        if requested.request_id in self._entries:
            return
        permission = Permission(
            request_id=requested.request_id,
            task_id=self._task_id,
            kind=requested.kind,
            state=RequestState.OPEN,
            tool_name=requested.tool_name,
            tool_input=requested.tool_input,
            requested_at=requested.at,
            agent_type=requested.agent_type,
            suggestions=requested.suggestions,
        )
        self._put(Entry(permission=permission, digest=digest(requested.tool_input)))
        self._expect_hook(requested.request_id)

    async def waiting(self, request_id: str) -> Mapping[str, Any] | None:
        """Wait for the decision of a request that was opened.

        Returns:
            What the hook prints; None when it has nothing to tell: answered in the terminal, or over.
        """
        self._waiters[request_id] += 1
        self._stop_timer(request_id)
        try:
            return await self._decided(request_id)
        finally:
            self._waiters[request_id] -= 1
            entry = self._entries.get(request_id)
            if entry is not None and not entry.is_handed:
                self._expect_hook(request_id)

    async def _decided(self, request_id: str) -> Mapping[str, Any] | None:
        while True:
            entry = self._entries.get(request_id)
            if entry is None or entry.is_over:
                return None
            if request_id not in self._given:
                await self._change_of(request_id)
            elif not entry.is_handed:
                # Recorded before it is so: an agent that comes after us must not take it for never handed over.
                self._entries[request_id] = entry.changed(is_handed=True)
                await self._writer.write(request_id)
            else:
                assert entry.permission.decision is not None
                self.handed(request_id, entry.permission.decision)
                return entry.document

    def expect_hooks(self) -> None:
        """Give the hooks of a session that ran before us some time to come again."""
        self._all_back_at = asyncio.get_running_loop().time() + COME_AGAIN_SECONDS
        for request_id, entry in self._entries.items():
            if not entry.is_over:
                self._expect_hook(request_id)

    def _expect_hook(self, request_id: str) -> None:
        if self._waiters[request_id] or self._entries[request_id].is_over:
            return
        self._stop_timer(request_id)
        loop = asyncio.get_running_loop()
        self._timers[request_id] = loop.call_later(self._return_seconds, self._hook_is_gone, request_id)

    def _hook_is_gone(self, request_id: str) -> None:
        """Close a request that no answer can reach any more; one whose answer the hook took is answered."""
        entry = self._entries[request_id]
        if not entry.is_over:
            state = RequestState.ANSWERED if entry.is_handed else RequestState.EXPIRED
            self._put(entry.changed(state=state))

    def _stop_timer(self, request_id: str) -> None:
        timer = self._timers.pop(request_id, None)
        if timer is not None:
            timer.cancel()

    # The clients' side

    async def answer(
        self,
        request_id: str,
        body: AnswerBody,
        *,
        who: str,
        via: Literal["session", "token"],
        confirm_seconds: float = CONFIRM_SECONDS,
    ) -> Answered:
        """Answer a request, and wait until the session shows what came of it.

        Raises:
            PermissionNotFoundError: The task never asked for this.
            InvalidBodyError: A question needs other answers.
        """
        entry = await self._asked(request_id)
        if entry.permission.state is not RequestState.OPEN:
            answered = Answered(result=_late(entry.permission), permission=entry.permission)
        else:
            document = decisions.document(entry.permission, body)
            answering = entry.changed(
                state=RequestState.ANSWERING,
                decision=body.decision,
                reason=body.reason,
                answered_by=who,
                answered_at=self._now(),
                via=via,
            )
            # Nothing was awaited since its state was seen: whoever comes next is late.
            self._put(answering.model_copy(update={"document": document}), is_kept=False)
            # The answer stands also when whoever gave it doesn't wait for the outcome.
            await asyncio.shield(self._start(self._give(request_id)))
            given = (body.decision, who, via)
            answered = await self._confirmed(request_id, given, confirm_seconds)
        if answered.result is not AnswerResult.APPLIED:
            await self._note(entry, body.decision, who, via, answered.result.value)
        return answered

    async def _asked(self, request_id: str) -> Entry:
        if request_id not in self._entries:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._all_back_at):
                    await self._change_of(request_id)
        entry = self._entries.get(request_id)
        if entry is None:
            self._news.pop(request_id, None)
            raise PermissionNotFoundError(
                "the task never asked for this", hint="GET permissions lists what it asked for"
            )
        return entry

    async def _give(self, request_id: str) -> None:
        await self._writer.write(request_id)
        entry = self._entries[request_id]
        permission = entry.permission
        if permission.state is RequestState.ANSWERING:
            assert permission.decision
            assert permission.answered_by
            assert permission.via
            await self._note(entry, permission.decision, permission.answered_by, permission.via, "given")
        self._given.add(request_id)
        self._tell(request_id)

    async def _confirmed(self, request_id: str, given: tuple[str, str, str], seconds: float) -> Answered:
        try:
            async with asyncio.timeout(seconds):
                while self._entries[request_id].permission.state is RequestState.ANSWERING:
                    await self._change_of(request_id)
        except TimeoutError:
            return Answered(result=AnswerResult.UNCONFIRMED, permission=self._entries[request_id].permission)
        permission = self._entries[request_id].permission
        counted = (permission.decision, permission.answered_by, permission.via)
        if permission.state is RequestState.ANSWERED and counted == given:
            return Answered(result=AnswerResult.APPLIED, permission=permission)
        return Answered(result=_late(permission), permission=permission)

    # The session's side

    def observe(self, requests: Iterable[Observed]) -> None:
        """Take what the session shows of the requests."""
        for request in requests:
            entry = self._entries.get(request.request_id)
            if entry is None or request.outcome is None:
                continue
            if entry.is_over:
                self._learn_decision(entry, request)
                continue
            is_answering = entry.permission.state is RequestState.ANSWERING
            if request.outcome == "applied" and is_answering:
                self._put(entry.changed(state=RequestState.ANSWERED))
            elif request.outcome == "expired":
                self._put(entry.changed(state=RequestState.EXPIRED))
            else:
                self._answered_elsewhere(entry, request)

    @contextlib.contextmanager
    def interrupted_by(self, who: str, via: Literal["session", "token"]) -> Iterator[None]:
        """Take whatever is refused until the end of the block for the work of somebody who interrupts the turn."""
        self._interrupter = who, via
        try:
            yield
        finally:
            self._interrupter = None

    def _answered_elsewhere(self, entry: Entry, request: Observed) -> None:
        """Take that the dialog was answered at the keyboard, or closed by an interrupt."""
        request_id, is_refusal = request.request_id, request.outcome == "withdrawn"
        who, via = (is_refusal and self._interrupter) or (TERMINAL, TERMINAL)
        answered = entry.changed(
            state=RequestState.ANSWERED,
            decision="deny" if is_refusal else request.decision,
            reason=None,
            answered_by=who,
            answered_at=self._now(),
            via=via,
        )
        self._put(answered)
        if via == TERMINAL and (is_refusal or request.decision is None):
            loop = asyncio.get_running_loop()
            self._unnoted[request_id] = loop.call_later(self._end_seconds, self._note_elsewhere, request_id)
        else:
            self._note_elsewhere(request_id)

    def _learn_decision(self, entry: Entry, request: Observed) -> None:
        """Take what was decided at the keyboard, which shows later than that somebody answered."""
        permission = entry.permission
        if permission.via == TERMINAL and permission.decision is None and request.decision is not None:
            self._put(entry.changed(decision=request.decision))
            self._note_elsewhere(request.request_id)

    def _note_elsewhere(self, request_id: str) -> None:
        timer = self._unnoted.pop(request_id, None)
        if timer is not None:
            timer.cancel()
        entry = self._entries.get(request_id)
        if entry is not None:
            permission = entry.permission
            assert permission.answered_by
            assert permission.via
            decision = permission.decision or "answer"
            self._start(self._note(entry, decision, permission.answered_by, permission.via, "applied"))

    def close(self) -> None:
        """Expire what still waits: the session has ended, which is nobody's answer."""
        for request_id in tuple(self._unnoted):
            entry = self._entries.get(request_id)
            if entry is None or entry.permission.decision is None:
                self._note_elsewhere(request_id)
            else:
                self._unnoted.pop(request_id).cancel()
                nobody = {"decision": None, "answered_by": None, "answered_at": None, "via": None}
                self._put(entry.changed(state=RequestState.EXPIRED, **nobody))
        for request_id, entry in tuple(self._entries.items()):
            self._stop_timer(request_id)
            if not entry.is_over:
                self._put(entry.changed(state=RequestState.EXPIRED))

    # Keeping and telling

    def _put(self, entry: Entry, *, is_kept: bool = True) -> None:
        request_id = entry.permission.request_id
        self._entries[request_id] = entry
        if entry.is_over:
            self._stop_timer(request_id)
            self._forget_oldest()
        if is_kept:
            self._start(self._writer.write(request_id))
        self._tell(request_id)
        self._changed(entry.permission)

    def _forget_oldest(self) -> None:
        over = [request_id for request_id, entry in self._entries.items() if entry.is_over]
        for request_id in over[:-KEPT_REQUESTS]:
            del self._entries[request_id]
            self._given.discard(request_id)
            self._waiters.pop(request_id, None)
            self._start(self._writer.write(request_id))

    async def _note(
        self, entry: Entry, decision: str, who: str, via: Literal["session", "token", "terminal"], result: str
    ) -> None:
        permission = entry.permission
        await self._audit.note(
            f"permission.{decision}",
            who=who,
            via=via,
            task_id=self._task_id,
            request=permission.request_id,
            tool=permission.tool_name,
            asked=excerpt(permission.tool_input),
            digest=entry.digest,
            result=result,
        )

    def _tell(self, request_id: str) -> None:
        self._news.pop(request_id, asyncio.Event()).set()

    async def _change_of(self, request_id: str) -> None:
        await self._news.setdefault(request_id, asyncio.Event()).wait()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _late(permission: Permission) -> AnswerResult:
    expired = permission.state is RequestState.EXPIRED
    return AnswerResult.EXPIRED if expired else AnswerResult.ALREADY_ANSWERED
