"""`status` on a real API server; the test plays the controllers and the kubelet."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kubecoder.cluster import Cluster
from kubecoder.cluster.pods import NoPodError, Place, StoppedError, find, find_running
from kubecoder.errors import NotFoundError
from kubecoder.status.collect import collect
from tests.cluster.simulation import Simulation
from tests.cluster.test_wait import allow
from tests.fleets import fleet, user
from tests.objects import running, waiting
from tests.rigs.cli import Cli
from tests.rigs.control_plane import ControlPlane
from tests.rigs.waiting import wait_until


@pytest.fixture
def simulation(cluster: Cluster, namespace: str) -> Simulation:
    return Simulation(cluster, namespace, fleet=namespace)


def place(simulation: Simulation, name: str = "john") -> Place:
    return Place(simulation.fleet, name, simulation.namespace)


def test_every_workspace_of_the_fleet_is_described(simulation: Simulation) -> None:
    simulation.deploy("john")
    simulation.bring_up("john", running(restarts=2))
    simulation.deploy("jane")
    pod = simulation.create_pod("jane")
    simulation.report(pod, waiting("ImagePullBackOff", "no such tag"), phase="Pending")
    simulation.deploy("gone", replicas=0)
    names = ("john", "jane", "new")
    users = [user(name, namespace=simulation.namespace, fleet_id=simulation.fleet) for name in names]

    found = collect(fleet(*users, namespace=simulation.namespace, fleet_id=simulation.fleet), simulation.cluster)

    assert [(status.name, status.status, status.in_fleet) for status in found] == [
        ("gone", "Stopped", False),
        ("jane", "ImagePullBackOff", True),
        ("john", "Running", True),
        ("new", "NotDeployed", True),
    ]
    john = found[2]
    assert (john.ready, john.restarts, john.version, john.node) == (True, 2, "1", "node-1")


def test_a_fleet_of_many_costs_no_more_requests_than_one_of_few(
    control_plane: ControlPlane, simulation: Simulation
) -> None:
    users = [user(f"u{number}", namespace=simulation.namespace, fleet_id=simulation.fleet) for number in range(30)]
    for entry in users:
        simulation.deploy(entry.name, replicas=0)
    with Cluster.connect(str(control_plane.kubeconfig)) as cluster:
        found = collect(fleet(*users, namespace=simulation.namespace, fleet_id=simulation.fleet), cluster)

        assert len(found) == 30
        assert cluster.requests <= 6


def test_another_fleets_workspaces_are_not_shown(simulation: Simulation) -> None:
    other = Simulation(simulation.cluster, simulation.namespace, fleet=f"{simulation.fleet}-other")
    other.deploy("jane")

    assert collect(fleet(namespace=simulation.namespace, fleet_id=simulation.fleet), simulation.cluster) == []


def test_an_unknown_name_lists_the_choices(simulation: Simulation) -> None:
    john = user("john", namespace=simulation.namespace, fleet_id=simulation.fleet)

    with pytest.raises(NotFoundError, match="nobody") as error:
        collect(
            fleet(john, namespace=simulation.namespace, fleet_id=simulation.fleet),
            simulation.cluster,
            ["john", "nobody"],
        )
    assert error.value.hint == "users: john"


def test_who_may_not_read_secrets_still_sees_the_pods(simulation: Simulation, control_plane: ControlPlane) -> None:
    allow(simulation.cluster, simulation.namespace, "list")
    simulation.deploy("john")
    simulation.bring_up("john", running())
    john = user("john", namespace=simulation.namespace, fleet_id=simulation.fleet)
    with Cluster.connect(str(control_plane.kubeconfig_of("plain"))) as plain:
        [status] = collect(fleet(john, namespace=simulation.namespace, fleet_id=simulation.fleet), plain)

    assert (status.status, status.revision, status.disk) == ("Running", None, None)


def test_the_pod_of_a_workspace_is_found_or_the_next_step_is_named(simulation: Simulation) -> None:
    with pytest.raises(NotFoundError, match="john isn't deployed"):
        find(simulation.cluster, place(simulation))
    simulation.deploy("john", replicas=0)
    with pytest.raises(StoppedError) as stopped:
        find(simulation.cluster, place(simulation))
    assert stopped.value.hint == "kubecoder start john"
    simulation.cluster.merge_patch(simulation.deployment_ref("john"), {"spec": {"replicas": 1}})
    with pytest.raises(NoPodError, match="has no pod yet"):
        find(simulation.cluster, place(simulation))
    pod = simulation.create_pod("john")
    simulation.report(pod, waiting("CrashLoopBackOff"))
    assert find(simulation.cluster, place(simulation))["metadata"]["name"] == pod
    with pytest.raises(NoPodError, match="container ide isn't running: CrashLoopBackOff"):
        find_running(simulation.cluster, place(simulation))
    simulation.report(pod, running(ready=False))
    assert find_running(simulation.cluster, place(simulation))[1] == "ide"
    with pytest.raises(NotFoundError, match="has no container dind") as unknown:
        find_running(simulation.cluster, place(simulation), "dind")
    assert unknown.value.hint == "containers: ide"


@pytest.fixture
def deployed(
    kubecoder_cli: Cli, fleet_dir: Callable[..., Path], cluster: Cluster, namespace: str
) -> tuple[Cli, Simulation]:
    """A fleet of two, deployed by the real command; john's pod runs."""
    directory = fleet_dir(["john", "jane"])
    cli = kubecoder_cli.in_fleet(directory)
    cli("deploy", "--all", "--no-wait").expect()
    fleet_id = yaml.safe_load((directory / "users" / "_defaults.yaml").read_text())["fleetId"]
    simulation = Simulation(cluster, namespace, fleet=fleet_id)
    simulation.bring_up("john", running())
    return cli, simulation


