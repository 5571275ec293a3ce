"""How a recorded revision becomes applicable again."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.errors import BlockedError
from kubecoder.models.manifest import Manifest, ObjectRef, ref_of
from kubecoder.rollout.restore import Finder, restore


def secret(**data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "ws-john-claude", "namespace": "coder"},
        "data": data,
    }


def claim(size: str) -> Manifest:
    spec = {"resources": {"requests": {"storage": size}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "ws-john-home", "namespace": "coder"},
        "spec": spec,
    }


def pod(**reference: Any) -> Manifest:
    container = {"name": "ide", "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": reference}}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ws-john", "namespace": "coder"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def mounting(**volume: Any) -> Manifest:
    spec = {"containers": [{"name": "ide"}], "volumes": [{"name": "files", **volume}]}
    return {**pod(), "spec": {"template": {"spec": spec}}}


def environment_of(**reference: Any) -> Manifest:
    container = {"name": "ide", "envFrom": [{"secretRef": reference}]}
    return {**pod(), "spec": {"template": {"spec": {"containers": [container]}}}}


def cluster_of(*live: Manifest) -> Finder:
    objects = {ref_of(item): item for item in live}

    def find(ref: ObjectRef) -> Manifest | None:
        return objects.get(ref)

    return find


def test_secrets_keep_their_live_values() -> None:
    restored, notices = restore([secret(key="redacted:1")], cluster_of(secret(key="bmV3", other="eA==")))
    assert restored == [secret(key="bmV3")]
    assert notices == ["Secret coder/ws-john-claude: keeps the values that it has now"]


def test_a_secret_that_is_gone_and_not_needed_is_left_out_with_a_notice() -> None:
    restored, notices = restore([secret(key="redacted:1")], cluster_of())
    assert restored == []
    assert "can't be restored" in notices[0]


@pytest.mark.parametrize("live", [(), (secret(other="eA=="),)])
def test_a_key_that_the_pod_needs_and_nobody_has_blocks(live: tuple[Manifest, ...]) -> None:
    revision = [secret(key="redacted:1"), pod(name="ws-john-claude", key="key")]
    with pytest.raises(BlockedError, match="ws-john-claude/key"):
        restore(revision, cluster_of(*live))


def test_an_optional_reference_blocks_nothing() -> None:
    restored, _ = restore([secret(key="r"), pod(name="ws-john-claude", key="key", optional=True)], cluster_of())
    assert [item["kind"] for item in restored] == ["Deployment"]


def projected(**source: Any) -> Manifest:
    return mounting(projected={"sources": [{"secret": source}]})


@pytest.mark.parametrize(
    "manifest",
    [
        mounting(secret={"secretName": "ws-john-claude"}),
        projected(name="ws-john-claude"),
        environment_of(name="ws-john-claude"),
    ],
    ids=["volume", "projected", "environment"],
)
def test_a_whole_secret_that_is_gone_blocks(manifest: Manifest) -> None:
    with pytest.raises(BlockedError, match=r"gone: ws-john-claude$"):
        restore([secret(key="redacted:1"), manifest], cluster_of())
    restored, _ = restore([secret(key="redacted:1"), manifest], cluster_of(secret(key="bmV3")))
    assert manifest in restored


@pytest.mark.parametrize(
    "manifest",
    [
        mounting(secret={"secretName": "ws-john-claude", "optional": True}),
        projected(name="ws-john-claude", optional=True),
        environment_of(name="ws-john-claude", optional=True),
        mounting(emptyDir={}),
    ],
    ids=["volume", "projected", "environment", "none"],
)
def test_a_whole_secret_that_is_optional_blocks_nothing(manifest: Manifest) -> None:
    assert restore([secret(key="redacted:1"), manifest], cluster_of())[0] == [manifest]


def test_a_secret_that_somebody_else_made_and_took_away_blocks_too() -> None:
    items = [{"key": "config.json", "path": "config.json"}]
    revision = [mounting(secret={"secretName": "registry", "items": items}), environment_of(name="team")]
    with pytest.raises(BlockedError, match=r"gone: registry/config\.json, team$"):
        restore(revision, cluster_of())


@pytest.mark.parametrize(
    ("stored", "live", "expected"), [("50Gi", "60Gi", "60Gi"), ("60Gi", "50Gi", "60Gi"), ("1Gi", "1024Mi", "1Gi")]
)
def test_a_volume_keeps_the_larger_size(stored: str, live: str, expected: str) -> None:
    restored, notices = restore([claim(stored)], cluster_of(claim(live)))
    assert restored == [claim(expected)]
    assert bool(notices) is (expected != stored)
