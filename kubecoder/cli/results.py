"""What the commands that write to a cluster print at the end, and the exit code that it means."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kubecoder.output import Column, Format, Printer
from kubecoder.rollout.changes import Action, FleetResult, Outcome, WorkspaceResult

_QUIET_ACTIONS = frozenset({Action.UNCHANGED})


def write_result(printer: Printer, result: FleetResult, *, is_dry_run: bool = False) -> None:
    """Write the table of workspaces or the document, and every error with its next step."""
    for workspace in result.workspaces:
        if workspace.outcome is Outcome.UNCHANGED:
            continue
        for notice in workspace.notices:
            printer.notice(f"{workspace.name}: {notice}")
    for name in result.vanished:
        printer.notice(f"{name}: is deployed and has no user file any more; kubecoder delete {name} would remove it")
    columns = (
        Column("NAME", lambda item: item.name),
        Column("RESULT", lambda item: item.outcome.value + (" (dry run)" if is_dry_run else "")),
        Column("REVISION", lambda item: str(item.revision or "")),
        Column("OBJECTS", _actions),
        Column("SECONDS", lambda item: f"{item.seconds:.1f}"),
        Column("NAMESPACE", lambda item: item.namespace, wide=True),
        Column("REQUESTS", lambda item: str(item.requests), wide=True),
    )
    shown = [item for item in result.workspaces if item.name != "base" or item.outcome is not Outcome.UNCHANGED]
    printer.rows(shown, columns, document=document(result), name=lambda item: f"workspace/{item.name}")
    for workspace in result.workspaces:
        if workspace.error is not None:
            printer.error(workspace.error)
    if printer.format in {Format.table, Format.wide}:
        printer.notice(summary(result))


def summary(result: FleetResult) -> str:
    """Say in one line what happened to how many."""
    counts = Counter(item.outcome.value for item in result.workspaces if item.name != "base")
    parts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to do"
    return f"{parts} in {result.seconds:.1f} s with {result.requests} requests"


def document(result: FleetResult) -> dict[str, Any]:
    """Give the JSON form (decision D2)."""
    return {
        "context": result.context,
        "workspaces": [_workspace(item) for item in result.workspaces],
        "vanished": list(result.vanished),
        "seconds": round(result.seconds, 3),
        "requests": result.requests,
    }


def exit_code(result: FleetResult, *, asked_for_one: bool) -> int:
    """Choose the exit code: the own one of a workspace that was asked for alone, else 1 when any failed (D3)."""
    failed = [item for item in result.workspaces if item.is_failure]
    if not failed:
        return 0
    if any(item.outcome is Outcome.INTERRUPTED for item in failed):
        return 130
    if asked_for_one and failed[-1].error is not None:
        return failed[-1].error.exit_code
    return 1


def _workspace(item: WorkspaceResult) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": item.name,
        "namespace": item.namespace,
        "result": item.outcome.value,
        "revision": item.revision,
        "objects": [
            {"kind": change.ref.kind, "name": change.ref.name, "action": change.action.value} for change in item.changes
        ],
        "requests": item.requests,
        "seconds": round(item.seconds, 3),
    }
    if item.notices:
        described["notices"] = list(item.notices)
    if item.error is not None:
        described["error"] = item.error.message
        if item.error.hint:
            described["hint"] = item.error.hint
    return described


def _actions(item: WorkspaceResult) -> str:
    counts = Counter(change.action.value for change in item.changes if change.action not in _QUIET_ACTIONS)
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "none"
