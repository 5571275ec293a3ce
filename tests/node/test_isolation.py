"""What strangers get at a workspace on a real node: a pod beside it, the node, forged requests, another cookie."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kubecoder.cluster import Cluster
from kubecoder.models.manifest import ref_of
from tests.agent.test_access import NO_ROUTES, ROWS
from tests.node import probing
from tests.node.model import MODEL_PORT
from tests.node.pair import ALICE, API_PORT, DOOR_PORT, Pair, host
from tests.node.pods import hardened_pod, has_succeeded, log_of, wait_for
from tests.rigs import forged
from tests.rigs.browser import Browser
from tests.rigs.node import Node

HOOKS_PORT = 6091  # of Claude's hooks; MODEL_PORT is of the scripted model, which a test has put there
LOOPBACK = "0100007F"  # as the kernel writes 127.0.0.1
# Where such services listen elsewhere: ssh, web, dev servers, code-server, ttyd, websockify, VNC, X, the supervisor,
# Marionette and DevTools of a browser.
USUAL = [22, 80, 443, 2828, 3000, 5900, 5901, 6000, 6080, 6081, 7681, 8000, 8080, 8443, 8888, 9001, 9222]
LISTENING = "cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" {print $2}'"
SIGN_IN = "/login/oauth/authorize?"
# oauth2-proxy's own.
DOORS_OWN = (
    "/ping",
    "/ready",
    "/robots.txt",
    "/oauth2/sign_in",
    "/oauth2/sign_out",
    "/oauth2/auth",
    "/oauth2/userinfo",
)
# What answers a stranger with 200, and all that it says.
OPEN = {
    (DOOR_PORT, "/ping"): "OK",
    (DOOR_PORT, "/ready"): "OK",
    (DOOR_PORT, "/robots.txt"): "User-agent: *\nDisallow: /\n",
    (API_PORT, "/health"): '{"status":"ok"}',
}
PROBES = (Path(probing.__file__)).read_text()
Answers = dict[tuple[int, str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def listening(pair: Pair) -> dict[str, set[int]]:
    """The ports of alice's pod by whether they are on the loopback, as the kernel has them."""
    found: dict[str, set[int]] = {"loopback": set(), "address": set()}
    for entry in pair.run("alice", "sh", "-c", LISTENING).split():
        address, _, port = entry.rpartition(":")
        found["loopback" if address == LOOPBACK else "address"].add(int(port, 16))
    return found


@pytest.fixture(scope="module")
def question(pair: Pair, listening: dict[str, set[int]]) -> dict[str, Any]:
    """All ports that are worth a try, and all that a workspace answers to somebody who is let in."""
    routes = {(row.method, row.path) for row in (*ROWS, *NO_ROUTES)} | {("GET", path) for path in forged.DOOR_PATHS}
    asked = [(port, *route, host("alice")) for port in (DOOR_PORT, API_PORT) for route in sorted(routes)]
    asked += [(DOOR_PORT, "GET", path, host("alice")) for path in DOORS_OWN]
    ports = sorted({*USUAL, DOOR_PORT, API_PORT, HOOKS_PORT, *listening["loopback"], *listening["address"]})
    return {"address": pair.address("alice"), "ports": ports, "requests": asked}


def from_the_node(question: dict[str, Any], node: Node, cluster: Cluster, namespace: str) -> dict[str, Any]:
    return node.sandbox.within(lambda: probing.look(question))


def from_a_pod_beside(question: dict[str, Any], node: Node, cluster: Cluster, namespace: str) -> dict[str, Any]:
    script = f"python3 - {shlex.quote(json.dumps(question))} <<'END'\n{PROBES}\nEND"
    pod = cluster.create(hardened_pod(namespace, "neighbour", script))
    wait_for(cluster, ref_of(pod), has_succeeded)
    seen: dict[str, Any] = json.loads(log_of(node, pod))
    return seen


