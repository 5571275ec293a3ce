"""What managedFields tell: who owns content, and whether anybody touched ours."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.models.manifest import Manifest
from kubecoder.releases.managers import HUMAN_TOOL_PREFIXES, HUMAN_TOOLS, ManagerClass, classify
from kubecoder.releases.owned import content_fields, human_fields, is_human_manager, owned_digest, owns_replicas

PORTS: dict[str, Any] = {"f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}}
RESTARTED: dict[str, Any] = {"f:kubectl.kubernetes.io/restartedAt": {}}


def entry(manager: str, fields: dict[str, Any], operation: str = "Update", **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def live(*entries: dict[str, Any]) -> Manifest:
    return {"metadata": {"name": "ws-john", "managedFields": list(entries)}}


def ours(fields: dict[str, Any]) -> dict[str, Any]:
    return entry("kubecoder", fields, "Apply")


def restarted(*, alone: bool) -> dict[str, Any]:
    annotations = {".": {}, **RESTARTED} if alone else {**RESTARTED, "f:note": {}}
    return {"f:spec": {"f:template": {"f:metadata": {"f:annotations": annotations}}}}


def test_the_digest_changes_when_a_field_leaves_our_set() -> None:
    before = owned_digest(live(ours({"f:spec": PORTS, "f:data": {"f:a": {}}})))
    assert before != owned_digest(live(ours({"f:spec": PORTS, "f:data": {}})))
    assert before == owned_digest(live(entry("kubectl-edit", {}), ours({"f:data": {"f:a": {}}, "f:spec": PORTS})))


def test_the_digest_does_not_change_when_replicas_change_hands() -> None:
    with_replicas = ours({"f:spec": {"f:replicas": {}, "f:strategy": {}}})
    assert owned_digest(live(with_replicas)) == owned_digest(live(ours({"f:spec": {"f:strategy": {}}})))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry("kubecoder", {"f:data": {}})],
        [entry("kubecoder", {}, "Apply", subresource="status")],
        [entry("x", {}, "Apply")],
    ],
    ids=["nobody", "our update", "a subresource", "another's apply"],
)
def test_there_is_no_digest_where_we_applied_nothing(entries: list[dict[str, Any]]) -> None:
    assert owned_digest(live(*entries)) == ""
    assert owned_digest({"metadata": {"name": "x"}}) == ""


def test_content_of_a_human_tool_is_drift() -> None:
    found = human_fields(
        live(entry("kubectl-patch", {"f:spec": PORTS, "f:metadata": {}}), entry("k9s", {"f:data": {"f:a": {}}}))
    )
    assert found == {"kubectl-patch": [{"f:spec": PORTS}], "k9s": [{"f:data": {"f:a": {}}}]}


@pytest.mark.parametrize(
    "foreign",
    [
        entry("kubectl-annotate", {"f:metadata": {"f:annotations": {"f:note": {}}}}),
        entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        entry("kubectl-rollout", restarted(alone=True)),
        entry("kube-controller-manager", {"f:spec": PORTS}),
        entry("kubecoder-scale", {"f:spec": PORTS}, "Apply"),
        entry("kubectl-edit", {"f:status": {}}, subresource="status"),
    ],
    ids=["metadata", "replicas", "a restart", "a controller", "our other manager", "status"],
)
def test_what_is_no_content_of_a_human_tool_is_no_drift(foreign: dict[str, Any]) -> None:
    assert human_fields(live(foreign)) == {}


def test_two_entries_of_one_tool_are_both_seen() -> None:
    fields: list[dict[str, Any]] = [{"f:spec": PORTS}, {"f:spec": {"f:type": {}}}]
    assert human_fields(live(*(entry("kubectl-edit", part) for part in fields))) == {"kubectl-edit": fields}


def test_a_restart_beside_another_annotation_leaves_the_other() -> None:
    kept: dict[str, Any] = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:note": {}}}}}}
    assert content_fields(restarted(alone=False)) == kept


def test_a_field_set_is_not_changed_by_looking_at_it() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:replicas": {}, **PORTS}}
    assert content_fields(fields) == {"f:spec": PORTS}
    assert "f:replicas" in fields["f:spec"]


def test_owner_of_replicas() -> None:
    found = live(ours({"f:spec": PORTS}), entry("kubecoder-scale", {"f:spec": {"f:replicas": {}}}, "Apply"))
    assert owns_replicas(found, "kubecoder-scale")
    assert not owns_replicas(found, "kubecoder")
    assert not owns_replicas(found, "kubectl")


@pytest.mark.parametrize(
    "manager", [*HUMAN_TOOLS, "kubectl-edit", "Lens/6.5", "Headlamp 0.37.0 (linux", "kubecoder-old"]
)
def test_tools_in_peoples_hands(manager: str) -> None:
    assert is_human_manager(manager)


@pytest.mark.parametrize(
    "manager",
    [
        "kube-controller-manager",
        "horizontal-pod-autoscaler",
        "vpa-recommender",
        "argocd-controller",
        "helm-controller",
        "",
        "kubectlx",
    ],
)
def test_everybody_unknown_is_a_controller(manager: str) -> None:
    assert classify(manager) is ManagerClass.CONTROLLER


@pytest.mark.parametrize("manager", ["kubecoder", "kubecoder-scale", "kubecoder-restart"])
def test_our_managers(manager: str) -> None:
    assert classify(manager) is ManagerClass.OURS


def test_every_tool_has_a_source() -> None:
    assert all({**HUMAN_TOOLS, **HUMAN_TOOL_PREFIXES}.values())