def test_the_fleets_table(deployed: tuple[Cli, Simulation]) -> None:
    cli, _ = deployed

    result = cli("status").expect()

    titles, jane, john = (line.split() for line in result.stdout.splitlines())
    assert " ".join(titles) == "NAME VERSION REVISION STATUS READY RESTARTS DRIFT CERTIFICATE DISK AGE"
    assert jane[:4] == ["jane", jane[1], "1", "NoPod"]
    assert john[:4] == ["john", "1", "1", "Running"]
    assert john[6] == "wants"


def test_the_document_has_the_same_facts(deployed: tuple[Cli, Simulation]) -> None:
    cli, simulation = deployed

    jane, john = cli("status", "-o", "json").expect().json()["workspaces"]

    assert (john["name"], john["namespace"], john["ready"]) == ("john", simulation.namespace, True)
    assert (john["revision"], john["revision_outcome"]) == (1, "applied")
    assert john["image_drift"]
    assert john["disk"]["phase"] == "Pending"
    assert jane["status"] == "NoPod"
    assert cli("status", "-o", "name").expect().stdout.split() == ["workspace/jane", "workspace/john"]


def test_one_workspace_in_detail(deployed: tuple[Cli, Simulation]) -> None:
    cli, simulation = deployed
    simulation.event("Pod", "ws-john-1", "BackOff", "Back-off restarting failed container")

    text = cli("status", "john").expect().stdout
    document = cli("status", "john", "-o", "json").expect().json()

    assert "https://john.dev.example.com/oauth/" in text
    assert "Back-off restarting failed container" in text
    [john] = document["workspaces"]
    assert john["urls"]["api"] == "https://john.dev.example.com/api/claude/"
    assert john["events"][0]["reason"] == "BackOff"
    assert john["container_statuses"][0]["name"] == "ide"


def test_an_unknown_name_exits_with_4(deployed: tuple[Cli, Simulation]) -> None:
    cli, _ = deployed

    assert "there is no workspace nobody" in cli("status", "nobody").expect(4).stderr
    assert "no user nobody" in cli("logs", "nobody").expect(4).stderr


def test_logs_and_shell_of_a_stopped_workspace_name_the_next_step(deployed: tuple[Cli, Simulation]) -> None:
    cli, _ = deployed
    cli("stop", "jane").expect()

    for command in (["logs", "jane"], ["shell", "jane", "--", "true"], ["forward", "jane", "0:3000"]):
        stderr = cli(*command).expect(1).stderr
        assert "error: jane is stopped" in stderr
        assert "hint: kubecoder start jane" in stderr


def test_an_image_that_a_patch_sets_is_no_drift_once_it_is_deployed(deployed: tuple[Cli, Simulation]) -> None:
    cli, _ = deployed
    containers = [{"name": "ide", "image": "registry.example.com/own:7"}]
    patch = {"kind": "Deployment", "merge": {"spec": {"template": {"spec": {"containers": containers}}}}}
    file = Path(cli.environment["KUBECODER_FLEET"]) / "users" / "jane.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "patches": [patch]}))

    def drift() -> tuple[str, bool]:
        jane = cli("status", "jane", "-o", "json").expect().json()["workspaces"][0]
        return jane["wanted_image"], jane["image_drift"]

    assert drift() == ("registry.example.com/own:7", True)
    cli("deploy", "jane", "--no-wait").expect()
    assert drift() == ("registry.example.com/own:7", False)


def test_watch_shows_only_what_changes_when_nobody_watches_a_terminal(deployed: tuple[Cli, Simulation]) -> None:
    cli, simulation = deployed
    with cli.running("status", "--watch", "-o", "json") as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        simulation.report("ws-john-1", running(restarts=5, ready=False))
        lines.append(json.loads(process.stdout.readline()))

    assert [(line["name"], line["restarts"]) for line in lines] == [("jane", 0), ("john", 0), ("john", 5)]


def test_watch_ends_with_130_on_ctrl_c(deployed: tuple[Cli, Simulation]) -> None:
    cli, _ = deployed
    with cli.running("status", "--watch") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        wait_until(lambda: process.poll() is not None, what="the end", seconds=20)

        assert process.returncode == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
