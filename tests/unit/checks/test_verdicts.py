from typing import Any

import pytest

from kubecoder.checks import verdicts
from kubecoder.models.check import Check, Outcome, has_failed, strict
from tests.objects import pod, running

HARDENED = {
    "uid": 1000,
    "gid": 1000,
    "NoNewPrivs": "1",
    "CapPrm": "0000000000000000",
    "CapEff": "0000000000000000",
    "CapBnd": "0000000000000000",
    "CapAmb": "0000000000000000",
    "Seccomp": "2",
}


def outcomes(checks: list[Check]) -> dict[str, str]:
    return {check.name: str(check.outcome) for check in checks}


def test_a_ready_pod_passes_and_an_unready_one_names_its_containers() -> None:
    assert verdicts.pod_ready(pod(running(), ready=True)).outcome is Outcome.PASS

    check = verdicts.pod_ready(pod(running("ide"), running("oauth2-proxy", ready=False)))

    assert check.outcome is Outcome.FAIL
    assert check.evidence == "pod ws-john-1 is Running, not ready: oauth2-proxy"


def test_a_hardened_process_passes_every_check() -> None:
    assert set(outcomes(verdicts.identity(HARDENED)).values()) == {"pass"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"uid": 0}, "user"),
        ({"gid": 0}, "user"),
        ({"NoNewPrivs": "0"}, "no-new-privileges"),
        ({"NoNewPrivs": ""}, "no-new-privileges"),
        ({"CapBnd": "00000000a80425fb"}, "capabilities"),
        ({"CapEff": "0000000000000001"}, "capabilities"),
        ({"Seccomp": "0"}, "seccomp"),
    ],
)
def test_each_privilege_fails_its_own_check(change: dict[str, Any], name: str) -> None:
    found = outcomes(verdicts.identity({**HARDENED, **change}))

    assert [check for check, outcome in found.items() if outcome == "fail"] == [name]


def test_a_token_in_the_pod_fails() -> None:
    assert verdicts.service_account_token([]).outcome is Outcome.PASS
    assert verdicts.service_account_token(["/var/run/x"]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        ({"home": "/home/dev", "error": "", "total": 50 << 30, "free": 20 << 30}, "pass"),
        ({"home": "/home/dev", "error": "", "total": 50 << 30, "free": 1 << 20}, "warn"),
        ({"home": "/home/dev", "error": "", "total": 1 << 30, "free": 512 << 20}, "pass"),
        ({"home": "/home/dev", "error": "No space left on device"}, "fail"),
    ],
)
def test_disk(seen: dict[str, Any], outcome: str) -> None:
    assert verdicts.disk(seen).outcome == outcome


def tool(version: str = "", error: str = "") -> dict[str, str]:
    return {"path": "/usr/bin/x", "version": version, "error": error}


def test_tools_show_their_versions_and_claude_has_a_check_of_its_own() -> None:
    tools, claude = verdicts.tools(
        {
            "git": tool("git version 2.39.5"),
            "go": tool("go version go1.26.0 linux/amd64"),
            "claude": tool("2.1.0 (Claude Code)"),
        }
    )

    assert (tools.outcome, tools.evidence) == (Outcome.PASS, "claude 2.1.0, git 2.39.5, go 1.26.0")
    assert (claude.name, claude.outcome, claude.evidence) == ("claude-code", Outcome.PASS, "2.1.0 (Claude Code)")


def test_a_missing_tool_fails_and_a_missing_claude_fails_its_own_check() -> None:
    found = verdicts.tools({"git": tool(error="not found"), "claude": tool("2.1.0")})
    assert outcomes(found) == {"tools": "fail", "claude-code": "pass"}

    found = verdicts.tools({"git": tool("2.39"), "claude": tool(error="exit code 1")})
    assert outcomes(found) == {"tools": "pass", "claude-code": "fail"}


def test_git_identity_names_what_is_unset() -> None:
    assert verdicts.git_identity({"user.name": "John", "user.email": "j@x.y"}).evidence == "John <j@x.y>"

    check = verdicts.git_identity({"user.name": "John", "user.email": ""})

    assert (check.outcome, check.evidence) == (Outcome.WARN, "user.email not set")


def listener(address: str, port: int, program: str = "") -> dict[str, Any]:
    return {"address": address, "port": port, "program": program}