@pytest.mark.parametrize("look", [from_the_node, from_a_pod_beside], ids=["from the node", "from a pod beside"])
def test_a_stranger_reaches_two_ports_which_give_nothing_but_sign_in_and_health(
    look: Any, question: dict[str, Any], node: Node, cluster: Cluster, namespace: str
) -> None:
    seen = look(question, node, cluster, namespace)
    assert seen["ports"] == [DOOR_PORT, API_PORT]
    opened = []
    for (port, method, path, _host), answer in zip(question["requests"], seen["answers"], strict=True):
        if not is_refused(port, path, answer):
            opened.append((port, method, path, answer))
    assert opened == []


def is_refused(port: int, path: str, answer: dict[str, Any]) -> bool:
    """Tell whether an answer gives a stranger nothing; a redirect leads to GitHub's sign-in, or away after sign-out."""
    status = answer["status"]
    if (port, path) in OPEN:
        return bool(status == 200 and answer["body"].strip() == OPEN[port, path].strip())
    if (port, path) == (API_PORT, "/ready"):
        return bool(status == 200 and set(json.loads(answer["body"])) == {"ready", "checks"})
    if port == DOOR_PORT and status == 301:
        return (port, answer["location"]) not in OPEN  # the same path without dots, asked for by itself
    if port == DOOR_PORT and status == 302:
        return SIGN_IN in answer["location"] or path == "/oauth2/sign_out"
    return status in {401, 403}


def test_nothing_else_listens_not_even_on_the_loopback(pair: Pair, listening: dict[str, set[int]]) -> None:
    assert listening["address"] == {DOOR_PORT, API_PORT}
    assert listening["loopback"] - {MODEL_PORT} == {HOOKS_PORT}
    without_a_file = pair.run("alice", "awk", "$8 ~ /^@/", "/proc/net/unix")
    assert without_a_file == "", "a socket with a name alone is for everybody in the pod's network"


def asked_on_the_node(
    pair: Pair, port: int, paths: tuple[str, ...]
) -> Iterator[tuple[tuple[str, str, bool], int, str]]:
    """Send each forged request to alice's pod and give its case, the status and the Location of the answer."""
    address, to = f"{pair.address('alice')}:{port}", host("alice")
    for case, headers in forged.requests(paths, to):
        yield case, *pair.node.sandbox.within(partial(forged.ask, address, case[0], headers, host=to))


def test_no_forged_request_opens_the_door(pair: Pair) -> None:
    paths = (*forged.DOOR_PATHS, "/oauth/ide/?folder=/home/dev", "/oauth/browser/vnc.html", "/oauth/terminal/token")
    asked = list(asked_on_the_node(pair, DOOR_PORT, paths))
    assert len(asked) >= 2 * 30 * len(paths)
    opened = [
        (*case, status)
        for case, status, location in asked
        if status not in {400, 401, 403} and not (status == 302 and SIGN_IN in location)
    ]
    assert opened == []


def test_no_forged_request_opens_the_api(pair: Pair) -> None:
    asked = list(asked_on_the_node(pair, API_PORT, forged.API_PATHS))
    assert [(*case, status) for case, status, _location in asked if status not in {400, 401, 403}] == []


def test_a_cookie_of_one_workspace_opens_no_other_that_has_the_same_secret_and_admits_the_same_person(
    pair: Pair,
) -> None:
    assert pair.owners_of_cookie_secrets() == ["_defaults"], "the whole fleet has one"
    at_home = pair.signed_in(ALICE, "alice")
    within = pair.node.sandbox.within
    assert within(at_home.is_signed_in)
    elsewhere = Browser(f"{pair.address('carol')}:{DOOR_PORT}", host("carol"))
    elsewhere.cookies = dict(at_home.cookies)
    statuses = {path: within(partial(elsewhere.get, path)).status for path in forged.DOOR_PATHS}
    assert set(statuses.values()) <= {302, 401}, statuses
    elsewhere.cookies = dict(at_home.cookies)
    upgrades = {path: within(partial(elsewhere.get, path, forged.UPGRADE)).status for path in forged.DOOR_PATHS}
    assert set(upgrades.values()) <= {302, 401}, upgrades
    assert within(pair.signed_in(ALICE, "carol").is_signed_in), "alice may use both, signed in at each"
    assert within(at_home.is_signed_in)
