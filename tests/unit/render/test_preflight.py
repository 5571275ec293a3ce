"""What is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder import render
from kubecoder.errors import ConfigError
from kubecoder.render.preflight import faults
from kubecoder.render.templates import Sourced
from tests.manifest_cases import ALL, MINIMAL, fleet


def found(kind: str = "ConfigMap", metadata: dict[str, Any] | None = None, **content: Any) -> list[str]:
    head = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "n", **(metadata or {})}}
    return [
        f"{ref.kind} {ref.name} {fault}" for ref, fault in faults([Sourced("x.yaml.j2", {**head, **content})], ["n"])
    ]


def found_in_pod(*containers: dict[str, Any], **spec: Any) -> list[str]:
    pod = {"containers": [{"name": "ide", **container} for container in containers], **spec}
    return found("Deployment", spec={"template": {"spec": pod}})


@pytest.mark.parametrize("name", ALL)
def test_what_we_render_has_no_fault(name: str) -> None:
    workspace = ALL[name].workspace()
    assert render.workspace(fleet(workspace), workspace).manifests


def test_more_than_a_mebibyte() -> None:
    assert found(data={"a": "x" * 2**20}) == ["ConfigMap x is 1.0 MiB large; Kubernetes takes 1 MiB"]
    assert found(data={"a": "é" * 2**19}) == ["ConfigMap x is 1.0 MiB large; Kubernetes takes 1 MiB"]
    assert found(data={"a": "x" * (2**20 - 200)}) == []


def test_annotations_that_are_too_large() -> None:
    large = {"annotations": {"a": "x" * 2**18}}
    assert found(metadata=large) == ["ConfigMap x annotations are 256 KiB large; Kubernetes takes 256 KiB"]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"labels": {"a": "x" * 64}}, "labels.a: "),
        ({"labels": {"a": "ü"}}, "labels.a: "),
        ({"labels": {"a b": "c"}}, "labels.a b: "),
        ({"labels": {"a": 5}}, "labels.a: isn't text"),
        ({"annotations": {"a": True}}, "annotations.a: isn't text"),
        ({"annotations": {"/a": "b"}}, "annotations./a: "),
    ],
)
def test_labels_and_annotations(metadata: dict[str, Any], words: str) -> None:
    (fault,) = found(metadata=metadata)
    assert fault.startswith(f"ConfigMap x {words}")
    (fault,) = found("Deployment", spec={"template": {"metadata": metadata}})
    assert fault.startswith(f"Deployment x spec.template.{words}")


def test_an_object_in_a_namespace_that_is_nobodys() -> None:
    (fault,) = found(metadata={"namespace": "other"})
    assert fault == "ConfigMap x isn't in n, where it would be looked for later"


def test_an_object_without_its_namespace() -> None:
    assert found("PodDisruptionBudget", metadata={"namespace": ""}) == [
        "PodDisruptionBudget x has no metadata.namespace"
    ]
    assert found("ClusterRole", metadata={"namespace": ""}) == []


def test_string_data_of_a_secret() -> None:
    (fault,) = found("Secret", stringData={"a": "b"})
    assert "use data" in fault
    assert found("ConfigMap", stringData={"a": "b"}) == []


def test_replicas_of_a_deployment() -> None:
    assert found("Deployment", spec={"replicas": 1}) == [
        "Deployment x has spec.replicas, which belong to start and stop"
    ]


def test_list_keys_that_are_there_twice() -> None:
    a, b = {"name": "a"}, {"name": "b"}
    http, same, other = ({"name": n, "containerPort": p} for n, p in (("http", 80), ("http", 81), ("web", 80)))
    home, again = {"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/a"}
    assert found_in_pod({"env": [a, b, a]}) == ["Deployment x container ide: the environment variable a is there twice"]
    assert found_in_pod({"ports": [http, same]}) == ["Deployment x container ide: the port name http is there twice"]
    assert found_in_pod({"ports": [http, other]}) == ["Deployment x container ide: the port 80/TCP is there twice"]
    assert found_in_pod({"ports": [http, {**other, "protocol": "UDP"}]}) == []
    assert found_in_pod({"volumeMounts": [home, again]}, volumes=[a, b]) == [
        "Deployment x container ide: the mount path /a is there twice"
    ]
    assert found_in_pod({}, volumes=[a, a]) == ["Deployment x the volume a is there twice"]
    assert found_in_pod({}, {}) == ["Deployment x the container ide is there twice"]


def test_init_containers_count_too() -> None:
    assert found_in_pod({}, initContainers=[{"name": "ide"}]) == ["Deployment x the container ide is there twice"]


def test_a_mount_without_its_volume() -> None:
    mounts = [{"name": "gone", "mountPath": "/a"}]
    assert found_in_pod({"volumeMounts": mounts}) == [
        "Deployment x container ide: mounts the volume gone, which isn't there"
    ]


def test_all_faults_are_told_at_once_with_the_users_file() -> None:
    env = [{"name": "ANTHROPIC_API_KEY", "value": "x"}]
    merge = {"spec": {"replicas": 1}}
    case = ALL["claude-key"]
    workspace = case.workspace(user={"env": env}, patches=[{"kind": "Deployment", "merge": merge}])
    with pytest.raises(ConfigError) as caught:
        render.workspace(fleet(workspace), workspace)
    place = "users/john.yaml: Deployment coder/ws-john"
    assert [str(problem) for problem in caught.value.problems] == [
        f"{place} has spec.replicas, which belong to start and stop",
        f"{place} container ide: the environment variable ANTHROPIC_API_KEY is there twice",
    ]


def test_an_empty_deployment_has_no_list_to_look_at() -> None:
    assert found("Deployment") == []
    assert MINIMAL.workspace().user.patches == ()
