"""Everything that is rendered, judged by a real API server, the real Gateway API and cert-manager definitions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecoder import render
from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError
from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.output import yaml_text
from tests.manifest_cases import ALL, EVERYTHING, MINIMAL, Case, fleet
from tests.rigs import Unavailable
from tests.rigs.control_plane import ControlPlane, Options
from tests.rigs.definitions import CERT_MANAGER, GATEWAY_API, install, kubectl_program

RESTRICTED, BASELINE = "coder", "baseline"
CASES = [pytest.param(case, id=name) for name, case in ALL.items()]


@pytest.fixture(scope="module")
def server() -> Iterator[ControlPlane]:
    """An API server that allows privileged containers, as clusters do, with the optional APIs."""
    try:
        definitions = [*GATEWAY_API.manifests(), *CERT_MANAGER.manifests()]
        with ControlPlane(options=Options(api_server=("--allow-privileged=true",))) as plane:
            with Cluster.connect(str(plane.kubeconfig)) as cluster:
                install(cluster, definitions)
            yield plane
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def admin(server: ControlPlane) -> Iterator[Cluster]:
    """The product's client in a cluster with the namespaces of all cases."""
    with Cluster.connect(str(server.kubeconfig)) as cluster:
        for case in ALL.values():
            for manifest in base(case):
                if manifest["kind"] == "Namespace":
                    cluster.apply(manifest)
        labels = {"pod-security.kubernetes.io/enforce": "baseline"}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BASELINE, "labels": labels}})
        yield cluster


def base(case: Case) -> tuple[Manifest, ...]:
    return render.base(fleet(case.workspace())).manifests


def rendered(case: Case, **options: Any) -> tuple[Manifest, ...]:
    workspace = case.workspace()
    return render.workspace(fleet(workspace), workspace, **options).manifests


def pod_of(case: Case, namespace: str | None = None) -> Manifest:
    deployment = next(manifest for manifest in rendered(case) if manifest["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    metadata = {**template["metadata"], "name": "pod", "namespace": namespace or deployment["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_object(admin: Cluster, case: Case) -> None:
    for manifest in (*base(case), *rendered(case)):
        accepted = admin.apply(manifest, dry_run=True)
        assert accepted["metadata"]["name"] == manifest["metadata"]["name"]


def test_the_api_server_refuses_a_misspelt_field(admin: Cluster) -> None:
    route = next(manifest for manifest in rendered(ALL["gateway"]) if manifest["kind"] == "HTTPRoute")
    with pytest.raises(ApiError, match="hostname"):
        admin.apply({**route, "spec": {**route["spec"], "hostname": ["x"]}}, dry_run=True)


@pytest.mark.parametrize("case", CASES)
def test_the_namespace_of_a_workspace_admits_its_pod(admin: Cluster, case: Case) -> None:
    admin.apply(pod_of(case), dry_run=True)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in ALL.items() if case.pod_security == "restricted"]
)
def test_restricted_admits_every_pod_without_a_builder(admin: Cluster, case: Case) -> None:
    admin.apply(pod_of(case, RESTRICTED), dry_run=True)


@pytest.mark.parametrize("namespace", [RESTRICTED, BASELINE])
@pytest.mark.parametrize("name", ["build-dind", "build-buildkit"])
def test_builders_need_a_namespace_of_their_own(admin: Cluster, name: str, namespace: str) -> None:
    with pytest.raises(ApiError, match="violates PodSecurity") as refusal:
        admin.apply(pod_of(ALL[name], namespace), dry_run=True)
    assert refusal.value.status == 403


def kubectl(server: ControlPlane, *arguments: str, text: str) -> str:
    argv = [str(kubectl_program()), "--kubeconfig", str(server.kubeconfig), *arguments, "-f", "-"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubectl_takes_the_output_as_it_is(server: ControlPlane, admin: Cluster, tmp_path: Path) -> None:
    manifests = [*base(EVERYTHING), *rendered(EVERYTHING)]
    text = "---\n".join(map(yaml_text, manifests))
    lines = kubectl(server, "apply", "--server-side", "--dry-run=server", "--validate=strict", text=text).splitlines()
    assert len(lines) == len(manifests)
    assert all("serverside-applied (server dry run)" in line for line in lines)


def test_no_secrets_leaves_values_alone_that_others_wrote(server: ControlPlane, admin: Cluster) -> None:
    secret = next(manifest for manifest in rendered(MINIMAL) if manifest["kind"] == "Secret")
    admin.apply(secret, manager="somebody")
    bare = [manifest for manifest in rendered(MINIMAL, with_secrets=False) if manifest["kind"] == "Secret"]
    kubectl(server, "apply", "--server-side", "--force-conflicts", text="---\n".join(map(yaml_text, bare)))
    metadata = secret["metadata"]
    live = admin.get(ObjectRef("v1", "Secret", metadata["namespace"], metadata["name"]))
    assert live["data"] == secret["data"]
