"""Requests for a person's decision, and who answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.errors import InvalidBodyError, PermissionNotFoundError
from agent.models import AnswerResult, Decision, RequestKind, RequestState
from agent.tasks.permissions import KEPT_REQUESTS
from agent.tasks.requestfolder import KEPT_CHARACTERS, RequestFolder
from tests.unit.agent.tasks.stage import ALLOW, DENY, Shown, Stage, requested, settled


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "permissions")


def run(play: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await play()

    asyncio.run(bounded())


def test_the_hook_gets_the_answer_and_the_client_hears_that_it_counted(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        handed: list[tuple[str, Decision]] = []
        broker.handed = lambda request_id, decision: handed.append((request_id, decision))
        broker.open(requested())
        hook = asyncio.create_task(broker.waiting("a1b2c3d4"))
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        document = await hook
        assert document == {
            "hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}
        }
        assert handed == [("a1b2c3d4", "allow")]
        assert not client.done()
        broker.observe([Shown("a1b2c3d4", "applied", "allow")])
        answered = await client
        assert answered.result is AnswerResult.APPLIED
        assert answered.permission.state is RequestState.ANSWERED
        assert (answered.permission.answered_by, answered.permission.via) == ("alice", "session")
        await settled(broker)
        assert [(note["action"], note["who"], note["result"]) for note in stage.notes.entries] == [
            ("permission.allow", "alice", "given")
        ]
        assert [each.state for each in stage.told] == ["open", "answering", "answered"]

    run(play)


def test_of_many_answers_at_once_one_wins_and_the_others_are_told_whose(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        hook = asyncio.create_task(broker.waiting("a1b2c3d4"))
        clients = [
            asyncio.create_task(broker.answer("a1b2c3d4", body, who=f"user{number}", via="token"))
            for number, body in enumerate([DENY, ALLOW] * 25)
        ]
        document = await hook
        assert document is not None
        assert document["hookSpecificOutput"]["decision"] == {"behavior": "deny", "message": "no"}
        broker.observe([Shown("a1b2c3d4", "applied", "deny")])
        answers = await asyncio.gather(*clients)
        assert [answer.result for answer in answers] == ["applied", *["already_answered"] * 49]
        assert {answer.permission.answered_by for answer in answers} == {"user0"}

    run(play)


def test_an_answer_at_the_keyboard_ends_the_hook_and_a_later_one_is_told_so(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        hook = asyncio.create_task(broker.waiting("a1b2c3d4"))
        await asyncio.sleep(0)
        broker.observe([Shown("a1b2c3d4", "terminal", "allow")])
        assert await hook is None
        late = await broker.answer("a1b2c3d4", DENY, who="alice", via="session")
        assert late.result is AnswerResult.ALREADY_ANSWERED
        assert (late.permission.decision, late.permission.answered_by, late.permission.via) == (
            ("allow", "terminal", "terminal")
        )
        await settled(broker)
        noted = [(note["action"], note["who"], note["result"]) for note in stage.notes.entries]
        assert sorted(noted) == [
            ("permission.allow", "terminal", "applied"),
            ("permission.deny", "alice", "already_answered"),
        ]

    run(play)


def test_who_answers_at_the_same_moment_as_somebody_at_the_keyboard_hears_who_was_faster(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        hook = asyncio.create_task(broker.waiting("a1b2c3d4"))
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        await hook
        broker.observe([Shown("a1b2c3d4", "terminal", "deny")])
        answered = await client
        assert answered.result is AnswerResult.ALREADY_ANSWERED
        assert answered.permission.answered_by == "terminal"
        assert answered.permission.decision == "deny"

    run(play)


def test_what_was_decided_at_the_keyboard_is_told_and_noted_once_when_it_shows(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        broker.observe([Shown("a1b2c3d4", "terminal", None)])
        assert (broker.all()[0].state, broker.all()[0].decision) == (RequestState.ANSWERED, None)
        for _ in range(2):
            broker.observe([Shown("a1b2c3d4", "terminal", "allow")])
        assert broker.all()[0].decision == "allow"
        broker.close()
        await settled(broker)
        assert [note["action"] for note in stage.notes.entries] == ["permission.allow"]

    run(play)


@pytest.mark.parametrize("end_seconds", [0, 1000], ids=["for-long", "until-the-end"])
def test_an_answer_at_the_keyboard_is_noted_also_when_what_it_was_does_not_show(
    stage: Stage, end_seconds: float
) -> None:
    stage.end_seconds = end_seconds

    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        broker.observe([Shown("a1b2c3d4", "terminal", None)])
        await asyncio.sleep(0.001)
        broker.close()
        await settled(broker)
        assert [note["action"] for note in stage.notes.entries] == ["permission.answer"]

    run(play)


def test_what_an_interrupt_by_the_api_closes_was_refused_by_whoever_interrupted(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested("a1b2c3d4"))
        broker.open(requested("e5f6a7b8"))
        with broker.interrupted_by("alice", "session"):
            broker.observe([Shown("a1b2c3d4", "withdrawn")])
        broker.observe([Shown("e5f6a7b8", "withdrawn")])
        first, second = sorted(broker.all(), key=lambda each: each.request_id)
        assert (first.decision, first.answered_by, first.via) == ("deny", "alice", "session")
        assert (second.decision, second.answered_by, second.via) == ("deny", "terminal", "terminal")
        await settled(broker)
        assert [(note["who"], note["via"]) for note in stage.notes.entries] == [("alice", "session")]

    run(play)


def test_an_answer_that_an_interrupt_overtakes_is_told_so(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        await asyncio.sleep(0)
        with broker.interrupted_by("alice", "session"):
            broker.observe([Shown("a1b2c3d4", "withdrawn")])
        answered = await client
        assert answered.result is AnswerResult.ALREADY_ANSWERED
        assert answered.permission.decision == "deny"

    run(play)


def test_a_refusal_at_the_keyboard_is_noted_once_the_session_lives_on(stage: Stage) -> None:
    stage.end_seconds = 0

    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        broker.observe([Shown("a1b2c3d4", "withdrawn")])
        await asyncio.sleep(0.001)
        await settled(broker)
        assert [(note["action"], note["via"]) for note in stage.notes.entries] == [("permission.deny", "terminal")]

    run(play)


def test_the_end_of_a_session_is_nobodys_answer(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        hook = asyncio.create_task(broker.waiting("a1b2c3d4"))
        await asyncio.sleep(0)
        broker.observe([Shown("a1b2c3d4", "withdrawn")])
        broker.close()
        assert await hook is None
        await settled(broker)
        (permission,) = broker.all()
        assert (permission.state, permission.decision, permission.answered_by) == ("expired", None, None)
        assert stage.notes.entries == []
        late = await broker.answer("a1b2c3d4", ALLOW, who="alice", via="session")
        assert late.result is AnswerResult.EXPIRED

    run(play)


def test_an_answer_that_nothing_confirms_in_time_says_so(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        answered = await broker.answer("a1b2c3d4", ALLOW, who="alice", via="session", confirm_seconds=0.001)
        assert answered.result is AnswerResult.UNCONFIRMED
        assert answered.permission.state is RequestState.ANSWERING

    run(play)


def test_a_client_that_goes_away_leaves_its_answer(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        await asyncio.sleep(0)
        client.cancel()
        assert await broker.waiting("a1b2c3d4") is not None

    run(play)


def test_an_open_request_of_a_killed_agent_is_answered_by_the_next(stage: Stage) -> None:
    async def first() -> None:
        broker = stage.broker()
        broker.open(requested())
        await settled(broker)

    async def second() -> None:
        broker = stage.broker()
        broker.expect_hooks()
        assert [each.state for each in broker.all()] == ["open"]
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        await asyncio.sleep(0)
        broker.open(requested())
        assert await broker.waiting("a1b2c3d4") is not None
        broker.observe([Shown("a1b2c3d4", "applied", "allow")])
        assert (await client).result is AnswerResult.APPLIED

    run(first)
    run(second)


def test_an_answer_waits_for_the_hook_of_a_request_that_a_killed_agent_had_not_recorded(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.expect_hooks()
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        await asyncio.sleep(0)
        broker.open(requested())
        assert await broker.waiting("a1b2c3d4") is not None
        client.cancel()
        await settled(broker)

    run(play)


def test_an_answer_of_a_killed_agent_is_handed_over_by_the_next_and_no_other(stage: Stage) -> None:
    async def first() -> None:
        broker = stage.broker()
        broker.open(requested())
        await broker.answer("a1b2c3d4", DENY, who="alice", via="session", confirm_seconds=0.001)
        await settled(broker)

    async def second() -> None:
        broker = stage.broker()
        broker.expect_hooks()
        late = await broker.answer("a1b2c3d4", ALLOW, who="bob", via="session")
        assert late.result is AnswerResult.ALREADY_ANSWERED
        broker.open(requested())
        document = await broker.waiting("a1b2c3d4")
        assert document is not None
        assert document["hookSpecificOutput"]["decision"]["behavior"] == "deny"

    run(first)
    run(second)


def test_a_request_whose_hook_does_not_come_again_expires(stage: Stage) -> None:
    stage.return_seconds = 0

    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        await asyncio.sleep(0.001)
        assert [each.state for each in broker.all()] == ["expired"]
        await settled(broker)

    run(play)


def test_a_full_disk_keeps_nobody_from_answering(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_folder: RequestFolder, _entry: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RequestFolder, "save", full)

    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        hook = asyncio.create_task(broker.waiting("a1b2c3d4"))
        client = asyncio.create_task(broker.answer("a1b2c3d4", ALLOW, who="alice", via="session"))
        assert await hook is not None
        broker.observe([Shown("a1b2c3d4", "applied", "allow")])
        assert (await client).result is AnswerResult.APPLIED
        await settled(broker)

    run(play)


def test_a_request_that_is_over_keeps_the_beginning_of_long_texts(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested(file_path="x", content="y" * 1_000_000, more=[{"old": "z" * 10_000}]))
        (permission,) = broker.all()
        assert len(permission.tool_input["content"]) == 1_000_000
        broker.observe([Shown("a1b2c3d4", "terminal", "allow")])
        await settled(broker)
        (permission,) = broker.all()
        assert len(permission.tool_input["content"]) == KEPT_CHARACTERS + 1
        assert len(permission.tool_input["more"][0]["old"]) == KEPT_CHARACTERS + 1
        (file,) = stage.directory.iterdir()
        assert file.stat().st_size < 10_000
        assert file.stat().st_mode & 0o777 == 0o600

    run(play)


def test_the_oldest_requests_that_are_over_are_forgotten_on_the_disk_too(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        for number in range(KEPT_REQUESTS + 20):
            broker.open(requested(f"{number:08x}"))
            broker.observe([Shown(f"{number:08x}", "terminal", "allow")])
        broker.open(requested("ffffffff"))
        await settled(broker)
        assert len(broker.all()) == KEPT_REQUESTS + 1
        assert len(list(stage.directory.iterdir())) == KEPT_REQUESTS + 1
        assert broker.all()[0].request_id == "ffffffff", "open ones come first"

    run(play)


def test_unknown_requests_and_wrong_answers_are_errors_and_leave_the_request_open(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        with pytest.raises(PermissionNotFoundError):
            await broker.answer("a1b2c3d4", ALLOW, who="alice", via="session")
        broker.open(requested(kind=RequestKind.QUESTION, questions=[{"question": "Which?", "options": []}]))
        with pytest.raises(InvalidBodyError, match=r"Which\?"):
            await broker.answer("a1b2c3d4", ALLOW, who="alice", via="session")
        permission = broker.oldest_open()
        assert permission is not None
        assert permission.state is RequestState.OPEN
        await settled(broker)

    run(play)


def test_a_file_that_cannot_be_read_costs_only_its_own_request(stage: Stage) -> None:
    async def play() -> None:
        broker = stage.broker()
        broker.open(requested())
        broker.open(requested("b1b2c3d4"))
        await settled(broker)
        (stage.directory / "a1b2c3d4.json").write_text('{"permission": {')
        assert [each.request_id for each in stage.broker().all()] == ["b1b2c3d4"]

    run(play)
