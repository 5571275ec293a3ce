"""`patches:` of a user file."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder import render
from kubecoder.errors import ConfigError
from kubecoder.models.manifest import Manifest
from tests.manifest_cases import ALL, MINIMAL, fleet


def patched(*patches: dict[str, Any]) -> dict[tuple[str, str], Manifest]:
    workspace = MINIMAL.workspace(patches=list(patches))
    manifests = render.workspace(fleet(workspace), workspace).manifests
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}


def annotated(kind: str, name: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "merge": {"metadata": {"annotations": {"a": "b"}}}} | ({"name": name} if name else {})


def annotated_names(manifests: dict[tuple[str, str], Manifest]) -> list[str]:
    return [name for (_, name), manifest in manifests.items() if "a" in manifest["metadata"]["annotations"]]


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        (None, ["ws-john-agent", "ws-john-door"]),
        ("ws-john-door", ["ws-john-door"]),
        ("door", ["ws-john-door"]),
    ],
)
def test_a_patch_names_a_kind_and_perhaps_an_object(name: str | None, matches: list[str]) -> None:
    assert annotated_names(patched(annotated("ConfigMap", name))) == matches


def test_patches_apply_in_their_order() -> None:
    first = {"kind": "Service", "merge": {"spec": {"type": "NodePort", "externalTrafficPolicy": "Local"}}}
    second = {"kind": "Service", "merge": {"spec": {"type": "LoadBalancer"}}}
    spec = patched(first, second)["Service", "ws-john"]["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")


def test_lists_of_named_objects_merge_by_name() -> None:
    sidecar = {"name": "log", "image": "log:1"}
    ide = {"name": "ide", "env": [{"name": "MORE", "value": "1"}]}
    merge = {"spec": {"template": {"spec": {"containers": [ide, sidecar]}}}}
    pod = patched({"kind": "Deployment", "merge": merge})["Deployment", "ws-john"]["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["containers"]] == ["ide", "oauth2-proxy", "log"]
    assert [entry["name"] for entry in pod["containers"][0]["env"]][-1] == "MORE"
    assert len(pod["containers"][0]["env"]) == 4


def test_a_patch_that_matches_nothing_is_an_error_with_the_choices() -> None:
    with pytest.raises(ConfigError) as caught:
        patched(annotated("Ingres"), annotated("ConfigMap", "dor"), annotated("Service"))
    kinds = "ConfigMap, Deployment, Ingress, NetworkPolicy, PersistentVolumeClaim, Secret, Service, ServiceAccount"
    assert [str(problem) for problem in caught.value.problems] == [
        f"users/john.yaml: patches[0]: the workspace has no Ingres (one of {kinds})",
        "users/john.yaml: patches[1]: the workspace has no ConfigMap dor (one of ws-john-agent, ws-john-door)",
    ]


def test_a_patch_can_break_no_label_that_finds_the_object() -> None:
    labels = {"app.kubernetes.io/managed-by": "me", "team": "a"}
    service = patched({"kind": "Service", "merge": {"metadata": {"labels": labels}}})["Service", "ws-john"]
    assert service["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubecoder"
    assert service["metadata"]["labels"]["team"] == "a"


def test_the_next_workspace_is_not_patched() -> None:
    case = ALL["patches"]
    shared = fleet(case.workspace(), MINIMAL.workspace())
    one, other = (render.workspace(shared, workspace) for workspace in shared.workspaces)
    assert other.manifests == render.workspace(fleet(MINIMAL.workspace()), MINIMAL.workspace()).manifests
    assert one.manifests != other.manifests
