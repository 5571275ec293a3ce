"""Changes that the API server would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.models.manifest import Manifest
from kubecoder.rollout.immutable import expansion_refusal, immutable_changes, may_be_blocked


def claim(size: str = "50Gi", **spec: Any) -> Manifest:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": "h"}, "spec": body}


def deployment(**labels: str) -> Manifest:
    return {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": labels}}}


@pytest.mark.parametrize(
    ("desired", "live", "named"),
    [
        (claim("40Gi"), claim("50Gi"), "can't shrink from 50Gi to 40Gi"),
        (claim(storageClassName="a"), claim(storageClassName="b"), "spec.storageClassName"),
        (claim(accessModes=["ReadWriteMany"]), claim(), "spec.accessModes"),
        (deployment(a="1"), deployment(a="2"), "spec.selector"),
    ],
)
def test_a_refused_change_is_named(desired: Manifest, live: Manifest, named: str) -> None:
    assert [reason for reason in immutable_changes(desired, live) if named in reason]


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        (claim("60Gi"), claim("50Gi")),
        (claim(), claim(storageClassName="chosen-by-the-server", volumeName="pv-1", volumeMode="Filesystem")),
        (claim("51200Mi"), claim("50Gi")),
        (deployment(a="1"), deployment(a="1")),
        ({"kind": "ConfigMap", "data": {"a": "1"}}, {"kind": "ConfigMap", "data": {"a": "2"}}),
    ],
)
def test_an_allowed_change_is_not_refused(desired: Manifest, live: Manifest) -> None:
    assert not list(immutable_changes(desired, live))


def test_the_live_object_is_read_only_where_it_can_matter() -> None:
    assert not may_be_blocked(deployment(a="1"), deployment(a="1"))
    assert may_be_blocked(deployment(a="1"), deployment(a="2"))
    assert may_be_blocked(deployment(a="1"), None)
    assert may_be_blocked(claim("60Gi"), claim("50Gi"))
    assert not may_be_blocked({"kind": "ConfigMap"}, None)


@pytest.mark.parametrize(("expands", "refused"), [(True, False), (None, False), (False, True)])
def test_growth_needs_a_class_that_can_grow(expands: bool | None, *, refused: bool) -> None:
    live = {**claim("50Gi", storageClassName="slow"), "status": {"phase": "Bound"}}
    assert bool(expansion_refusal(claim("60Gi"), live, lambda _: expands)) is refused
    assert not expansion_refusal(claim("50Gi"), live, lambda _: False)


def test_a_claim_that_was_never_bound_cannot_grow() -> None:
    live = {**claim("50Gi", storageClassName="slow"), "status": {"phase": "Pending"}}
    assert "once it is bound" in expansion_refusal(claim("60Gi"), live, lambda _: True)
