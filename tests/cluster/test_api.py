"""The client's verbs against a real kube-apiserver: what it refuses, counts and streams."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kubecoder.cluster import Cluster, kinds
from kubecoder.errors import ApiError
from kubecoder.models.manifest import Manifest, ObjectRef
from tests.rigs.control_plane import PLAIN, ControlPlane, Options
from tests.rigs.waiting import wait_until


def config_map(namespace: str, name: str = "settings", **data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"test": namespace}},
        "data": data,
    }


def ref(namespace: str, name: str = "settings") -> ObjectRef:
    return ObjectRef("v1", "ConfigMap", namespace, name)


def deployment(namespace: str, **container: Any) -> Manifest:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "web:1", **container}]},
            },
        },
    }


def test_apply_creates_then_changes_nothing_then_changes(cluster: Cluster, namespace: str) -> None:
    first = cluster.apply(config_map(namespace, a="1"))
    again = cluster.apply(config_map(namespace, a="1"))
    changed = cluster.apply(config_map(namespace, b="2"))

    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert changed["data"] == {"b": "2"}
    (entry,) = changed["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubecoder", "Apply")


def test_apply_refuses_an_unknown_field_by_name(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(ApiError, match=r"Deployment .*/web: .*\.contaienr") as caught:
        cluster.apply(deployment(namespace, contaienr="x"))

    assert caught.value.status in (400, 500)
    assert cluster.find(ObjectRef("apps/v1", "Deployment", namespace, "web")) is None


def test_apply_names_the_fields_and_the_owner_of_a_conflict(cluster: Cluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, a="1", b="1"), manager="somebody-else")

    with pytest.raises(ApiError) as caught:
        cluster.apply(config_map(namespace, a="2", b="2"))

    error = caught.value
    assert (error.status, error.reason, error.subject) == (409, "Conflict", f"ConfigMap {namespace}/settings")
    assert [(cause["reason"], cause["field"]) for cause in error.causes] == [
        ("FieldManagerConflict", ".data.a"),
        ("FieldManagerConflict", ".data.b"),
    ]
    assert 'conflict with "somebody-else"' in error.causes[0]["message"]


def test_forced_apply_takes_the_field(cluster: Cluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, a="1"), manager="somebody-else")

    assert cluster.apply(config_map(namespace, a="2"), force=True)["data"] == {"a": "2"}


def test_dry_run_answers_and_stores_nothing(cluster: Cluster, namespace: str) -> None:
    assert cluster.apply(config_map(namespace, a="1"), dry_run=True)["data"] == {"a": "1"}
    assert cluster.find(ref(namespace)) is None

    cluster.apply(config_map(namespace, a="1"))
    cluster.delete(ref(namespace), dry_run=True)
    assert cluster.get(ref(namespace))["data"] == {"a": "1"}


def test_get_of_an_absent_object_is_a_404_that_names_it(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(ApiError, match=f"ConfigMap {namespace}/settings: .*not found") as caught:
        cluster.get(ref(namespace))

    assert (caught.value.status, caught.value.reason) == (404, "NotFound")


def test_find_is_none_for_absent_objects_and_for_absent_apis(cluster: Cluster, namespace: str) -> None:
    assert cluster.find(ref(namespace)) is None
    assert cluster.find(ObjectRef("cert-manager.io/v1", "Certificate", namespace, "tls")) is None


def test_create_of_what_is_there_is_a_conflict(cluster: Cluster, namespace: str) -> None:
    cluster.create(config_map(namespace, a="1"))

    with pytest.raises(ApiError) as caught:
        cluster.create(config_map(namespace, a="1"))

    assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")


def test_replace_swaps_only_the_version_that_was_read(cluster: Cluster, namespace: str) -> None:
    read = cluster.create(config_map(namespace, a="1"))
    replaced = cluster.replace({**read, "data": {"a": "2"}})

    with pytest.raises(ApiError) as caught:
        cluster.replace({**read, "data": {"a": "3"}})

    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    assert cluster.get(ref(namespace)) == replaced


def test_patches_change_one_thing_under_their_own_manager(cluster: Cluster, namespace: str) -> None:
    cluster.apply(deployment(namespace))
    web = ObjectRef("apps/v1", "Deployment", namespace, "web")

    cluster.json_patch(web, [{"op": "add", "path": "/metadata/labels", "value": {"a": "1"}}])
    cluster.merge_patch(web, {"metadata": {"labels": {"b": "2"}}}, manager="kubecoder-restart")
    scale = cluster.merge_patch(web, {"spec": {"replicas": 2}}, manager="kubecoder-scale", subresource="scale")

    live = cluster.get(web)
    assert scale["kind"] == "Scale"
    assert live["metadata"]["labels"] == {"a": "1", "b": "2"}
    assert live["spec"]["replicas"] == 2
    managers = {entry["manager"] for entry in live["metadata"]["managedFields"]}
    assert managers == {"kubecoder", "kubecoder-restart"}


def test_delete_with_another_uid_is_refused(cluster: Cluster, namespace: str) -> None:
    live = cluster.apply(config_map(namespace, a="1"))

    with pytest.raises(ApiError) as caught:
        cluster.delete(ref(namespace), uid="00000000-0000-0000-0000-000000000000")
    assert caught.value.status == 409
    assert cluster.find(ref(namespace)) is not None

    cluster.delete(ref(namespace), uid=live["metadata"]["uid"])
    assert cluster.find(ref(namespace)) is None


def test_lists_come_in_pages_and_say_what_their_items_are(cluster: Cluster, namespace: str) -> None:
    cluster.map(lambda n: cluster.apply(config_map(namespace, f"c{n:04}", n=str(n))), range(1, 511))
    before = cluster.requests

    listing = cluster.list(kinds.CONFIG_MAP, namespace=namespace, labels=f"test={namespace}")
    found = list(listing)

    assert cluster.requests - before == 2
    assert [item["metadata"]["name"] for item in found] == [f"c{n:04}" for n in range(1, 511)]
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "ConfigMap")}
    assert int(listing.resource_version) >= int(found[0]["metadata"]["resourceVersion"])


def test_metadata_lists_leave_the_content_out_and_keep_field_managers(cluster: Cluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, a="1"))

    (found,) = cluster.list_metadata(kinds.CONFIG_MAP, namespace=namespace, labels=f"test={namespace}")

    assert "data" not in found
    assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")
    assert found["metadata"]["managedFields"][0]["fieldsV1"]["f:data"] == {"f:a": {}}


def test_list_by_a_field(cluster: Cluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, "one"))
    cluster.apply(config_map(namespace, "two"))

    found = cluster.list(kinds.CONFIG_MAP, namespace=namespace, fields="metadata.name=two")

    assert [item["metadata"]["name"] for item in found] == ["two"]


def test_watch_tells_what_is_there_and_then_each_change(cluster: Cluster, namespace: str) -> None:
    cluster.apply(config_map(namespace, a="1"))

    with cluster.watch(kinds.CONFIG_MAP, namespace=namespace, labels=f"test={namespace}") as watch:
        events = iter(watch)
        seen = [next(events)]
        cluster.apply(config_map(namespace, a="2"))
        seen.append(next(events))
        cluster.delete(ref(namespace))
        seen.append(next(events))

    assert [(event.type, event.object["data"]["a"]) for event in seen] == [
        ("ADDED", "1"),
        ("MODIFIED", "2"),
        ("DELETED", "2"),
    ]
    assert watch.resource_version == seen[-1].object["metadata"]["resourceVersion"]


def test_watch_goes_on_from_a_version(cluster: Cluster, namespace: str) -> None:
    first = cluster.apply(config_map(namespace, a="1"))
    cluster.apply(config_map(namespace, a="2"))

    version = first["metadata"]["resourceVersion"]
    with cluster.watch(kinds.CONFIG_MAP, namespace=namespace, resource_version=version) as watch:
        event = next(iter(watch))

    assert (event.type, event.object["data"]["a"]) == ("MODIFIED", "2")


def test_watch_ends_when_its_time_is_over(cluster: Cluster, namespace: str) -> None:
    assert list(cluster.watch(kinds.CONFIG_MAP, namespace=namespace, labels="none=such", timeout_seconds=1)) == []


def test_watch_ends_when_another_thread_closes_it(cluster: Cluster, namespace: str) -> None:
    watch = cluster.watch(kinds.CONFIG_MAP, namespace=namespace, labels="none=such")
    closer = threading.Timer(0.2, watch.close)
    closer.start()

    assert list(watch) == []
    closer.join()


def test_kind_of_asks_once_per_unknown_group_version(cluster: Cluster) -> None:
    before = cluster.requests

    found = cluster.kind_of("coordination.k8s.io/v1", "Lease")
    cluster.kind_of("coordination.k8s.io/v1", "Lease")
    cluster.kind_of("apps/v1", "Deployment")

    assert (found.plural, found.namespaced) == ("leases", True)
    assert cluster.requests - before == 1


def test_kind_of_an_absent_api_is_a_404_that_says_so(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match="has no kind Widget") as caught:
        cluster.kind_of("example.com/v1", "Widget")

    assert (caught.value.status, caught.value.reason) == (404, "NoKindMatch")
    assert caught.value.hint is not None


def test_has_kind_asks_only_for_optional_apis(cluster: Cluster) -> None:
    before = cluster.requests

    assert cluster.has_kind(kinds.DEPLOYMENT)
    assert cluster.requests == before
    assert not cluster.has_kind(kinds.CLUSTER_ISSUER)


def test_a_refused_permission_names_who_what_and_the_next_step(control_plane: ControlPlane, namespace: str) -> None:
    with (
        Cluster.connect(str(control_plane.kubeconfig_of(PLAIN))) as plain,
        pytest.raises(ApiError, match='User "plain" cannot get resource "configmaps"') as caught,
    ):
        plain.get(ref(namespace))

    assert (caught.value.status, caught.value.reason) == (403, "Forbidden")
    assert "kubecoder doctor" in str(caught.value.hint)


def test_access_review_is_a_plain_create(cluster: Cluster, namespace: str) -> None:
    review = cluster.request(
        "POST",
        kinds.SELF_SUBJECT_ACCESS_REVIEW.path(),
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": namespace}},
        },
    )

    assert review["status"]["allowed"] is True


@pytest.fixture(scope="module")
def forgetful_cluster() -> Iterator[Cluster]:
    """An API server that forgets its past after a second or two."""
    options = Options(api_server=["--watch-cache=false", "--etcd-compaction-interval=1s"])
    with ControlPlane(options=options) as plane, Cluster.connect(str(plane.kubeconfig)) as cluster:
        yield cluster


def is_expired(cluster: Cluster, version: str) -> bool:
    try:
        list(cluster.watch(kinds.CONFIG_MAP, resource_version=version, timeout_seconds=1))
    except ApiError as error:
        return error.status == 410
    return False


def test_watch_from_a_forgotten_version_says_so_by_a_410(forgetful_cluster: Cluster) -> None:
    version = forgetful_cluster.apply(config_map("default", a="1"))["metadata"]["resourceVersion"]
    forgetful_cluster.apply(config_map("default", a="2"))
    wait_until(lambda: is_expired(forgetful_cluster, version), what="the version's end", seconds=30)

    with pytest.raises(ApiError) as caught:
        list(forgetful_cluster.watch(kinds.CONFIG_MAP, resource_version=version))

    assert (caught.value.status, caught.value.reason) == (410, "Expired")
    assert "list again" in str(caught.value.hint)


def test_a_list_that_took_too_long_goes_on_with_the_newer_state(forgetful_cluster: Cluster) -> None:
    forgetful_cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "long-list"}})
    forgetful_cluster.map(lambda n: forgetful_cluster.apply(config_map("long-list", f"n{n:03}")), range(501))
    listing = forgetful_cluster.list(kinds.CONFIG_MAP, namespace="long-list")
    first = next(listing)
    forgetful_cluster.apply(config_map("long-list", "n000", later="1"))
    wait_until(lambda: is_expired(forgetful_cluster, listing.resource_version), what="the version's end", seconds=30)

    names = [item["metadata"]["name"] for item in (first, *listing)]

    assert len(names) == len(set(names)) == 501