DOORS = [listener("0.0.0.0", 4180, "oauth2-proxy"), listener("::", 6090, "python3")]


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        pytest.param([], "pass", id="only the two doors"),
        pytest.param([listener("127.0.0.1", 3000, "node"), listener("::1", 3000)], "pass", id="loopback"),
        pytest.param([listener("127.8.0.1", 3000), listener("::ffff:127.0.0.1", 9)], "pass", id="all of loopback"),
        pytest.param([listener("0.0.0.0", 3000, "vite")], "warn", id="a server of the user's own"),
        pytest.param([listener("0.0.0.0", 3000, "node")], "warn", id="a node server of the user's own"),
        pytest.param([listener("10.1.2.3", 3000)], "warn", id="on the pod's address"),
        pytest.param([listener("0.0.0.0", 8080, "code-server")], "fail", id="the IDE"),
        pytest.param([listener("::", 7681, "ttyd")], "fail", id="the terminal"),
    ],
)
def test_listeners(more: list[dict[str, Any]], outcome: str) -> None:
    assert verdicts.listening([*DOORS, *more]).outcome == outcome


def test_a_door_that_nobody_keeps_fails() -> None:
    check = verdicts.listening(DOORS[:1])

    assert (check.outcome, check.evidence) == (Outcome.FAIL, "nothing listens on 6090")


def test_a_metadata_address_that_answers_fails() -> None:
    assert verdicts.metadata_address({"169.254.169.254": "timeout", "fd00:ec2::254": "refused"}).outcome is Outcome.PASS
    assert verdicts.metadata_address({"169.254.169.254": "open"}).outcome is Outcome.FAIL


def test_a_reachable_neighbour_is_a_warning_which_strict_makes_a_failure() -> None:
    check = verdicts.other_workspaces({"jane:4180": "open", "jane:6090": "timeout"}, total=1)

    assert (check.outcome, check.evidence.split(";")[0]) == (Outcome.WARN, "reachable: jane:4180")
    assert not has_failed([check])
    assert has_failed(strict([check]))


def test_unreachable_neighbours_pass_and_none_is_a_skip() -> None:
    check = verdicts.other_workspaces({"jane:4180": "timeout", "jane:6090": "timeout"}, total=7)

    assert (check.outcome, check.evidence) == (Outcome.PASS, "1 of 7 tried on 4180 and 6090, none reachable")
    assert verdicts.other_workspaces({}, total=0).outcome is Outcome.SKIP


def test_another_pod_may_connect_to_the_door_and_the_api_alone() -> None:
    check = verdicts.from_another_pod("jane", {"4180": "open", "6090": "open", "7681": "refused"})
    none = verdicts.from_another_pod("jane", {"4180": "timeout", "7681": "timeout"})

    assert check.outcome is Outcome.PASS
    assert check.evidence == "jane can connect to 4180 and 6090 alone, which ask for a sign-in or a token"
    assert (none.outcome, none.evidence) == (Outcome.PASS, "jane can connect to none of 2 ports")
    assert has_failed([verdicts.from_another_pod("jane", {"4180": "open", "5901": "open"})])


@pytest.mark.parametrize(
    ("status", "location", "closed"),
    [
        (401, "", True),
        (403, "", True),
        (302, "https://github.com/login/oauth/authorize?client_id=x", True),
        (302, "/oauth2/start?rd=%2F", True),
        (302, "https://john.dev.test/oauth2/sign_in", True),
        (302, "https://john.dev.test/oauth/", False),
        (302, "/oauth/", False),
        (302, "", False),
        (200, "", False),
        (404, "", False),
        (500, "", False),
    ],
)
def test_a_door_is_closed_only_by_a_refusal_or_the_way_to_the_sign_in(status: int, location: str, closed: bool) -> None:
    assert verdicts.is_closed("john.dev.test", status, location) is closed


def test_one_open_path_fails_the_door_and_is_named() -> None:
    check = verdicts.door("h", {"/": (401, ""), "/oauth/ide/": (200, "")})

    assert (check.outcome, check.evidence) == (Outcome.FAIL, "answers without a sign-in: /oauth/ide/ → 200")
    assert verdicts.door("h", {"/": (401, "")}).evidence == "closed without a sign-in: / → 401"


@pytest.mark.parametrize(
    ("health", "tasks", "expected"),
    [
        (200, 401, {"api-health": "pass", "api-token": "pass"}),
        (200, 404, {"api-health": "pass", "api-token": "skip"}),
        (200, 200, {"api-health": "pass", "api-token": "fail"}),
        (503, 401, {"api-health": "fail", "api-token": "pass"}),
    ],
)
def test_api(health: int, tasks: int, expected: dict[str, str]) -> None:
    assert outcomes(verdicts.api(health, tasks)) == expected


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    assert verdicts.certificate("h", 60.0).outcome is Outcome.PASS
    assert verdicts.certificate("h", 13.9).outcome is Outcome.WARN


@pytest.mark.parametrize(
    ("text", "version"),
    [("git version 2.39.5", "2.39.5"), ("v20.19.1", "20.19.1"), ("tmux 3.3a", "3.3a"), ("nothing", "nothing")],
)
def test_short_version(text: str, version: str) -> None:
    assert verdicts.short_version(text) == version
