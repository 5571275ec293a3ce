"""Which changed credentials restart a pod, and that none shows anywhere it shouldn't."""

from __future__ import annotations

import base64
import gzip
import json

from tests.cluster.live_fleet import CLAUDE_KEY, LiveFleet, actions

ROTATED = "sk-ant-api03-rotated0000000"


def template(fleet: LiveFleet) -> str:
    return json.dumps(fleet.live("Deployment")["spec"]["template"], sort_keys=True)


def test_a_rotated_claude_key_restarts_the_pod(deployed: LiveFleet) -> None:
    deployed.set_claude_key()
    deployed.result()
    before = template(deployed)
    deployed.set_claude_key(ROTATED)
    changed = {name: action for name, action in actions(deployed.result()["john"]).items() if action != "unchanged"}
    assert changed == {"Secret/ws-john-claude": "configured", "Deployment/ws-john": "configured"}
    assert template(deployed) != before


def test_a_rotated_door_secret_does_not_restart_the_pod(deployed: LiveFleet) -> None:
    before = template(deployed)
    text = "oauth2:\n  clientId: Iv1.ffff\n  clientSecret: aaaabbbbccccddddeeeeffff00001111\n"
    deployed.write_secret("john", "oauth2.yaml", text)
    changed = {name for name, action in actions(deployed.result()["john"]).items() if action != "unchanged"}
    assert "Secret/ws-john-door" in changed
    assert "Deployment/ws-john" not in changed
    assert template(deployed) == before


def test_a_changed_allow_list_does_not_restart_the_pod(deployed: LiveFleet) -> None:
    before = template(deployed)
    deployed.edit_user(oauth2={"githubUsers": ["john-gh", "second-person"]})
    assert deployed.result()["john"]["result"] == "configured"
    assert template(deployed) == before


def test_no_secret_is_in_the_record_the_diff_or_the_output(deployed: LiveFleet) -> None:
    deployed.set_claude_key()
    shown = deployed.cli("diff", "john").expect()
    ran = deployed.deploy("john").expect()
    logged = deployed.cli("-vv", "deploy", "john", "--verify", "--no-wait").expect()
    record = deployed.live("Secret", "ws-john-release")
    stored = b"".join(base64.b64decode(value) for value in record["data"].values())
    history = gzip.decompress(base64.b64decode(record["data"]["history"]))
    encoded = base64.b64encode(CLAUDE_KEY.encode()).decode()
    for text in (shown.stdout, shown.stderr, ran.stdout, ran.stderr, logged.stdout, logged.stderr):
        assert CLAUDE_KEY not in text
        assert encoded not in text
    for data in (stored, history):
        assert CLAUDE_KEY.encode() not in data
        assert encoded.encode() not in data
    assert "<secret " in shown.stdout
