"""Claude's model in a workspace: the scripted one that `kubecoder demo` has, beside Claude in the same container."""

from __future__ import annotations

import json
from typing import Any

from tests.rigs.cli import Cli

MODEL_PORT = 8765
MODEL_LOG = "/tmp/model.jsonl"
# For `user.env` of the workspace.
ENVIRONMENT = [
    {"name": "ANTHROPIC_BASE_URL", "value": f"http://127.0.0.1:{MODEL_PORT}"},
    {"name": "ANTHROPIC_API_KEY", "value": "sk-ant-scripted-0123456789abcdef"},
    {"name": "DISABLE_AUTOUPDATER", "value": "1"},
    {"name": "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "value": "1"},
]
_START = (
    f"nohup /opt/kubecoder/bin/python -m agent.demo --port {MODEL_PORT} --log {MODEL_LOG} >/tmp/model.log 2>&1 & "
    f"until python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {MODEL_PORT}))' 2>/dev/null; "
    "do sleep 0.2; done"
)


def start_model(cli: Cli, user: str) -> None:
    """Start it, which is to be done again when the pod is another one."""
    cli.run("shell", user, "--", "sh", "-c", _START, seconds=60).expect()


def script(*steps: Any) -> str:
    """Return a prompt that has the model take these steps."""
    return f"[[script: {json.dumps(steps)}]]"
