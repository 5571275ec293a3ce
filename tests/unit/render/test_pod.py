"""How the pod is hardened and probed (design 3, decisions 17 and 21)."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder import render
from kubecoder.models import quantity
from kubecoder.models.manifest import Manifest
from tests.manifest_cases import ALL, EVERYTHING, Case, fleet

HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
OURS = {"ide", "oauth2-proxy", "github-token"}
SESSION = "/run/kubecoder/session"

every_case = pytest.mark.parametrize("case", ALL.values(), ids=list(ALL))


def deployment(case: Case) -> Manifest:
    workspace = case.workspace()
    manifests = render.workspace(fleet(workspace), workspace).manifests
    return next(manifest for manifest in manifests if manifest["kind"] == "Deployment")


def pod(case: Case) -> dict[str, Any]:
    spec: dict[str, Any] = deployment(case)["spec"]["template"]["spec"]
    return spec


def containers(case: Case) -> dict[str, dict[str, Any]]:
    return {container["name"]: container for container in pod(case)["containers"]}


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


@every_case
def test_the_pod_is_hardened(case: Case) -> None:
    spec = pod(case)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["terminationGracePeriodSeconds"] >= 60
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & set(spec)
    assert not any("hostPath" in volume for volume in spec["volumes"])
    for name, container in containers(case).items():
        if name in OURS:
            assert container["securityContext"] == HARDENED


@every_case
def test_recreate_and_no_replicas(case: Case) -> None:
    spec = deployment(case)["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    assert "replicas" not in spec


@every_case
def test_the_selector_holds_only_what_never_changes(case: Case) -> None:
    spec = deployment(case)["spec"]
    selector = {"kubecoder.dev/fleet": "acme-1a2b3c", "kubecoder.dev/workspace": "john"}
    assert spec["selector"] == {"matchLabels": selector}
    assert selector.items() <= spec["template"]["metadata"]["labels"].items()
    assert spec["template"]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kubecoder"


@every_case
def test_requests_and_limits_on_every_container(case: Case) -> None:
    for container in containers(case).values():
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert {"cpu", "memory"} <= requests.keys() & limits.keys()
        assert all(quantity.compare(requests[name], limits[name]) <= 0 for name in ("cpu", "memory"))


@every_case
def test_every_scratch_volume_has_a_limit(case: Case) -> None:
    for volume in pod(case)["volumes"]:
        if "emptyDir" in volume and volume["name"] != "data":
            assert "sizeLimit" in volume["emptyDir"]


def test_only_ide_and_the_door_reach_the_sessions() -> None:
    with_sessions = {name for name, container in containers(EVERYTHING).items() if SESSION in mounts(container)}
    assert with_sessions == {"ide", "oauth2-proxy"}
    volume = next(volume for volume in pod(EVERYTHING)["volumes"] if volume["name"] == "session")
    assert volume["emptyDir"]["medium"] == "Memory"


def test_each_secret_is_held_by_one_container_alone() -> None:
    volumes = {
        volume["name"]: volume["secret"]["secretName"] for volume in pod(EVERYTHING)["volumes"] if "secret" in volume
    }
    holders = {
        secret: [name for name, container in containers(EVERYTHING).items() if volume in mounts(container).values()]
        for volume, secret in volumes.items()
    }
    assert holders == {
        "ws-john-api": ["ide"],
        "ws-john-door": ["oauth2-proxy"],
        "ws-john-github-app": ["github-token"],
        "regcred": ["ide"],
    }
    environments = {name: str(container.get("env", "")) for name, container in containers(EVERYTHING).items()}
    assert [name for name, text in environments.items() if "secretKeyRef" in text] == ["ide"]


def test_what_ide_may_write() -> None:
    ide = containers(EVERYTHING)["ide"]
    writable = {mount["mountPath"] for mount in ide["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {
        "/home/dev",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/run/kubecoder",
        SESSION,
        "/run/kubecoder/build",
    }


def test_no_two_containers_share_a_scratch_folder() -> None:
    tmp = [mounts(container)["/tmp"] for name, container in containers(EVERYTHING).items() if name in OURS]
    assert len(set(tmp)) == len(OURS)


def test_the_images_own_entrypoint_starts_ide() -> None:
    assert not {"command", "args"} & containers(EVERYTHING)["ide"].keys()


def test_probes() -> None:
    ide, door, token = (containers(EVERYTHING)[name] for name in ("ide", "oauth2-proxy", "github-token"))
    assert "livenessProbe" not in ide
    for probe in (ide["startupProbe"], ide["readinessProbe"]):
        assert probe["httpGet"] == {"path": "/ready", "port": "api"}
        assert (probe["failureThreshold"] - 1) * probe["periodSeconds"] >= 20
    assert door["livenessProbe"]["httpGet"] == {"path": "/ping", "port": "http"}
    assert door["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    for probe in (door["livenessProbe"], door["readinessProbe"]):
        assert (probe["failureThreshold"] - 1) * probe["periodSeconds"] >= 15
    assert "exec" in token["livenessProbe"]


@every_case
def test_the_pod_has_two_ports_and_no_more(case: Case) -> None:
    ports = {
        port["name"]: port["containerPort"] for entry in pod(case)["containers"] for port in entry.get("ports", ())
    }
    assert ports == {"http": 4180, "api": 6090}


@every_case
def test_autoscalers_leave_the_pod_alone(case: Case) -> None:
    annotations = deployment(case)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert annotations["kubectl.kubernetes.io/default-container"] == "ide"
    wanted = case.workspace().user.pod_annotations.get("karpenter.sh/do-not-disrupt", "true")
    assert annotations["karpenter.sh/do-not-disrupt"] == wanted


@pytest.mark.parametrize(
    ("case", "extra"),
    [
        ("minimal", set()),
        ("github-app", {"github-token"}),
        ("build-buildkit", {"buildkit"}),
        ("build-dind", {"dind"}),
        ("build-kaniko", set()),
    ],
)
def test_containers_of_each_option(case: str, extra: set[str]) -> None:
    assert set(containers(ALL[case])) == {"ide", "oauth2-proxy"} | extra


def test_buildkit_is_rootless() -> None:
    buildkit = containers(ALL["build-buildkit"])["buildkit"]
    assert buildkit["securityContext"] == {
        "seccompProfile": {"type": "Unconfined"},
        "appArmorProfile": {"type": "Unconfined"},
    }
    assert buildkit["command"][0] == "rootlesskit"


def test_dind_listens_on_no_network() -> None:
    dind = containers(ALL["build-dind"])["dind"]
    assert dind["securityContext"]["privileged"] is True
    assert dind["args"][0] == "dockerd"
    assert [value for value in dind["args"] if "host" in value] == ["--host=unix:///run/kubecoder/build/docker.sock"]
