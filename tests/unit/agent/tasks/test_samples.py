"""The state on the samples that the contract tests keep, through the real parsers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.claude import hookevents, transcript
from agent.claude.evidence import (
    Evidence,
    Launched,
    PermissionAnswered,
    PermissionDecided,
    PermissionRequested,
    PermissionWithdrawn,
    SessionStarted,
    StatusSeen,
)
from agent.models import Activity
from agent.tasks.facts import Outcome
from tests.unit.agent.tasks.timelines import Seen, Timeline, activities, play

SAMPLES = Path(__file__).parents[3] / "agent" / "samples"
VERSIONS = ("2.1.197", "2.1.330")
BEGUN = 100.0
STARTING, WORKING, IDLE = Activity.STARTING, Activity.WORKING, Activity.IDLE
ASKED = Activity.WAITING_PERMISSION

FLOWS: dict[str, list[Activity]] = {
    "first_prompt": [STARTING, WORKING, IDLE],
    "resumed": [STARTING, WORKING, IDLE],
    "text_turn": [STARTING, IDLE, WORKING, IDLE],
    "allowed": [STARTING, IDLE, WORKING, ASKED, WORKING, IDLE],
    "denied": [STARTING, IDLE, WORKING, ASKED, WORKING, IDLE],
    "allowed_in_terminal": [STARTING, IDLE, WORKING, ASKED, WORKING, IDLE],
    "refused_in_terminal": [STARTING, IDLE, WORKING, ASKED, Activity.STOPPED],
    "parallel": [STARTING, IDLE, WORKING, ASKED, WORKING, ASKED, WORKING, IDLE],
    "question": [STARTING, IDLE, WORKING, Activity.WAITING_QUESTION, WORKING, IDLE],
    "plan": [STARTING, WORKING, Activity.WAITING_PLAN, WORKING, ASKED, WORKING, IDLE],
    "interrupted": [STARTING, IDLE, WORKING, Activity.STOPPED],
    "failed": [STARTING, IDLE, WORKING, Activity.FAILED],
    "queued": [STARTING, IDLE, WORKING, IDLE],
    "absorbed": [STARTING, IDLE, WORKING, ASKED, WORKING, IDLE],
    "background": [STARTING, IDLE, WORKING, ASKED, WORKING, Activity.WAITING_BACKGROUND, WORKING, IDLE],
    "compacted": [STARTING, IDLE, WORKING, IDLE],
}
WITH_PROMPT = frozenset({"first_prompt", "resumed", "plan"})
OUTCOMES: dict[str, tuple[Outcome, ...]] = {
    "allowed": ("applied",),
    "denied": ("applied",),
    "allowed_in_terminal": ("terminal",),
    "refused_in_terminal": ("withdrawn",),
    "parallel": ("applied", "applied"),
    "question": ("applied",),
    "plan": ("applied", "applied"),
    "absorbed": ("applied",),
}


def sample(version: str, scene: str) -> Timeline:
    """Read a scene as evidence; one from the middle of a session gets an idle session before it."""
    file = SAMPLES / version / "timelines" / f"{scene}.jsonl"
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    start = entries[0]["at"] - BEGUN - 20
    seen = [Seen(BEGUN, Launched(BEGUN, has_prompt=scene in WITH_PROMPT))]
    if scene not in WITH_PROMPT:
        seen.append(Seen(BEGUN + 1, SessionStarted(BEGUN + 1, "session", "startup")))
        seen.append(Seen(BEGUN + 1.2, StatusSeen(BEGUN + 1.2, "idle", "", "session")))
    for entry in entries:
        at = entry["at"] - start
        seen += [Seen(at, replace(each, at=min(at, each.at - start))) for each in evidence(entry)]
    return Timeline(seen=sorted([*seen, *answers(seen)], key=lambda each: each.at))


def answers(seen: list[Seen]) -> list[Seen]:
    """Return what the agent would have noted when it gave its answers: they counted some milliseconds later."""
    asked = [each.evidence.request_id for each in seen if isinstance(each.evidence, PermissionRequested)]
    taken = [each.evidence for each in seen if isinstance(each.evidence, PermissionDecided)]
    return [
        Seen(
            each.at - 0.02,
            PermissionAnswered(each.at - 0.02, request_id, "deny" if each.decision == "deny" else "allow"),
        )
        for request_id, each in zip(asked, taken, strict=False)
    ]


def evidence(entry: dict[str, Any]) -> list[Evidence]:
    at, data = entry["at"], entry["data"]
    match entry["kind"]:
        case "hook" if data["hook_event_name"] == "PermissionRequest":
            return [hookevents.parse_permission(data, str(data["rig_request"]), at)]
        case "hook":
            found = hookevents.parse(data, at)
            return [found] if found else []
        case "withdrawn":
            return [PermissionWithdrawn(at, str(data["rig_request"]))]
        case "status" if data:
            changed_at = (data.get("statusUpdatedAt") or data["startedAt"]) / 1000
            status, waiting_for = data.get("status") or "", data.get("waitingFor") or ""
            return [StatusSeen(changed_at, status, waiting_for, data["sessionId"])]
        case "transcript":
            return transcript.evidence(data)
        case _:
            return []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", FLOWS)
def test_a_sample_goes_through_its_activities(version: str, scene: str) -> None:
    assert activities(play(sample(version, scene), until=None)) == FLOWS[scene]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", OUTCOMES)
def test_the_requests_of_a_sample_have_their_outcomes(version: str, scene: str) -> None:
    final = play(sample(version, scene), until=sample(version, scene).end + 3)[-1].state
    assert tuple(request.outcome for request in final.requests) == OUTCOMES[scene]
    assert all(request.tool_use_id for request in final.requests)
