"""A running pod learns of changed files at once, and a deploy that may not tell it has deployed all the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cluster.live_fleet import LiveFleet, grant
from tests.cluster.simulation import Simulation

SYNCED = "kubecoder.dev/synced"
OTHER_KINDS = [
    {"apiGroups": ["apps", "networking.k8s.io", "coordination.k8s.io"], "resources": ["*"], "verbs": ["*"]},
    {
        "apiGroups": [""],
        "resources": ["secrets", "configmaps", "serviceaccounts", "services", "persistentvolumeclaims"],
        "verbs": ["*"],
    },
]


def pod_of(fleet: LiveFleet, workspace: str) -> str:
    """Make the pod that a Deployment's controller would."""
    defaults = yaml.safe_load((fleet.directory / "users" / "_defaults.yaml").read_text())
    return Simulation(fleet.cluster, fleet.namespace, defaults["fleetId"]).create_pod(workspace)


def stamp(fleet: LiveFleet, pod: str) -> str | None:
    annotations: dict[str, str] = fleet.live("Pod", pod)["metadata"].get("annotations", {})
    return annotations.get(SYNCED)


def admit(fleet: LiveFleet, *logins: str) -> None:
    fleet.edit_user(oauth2={"githubUsers": list(logins)})


def test_a_changed_allow_list_touches_the_pod_and_nothing_else_does(deployed: LiveFleet) -> None:
    john, jane = pod_of(deployed, "john"), pod_of(deployed, "jane")
    admit(deployed, "john-gh", "second")
    deployed.result()
    first = stamp(deployed, john)
    assert first
    admit(deployed, "john-gh")
    deployed.result()
    assert stamp(deployed, john) not in {None, first}
    assert stamp(deployed, jane) is None
    before = stamp(deployed, john)
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    assert stamp(deployed, john) == before, "the pod is replaced anyway"


@pytest.mark.parametrize("verbs", [["get", "list", "watch"], []], ids=["no patch", "no list"])
def test_without_the_right_to_touch_pods_a_deploy_says_what_follows(as_plain_user: LiveFleet, verbs: list[str]) -> None:
    fleet = as_plain_user
    pods: list[dict[str, Any]] = [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}] if verbs else []
    grant(fleet.cluster, fleet.namespace, [*OTHER_KINDS, *pods])
    fleet.result("john")
    pod = pod_of(fleet, "john")
    admit(fleet, "john-gh", "second")
    ran = fleet.deploy("john").expect()
    workspace = ran.json()["workspaces"][-1]
    assert workspace["result"] == "configured"
    assert f"not allowed to list and patch pods in namespace {fleet.namespace}" in ran.stderr
    assert "within about a minute" in ran.stderr
    assert stamp(fleet, pod) is None
    history = fleet.cli("history", "john", "-o", "json").expect().json()
    assert history["revisions"][-1]["outcome"] == "applied"
    assert fleet.result("john")["john"]["result"] == "unchanged"
