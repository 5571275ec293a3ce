"""`kubecoder history` of workspaces that were really deployed."""

from __future__ import annotations

import yaml

from kubecoder.models.manifest import ObjectRef
from tests.cluster.live_fleet import CLAUDE_KEY, LiveFleet


def test_every_deploy_is_a_revision(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.deploy("john").expect()
    deployed.deploy("john").expect()
    document = deployed.cli("history", "john", "-o", "json").expect().json()
    assert [(item["revision"], item["outcome"], item["reason"]) for item in document["revisions"]] == [
        (1, "applied", "deploy"),
        (2, "applied", "deploy"),
    ]
    table = deployed.cli("history", "john").expect().stdout.splitlines()
    assert table[0].split() == ["REVISION", "OUTCOME", "AGE", "AUTHOR", "REASON"]
    assert len(table) == 3
    assert len(deployed.cli("history", "jane", "-o", "name").expect().stdout.split()) == 1


def test_the_shared_part_has_a_history_too(deployed: LiveFleet) -> None:
    assert deployed.cli("history", "base", "-o", "name").expect().stdout == "revision/1\n"


def test_a_shown_revision_has_everything_but_secret_values(fleet: LiveFleet) -> None:
    fleet.set_claude_key()
    fleet.deploy("john").expect()
    shown = fleet.cli("history", "john", "--show", "1").expect().stdout
    manifests = {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(shown)}
    assert ("Deployment", "ws-john") in manifests
    assert manifests["Secret", "ws-john-claude"]["data"]["api-key"].startswith("redacted:")
    live = fleet.live("Secret", "ws-john-claude")["data"]["api-key"]
    record = str(fleet.live("Secret", "ws-john-release"))
    for value in (CLAUDE_KEY, live):
        assert value not in shown
        assert value not in record


def test_a_vanished_user_still_has_a_history(deployed: LiveFleet) -> None:
    (deployed.directory / "users" / "john.yaml").unlink()
    assert deployed.cli("history", "john", "-o", "name").expect().stdout == "revision/1\n"


def test_what_was_never_deployed_is_not_found(fleet: LiveFleet) -> None:
    result = fleet.cli("history", "john").expect(4)
    assert result.stderr == "error: john was never deployed\nhint: kubecoder deploy john\n"
    assert "error: " in fleet.cli("history", "nobody").expect(4).stderr
    assert "base was never deployed" in fleet.cli("history", "base").expect(4).stderr


def test_a_missing_revision_names_those_that_are_kept(deployed: LiveFleet) -> None:
    result = deployed.cli("history", "john", "--show", "7").expect(4)
    assert result.stderr == "error: john has no revision 7\nhint: kept revisions: 1\n"


def test_a_damaged_record_is_told_and_not_touched(deployed: LiveFleet) -> None:
    ref = ObjectRef("v1", "Secret", deployed.namespace, "ws-john-release")
    deployed.cluster.merge_patch(ref, {"data": {"state": "AAAA"}}, manager="kubectl-edit")
    before = deployed.cluster.get(ref)
    result = deployed.cli("history", "john").expect()
    assert result.stderr.startswith("warning: the release record is damaged: state: not JSON")
    assert deployed.cluster.get(ref) == before
