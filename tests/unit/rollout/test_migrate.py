"""Whose release a home is of, and which pods still mount it."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.errors import NotFoundError
from kubecoder.models.manifest import ANNOTATION_OWNER, ObjectRef
from kubecoder.releases import helm
from kubecoder.rollout import migrate

CLAIM = ObjectRef("v1", "PersistentVolumeClaim", "coder", "ws-john-home")


def of(annotations: dict[str, str] | None) -> tuple[str, str]:
    metadata: dict[str, Any] = {} if annotations is None else {"annotations": annotations}
    return migrate._release_of({"metadata": metadata}, CLAIM, "fleet/john")


def test_helms_marks_name_the_release() -> None:
    assert of({helm.ANNOTATION_NAME: "ws-john", helm.ANNOTATION_NAMESPACE: "dev"}) == ("ws-john", "dev")
    assert of({helm.ANNOTATION_NAME: "ws-john"}) == ("ws-john", "coder")


def test_our_marks_name_the_release_of_a_migration_that_was_killed() -> None:
    ours = {ANNOTATION_OWNER: "fleet/john", migrate.ANNOTATION_MIGRATED: "dev/ws-john"}
    assert of(ours) == ("ws-john", "dev")


@pytest.mark.parametrize(
    "annotations",
    [
        None,
        {},
        {ANNOTATION_OWNER: "fleet/john"},
        {ANNOTATION_OWNER: "other/john", migrate.ANNOTATION_MIGRATED: "dev/ws-john"},
        {migrate.ANNOTATION_MIGRATED: "dev/ws-john"},
    ],
)
def test_a_home_of_nobody_or_of_another_fleet_is_no_release(annotations: dict[str, str] | None) -> None:
    with pytest.raises(NotFoundError, match="wasn't made by Helm") as caught:
        of(annotations)
    assert "--adopt" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("volumes", "mounts"),
    [
        ([{"name": "home", "persistentVolumeClaim": {"claimName": "ws-john-home"}}], True),
        ([{"name": "x", "emptyDir": {}}, {"name": "y", "persistentVolumeClaim": {"claimName": "ws-john-home"}}], True),
        ([{"name": "home", "persistentVolumeClaim": {"claimName": "ws-jane-home"}}], False),
        ([], False),
        (None, False),
    ],
)
def test_a_pod_mounts_the_home_by_its_claim(volumes: Any, mounts: bool) -> None:
    assert migrate._mounts({"spec": {"volumes": volumes}}, CLAIM) is mounts
    if volumes is None:
        assert not migrate._mounts({"spec": {}}, CLAIM)
