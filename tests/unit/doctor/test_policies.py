from typing import Any

import pytest

from kubecoder.doctor.policies import judge
from kubecoder.models.manifest import Manifest


def daemon_set(name: str, *args: str) -> Manifest:
    containers: list[dict[str, Any]] = [{"name": "c", "args": list(args)}, {"name": "no-arguments"}]
    return {"metadata": {"name": name}, "spec": {"template": {"spec": {"containers": containers}}}}


@pytest.mark.parametrize(
    ("daemon_sets", "outcome", "evidence"),
    [
        ([daemon_set("cilium")], "pass", "Cilium enforces them (DaemonSet cilium)"),
        ([daemon_set("kube-proxy"), daemon_set("calico-node")], "pass", "Calico enforces them (DaemonSet calico-node)"),
        ([daemon_set("kube-flannel-ds"), daemon_set("canal")], "pass", "Canal enforces them (DaemonSet canal)"),
        ([daemon_set("kube-flannel-ds")], "warn", "Flannel doesn't enforce them (DaemonSet kube-flannel-ds)"),
        ([daemon_set("aws-node")], "warn", "the Amazon VPC CNI doesn't enforce them as it is set"),
        (
            [daemon_set("aws-node", "--enable-network-policy=true")],
            "pass",
            "the Amazon VPC CNI enforces them (DaemonSet aws-node)",
        ),
        ([daemon_set("aws-node"), daemon_set("calico-node")], "pass", "Calico enforces them (DaemonSet calico-node)"),
        ([daemon_set("kube-proxy")], "skip", "unknown: no known CNI plugin among the DaemonSets (kube-proxy)"),
        ([], "skip", "unknown: no known CNI plugin among the DaemonSets (none)"),
    ],
)
def test_enforcement_is_known_by_its_daemon_sets_or_not_at_all(
    daemon_sets: list[Manifest], outcome: str, evidence: str
) -> None:
    check = judge(daemon_sets)

    assert (check.outcome, check.evidence) == (outcome, evidence)
