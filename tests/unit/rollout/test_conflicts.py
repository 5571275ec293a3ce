"""Which fields in conflict are taken over, left to a controller, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.errors import ConflictError
from kubecoder.rollout.conflicts import FieldConflict, Verdict, judge, parse_causes, resolve, without_paths


def deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "ws-john",
            "namespace": "coder",
            "annotations": {"example.com/a.b": "1", "example.com/a": "2"},
        },
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "ide",
                            "image": "a:1",
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        },
                        {"name": "door", "image": "a:1"},
                    ]
                }
            }
        },
    }


def test_causes_of_a_409_give_field_and_manager() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-edit" using apps/v1 at 2026-11-23T10:00:00Z',
            "field": ".spec.strategy.type",
        },
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" with subresource "scale" using apps/v1',
            "field": ".spec.replicas",
        },
        {"reason": "Other", "message": "not a conflict", "field": ".spec.x"},
    ]
    assert parse_causes(causes) == (
        FieldConflict(".spec.strategy.type", "kubectl-edit"),
        FieldConflict(".spec.replicas", "kubectl"),
    )


@pytest.mark.parametrize(
    ("kind", "path", "manager", "verdict"),
    [
        ("Deployment", ".spec.strategy.type", "kubectl-edit", Verdict.TAKE_OVER),
        (
            "Deployment",
            '.spec.template.spec.containers[name="ide"].image',
            "kubectl-client-side-apply",
            Verdict.TAKE_OVER,
        ),
        ("Deployment", ".spec.strategy.type", "some-controller", Verdict.CEDE),
        ("Deployment", '.spec.template.spec.containers[name="ide"].resources.limits.cpu', "vpa-updater", Verdict.CEDE),
        ("Deployment", '.spec.template.spec.containers[name="ide"].image', "image-updater", Verdict.REFUSE),
        ("Deployment", ".spec.template.spec.securityContext.runAsUser", "mutator", Verdict.REFUSE),
        (
            "Deployment",
            '.spec.template.spec.containers[name="ide"].env[name="K"].valueFrom.secretKeyRef',
            "x",
            Verdict.REFUSE,
        ),
        ("NetworkPolicy", ".spec.egress", "cni-operator", Verdict.REFUSE),
        ("NetworkPolicy", ".metadata.labels.team", "labeller", Verdict.CEDE),
        ("Deployment", ".metadata.annotations.example.com/image", "labeller", Verdict.CEDE),
    ],
)
def test_who_gets_a_field(kind: str, path: str, manager: str, verdict: Verdict) -> None:
    assert judge(kind, FieldConflict(path, manager)) is verdict


@pytest.mark.parametrize(
    "path",
    [
        '.spec.template.spec.containers[name="ide"].env[name="A"].value',
        ".metadata.annotations.example.com/a.b",
        '.spec.template.spec.containers[name="door"]',
    ],
)
def test_a_ceded_field_is_left_out_and_nothing_else_changes(path: str) -> None:
    before = deployment()
    reduced = without_paths(before, [path])
    assert before == deployment()
    expected = deployment()
    containers = expected["spec"]["template"]["spec"]["containers"]
    if "env" in path:
        del containers[0]["env"][0]["value"]
    elif "annotations" in path:
        del expected["metadata"]["annotations"]["example.com/a.b"]
    else:
        del containers[1]
    assert reduced == expected


@pytest.mark.parametrize(
    "path", [".spec.nothing.here", '.spec.template.spec.containers[name="x"].image', ".metadata[0]"]
)
def test_a_path_that_we_do_not_have_changes_nothing(path: str) -> None:
    assert without_paths(deployment(), [path]) == deployment()


def test_an_item_of_a_set_is_left_out() -> None:
    manifest = {"metadata": {"finalizers": ["a.example/x", "b.example/y"]}}
    assert without_paths(manifest, ['.metadata.finalizers[="a.example/x"]']) == {
        "metadata": {"finalizers": ["b.example/y"]}
    }


def test_mixed_conflicts_are_resolved_together() -> None:
    conflicts = [
        FieldConflict(".metadata.annotations.example.com/a", "labeller"),
        FieldConflict(".spec.strategy", "kubectl-edit"),
    ]
    resolution = resolve(deployment(), conflicts, force=False)
    assert resolution.ceded == (conflicts[0],)
    assert resolution.taken == (conflicts[1],)
    assert "example.com/a" not in resolution.manifest["metadata"]["annotations"]
    assert resolution.notices == ("Deployment coder/ws-john: took .spec.strategy over from kubectl-edit",)


def test_a_protected_field_of_a_controller_is_refused_unless_forced() -> None:
    conflicts = [FieldConflict('.spec.template.spec.containers[name="ide"].image', "image-updater")]
    with pytest.raises(ConflictError, match="image-updater") as caught:
        resolve(deployment(), conflicts, force=False)
    assert caught.value.hint is not None
    assert "--force-conflicts" in caught.value.hint
    forced = resolve(deployment(), conflicts, force=True)
    assert forced.taken == tuple(conflicts)
    assert forced.manifest == deployment()
