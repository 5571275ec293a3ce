"""Two deploys at once, and deploys that were stopped or killed."""

from __future__ import annotations

import json
import signal
import time

from kubecoder.models.manifest import ObjectRef
from kubecoder.releases import store
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import Holder
from tests.cluster.live_fleet import LiveFleet

ELSEWHERE = Holder(author="jane@laptop", host="laptop", boot_id="another", pid_namespace="x", pid=77, started=1)


def record(fleet: LiveFleet) -> ObjectRef:
    return fleet.ref("Secret", "ws-john-release")


def test_a_second_deploy_gives_up_after_its_lock_timeout_and_names_the_holder(deployed: LiveFleet) -> None:
    release = store.load(deployed.cluster, deployed.namespace, "ws-john-release")
    assert release is not None
    deployed.edit_user(image={"tag": "0.1.1"})
    with LockKeeper(deployed.cluster, holder=ELSEWHERE) as keeper, keeper.session(release) as session:
        session.acquire()
        refused = deployed.deploy("john", "--lock-timeout", "1").expect(5)
    assert "jane@laptop" in refused.stderr
    assert "laptop" in refused.stderr
    assert refused.json()["workspaces"][-1]["result"] == "blocked"


def test_a_second_deploy_waits_for_the_first_and_then_does_what_remains(deployed: LiveFleet) -> None:
    release = store.load(deployed.cluster, deployed.namespace, "ws-john-release")
    assert release is not None
    deployed.edit_user(image={"tag": "0.1.1"})
    with (
        LockKeeper(deployed.cluster, holder=ELSEWHERE) as keeper,
        deployed.cli.running("deploy", "john", "--no-wait", "-o", "table") as second,
    ):
        with keeper.session(release) as session:
            session.acquire()
            assert second.stderr is not None
            waiting = next(line for line in second.stderr if "held by" in line)
        stdout, _ = second.communicate(timeout=60)
    assert "held by jane@laptop" in waiting
    assert "configured   2" in stdout


def test_two_deploys_of_the_same_change_make_one_revision(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    argv = ("deploy", "john", "--no-wait", "-o", "json")
    with deployed.cli.running(*argv) as first, deployed.cli.running(*argv) as second:
        documents = []
        for process in (first, second):
            stdout, stderr = process.communicate(timeout=60)
            assert process.returncode == 0, stderr
            documents.append(json.loads(stdout))
    results = sorted(document["workspaces"][-1]["result"] for document in documents)
    assert results == ["configured", "unchanged"]
    release = store.load(deployed.cluster, deployed.namespace, "ws-john-release")
    assert release is not None
    assert [revision.number for revision in release.revisions] == [2, 1]


def test_a_killed_deploy_blocks_nobody(deployed: LiveFleet) -> None:
    """The holder of a lock on this very host whose process is gone is taken over at once (D13)."""
    deployed.edit_user(image={"tag": "0.1.1"})
    with deployed.cli.running("deploy", "john", "--no-wait") as process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            release = store.load(deployed.cluster, deployed.namespace, "ws-john-release")
            if release is not None and release.lock is not None:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        process.wait()
    started = time.monotonic()
    assert deployed.result("john")["john"]["result"] in {"configured", "unchanged"}
    assert time.monotonic() - started < 20
    release = store.load(deployed.cluster, deployed.namespace, "ws-john-release")
    assert release is not None
    assert release.lock is None
    assert release.is_settled
