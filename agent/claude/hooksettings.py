"""The settings that a session is started with: every event is told to the agent."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

EVENT_SECONDS = 10
"""We answer at once, but hold a tool back for some seconds while a message is being typed."""
PERMISSION_SECONDS = 7 * 86400
"""As long as a person may take."""
COMMAND_SECONDS = 10
EVENTS = (
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Notification",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "PreCompact",
    "PostCompact",
    "SessionEnd",
)


def document(*, url: str, event_command: Sequence[str], permission_command: Sequence[str]) -> bytes:
    """Return the content of a `--settings` file.

    Args:
        url: The hook listener's address for this launch.
        event_command: Tells the listener an event from stdin; SessionStart takes commands only.
        permission_command: Waits for a person's decision and prints it.
    """
    told = {"type": "http", "url": f"{url}/event", "timeout": EVENT_SECONDS}
    started = {"type": "command", "command": shlex.join(event_command), "timeout": COMMAND_SECONDS}
    asked = {"type": "command", "command": shlex.join(permission_command), "timeout": PERMISSION_SECONDS}
    hooks: dict[str, list[dict[str, Any]]] = {name: [{"hooks": [told]}] for name in EVENTS}
    hooks["SessionStart"] = [{"hooks": [started]}]
    hooks["PermissionRequest"] = [{"hooks": [asked]}]
    return json.dumps({"hooks": hooks}, indent=1).encode()
