"""Helm's release Secrets: what is read of them, and what isn't one."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from kubecoder.errors import BlockedError
from kubecoder.models.manifest import Manifest
from kubecoder.releases import helm
from kubecoder.releases.managers import HELM_MANAGERS, ManagerClass, classify
from tests.unit.shelf import Shelf

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: ws-john}\n"
CLAIM = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: ws-john-home, namespace: other}\n"


def packed(release: Any) -> str:
    """Encode as Helm does, and as the API then does with a Secret's data."""
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0))).decode()


def secret(version: str, release: str, *, kind: str = helm.RELEASE_TYPE) -> Manifest:
    labels = {"owner": "helm", "name": "john", "version": version}
    metadata = {"name": f"sh.helm.release.v1.john.v{version}", "namespace": "coder", "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {**metadata, "uid": f"uid-{version}"},
        "data": {"release": release},
    }


def read(*secrets: Manifest) -> helm.HelmRelease:
    return helm.read_release(Shelf(*secrets), "john", "coder")  # type: ignore[arg-type]


def names(release: helm.HelmRelease) -> list[str]:
    return [manifest["metadata"]["name"] for manifest in release.manifests]


def test_all_revisions_are_read_oldest_first_by_number() -> None:
    found = read(
        secret("10", packed({"manifest": CLAIM})),
        secret("9", packed({"manifest": f"---\n# Source: x\n{SERVICE}---\n---\n# nothing\n"})),
        secret("3", packed({"manifest": SERVICE}), kind="Opaque"),
    )
    assert [uid for _, uid in found.secrets] == ["uid-9", "uid-10"]
    assert names(found) == ["ws-john", "ws-john-home"]
    assert found.manifests[1]["metadata"]["namespace"] == "other"


def test_a_release_without_secrets_is_empty() -> None:
    assert read() == helm.HelmRelease("john", "coder", (), ())


def test_an_empty_release_and_a_revision_without_a_number_are_read() -> None:
    assert names(read(secret("x", packed({"manifest": ""})), secret("1", packed({"manifest": SERVICE})))) == ["ws-john"]


def test_the_members_of_a_list_count_by_themselves() -> None:
    items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in "ab"]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert names(read(secret("1", packed({"manifest": document})))) == ["a", "b"]


@pytest.mark.parametrize(
    "release",
    [
        "",
        "%%%",
        base64.b64encode(b"%%%").decode(),
        base64.b64encode(base64.b64encode(b"not gzip")).decode(),
        base64.b64encode(base64.b64encode(gzip.compress(b"{}", mtime=0)[:-6])).decode(),
        base64.b64encode(base64.b64encode(gzip.compress(b"not JSON", mtime=0))).decode(),
        packed([]),
        packed({}),
        packed({"manifest": None}),
        packed({"manifest": "a: [b"}),
        packed({"manifest": "just words"}),
        packed({"manifest": "- a\n- b"}),
        packed({"manifest": "kind: Service"}),
        packed({"manifest": "apiVersion: v1\nkind: Service\nmetadata: words"}),
        packed({"manifest": "apiVersion: v1\nkind: List\nitems: [words]"}),
        packed({"manifest": "apiVersion: v1\nkind: List\nitems: 7"}),
    ],
)
def test_what_helm_3_has_not_written_blocks_and_is_named(release: str) -> None:
    with pytest.raises(BlockedError, match=r"sh\.helm\.release\.v1\.john\.v1 isn't a release") as caught:
        read(secret("1", release))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("annotations", "is_ours"),
    [
        ({helm.ANNOTATION_NAME: "john", helm.ANNOTATION_NAMESPACE: "coder"}, True),
        ({helm.ANNOTATION_NAME: "john", helm.ANNOTATION_NAMESPACE: "other"}, False),
        ({helm.ANNOTATION_NAME: "jane", helm.ANNOTATION_NAMESPACE: "coder"}, False),
        ({}, False),
    ],
)
def test_an_object_is_of_the_release_by_both_marks(annotations: dict[str, str], is_ours: bool) -> None:
    assert helm.is_of_release({"metadata": {"annotations": annotations}}, "john", "coder") is is_ours


def test_only_the_name_that_helm_has_alone_is_a_persons_everywhere() -> None:
    assert {name for name in HELM_MANAGERS if classify(name) is ManagerClass.HUMAN} == {"helm"}
