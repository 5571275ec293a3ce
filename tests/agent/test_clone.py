"""Clones by a real agent, from a git host that takes only the GitHub App's token of the moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.githubtoken.daemon import Daemon
from agent.githubtoken.exchange import Exchange
from agent.githubtoken.folder import Folder
from tests.agent.conftest import Agent, door_headers, running_agent
from tests.agent.test_github_token import Mounts, pem
from tests.rigs.git_host import GitHost
from tests.rigs.github import GithubApp, GithubServer, StubGithub
from tests.rigs.waiting import wait_until

CLONES = "/oauth/api/github/clones"
URL = "https://github.com/acme/private.git"
HELPER = Path("agent/image/rootfs/usr/local/bin/git-credential-kubecoder").absolute()
EXAMPLE_TOKEN = "ghs_for_the_tests"


def call(agent: Agent, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    headers = [*door_headers(), ("Sec-Fetch-Site", "same-origin")]
    answer = agent.session(method, path, headers, json_body=body)
    return answer.status, json.loads(answer.body)


def start(agent: Agent, url: str = URL, folder: str = "") -> str:
    status, clone = call(agent, "POST", CLONES, {"url": url, "folder": folder})
    assert status == 201, clone
    return str(clone["clone_id"])


def told(agent: Agent, clone_id: str) -> dict[str, Any]:
    clones = call(agent, "GET", CLONES)[1]["clones"]
    return next(clone for clone in clones if clone["clone_id"] == clone_id)


def ended(agent: Agent, clone_id: str) -> dict[str, Any]:
    wait_until(lambda: told(agent, clone_id)["state"] != "running", what="the end of the clone", seconds=30)
    return told(agent, clone_id)


def configure(home: Path, host: GitHost, token_file: Path) -> None:
    helper = f"!KUBECODER_GITHUB_TOKEN_FILE={token_file} {HELPER}"
    (home / ".gitconfig").write_text(f"{host.configuration(helper)}[user]\n\tname = Alice\n\temail = a@example.com\n")


def git(home: Path, *arguments: str) -> None:
    """Run git as the user does in the terminal."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "GIT_TERMINAL_PROMPT": "0"}
    subprocess.run(["git", *arguments], env=environment, check=True, capture_output=True)


@contextlib.contextmanager
def running_daemon(mounts: Mounts, api_url: str) -> Iterator[None]:
    """Run what keeps the App's token fresh, with short ticks."""
    daemon = Daemon(
        config_file=mounts.config_file,
        key_file=mounts.key_file,
        folder=Folder(mounts.directory),
        exchange=Exchange(api_url),
        tick_seconds=0.05,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(daemon.run(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(daemon.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    with GitHost(tmp_path_factory.mktemp("host"), lambda token: token == EXAMPLE_TOKEN) as host:
        host.add("acme/private.git", README="hello")
        yield host


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, shared_host: GitHost) -> Iterator[Agent]:
    """An agent whose git has a valid token."""
    directory = tmp_path_factory.mktemp("agent")
    (directory / "token").write_text(EXAMPLE_TOKEN)
    (directory / "home").mkdir()
    configure(directory / "home", shared_host, directory / "token")
    with running_agent(directory) as agent:
        yield agent


@pytest.fixture
def home(agent: Agent) -> Path:
    return agent.directory / "home"


def test_a_private_repository_is_cloned_and_pushed_through_two_renewals_of_the_token(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    github = StubGithub(app=GithubApp("123", "456", key.public_key()))
    mounts = Mounts(tmp_path)
    mounts.key_file.write_bytes(pem(key))
    home = tmp_path / "home"
    home.mkdir()
    with (
        GithubServer(github) as server,
        running_daemon(mounts, f"{server.url}/api"),
        GitHost(tmp_path / "host", lambda token: token == github.newest_token) as host,
    ):
        bare = host.add("acme/private.git", README="hello")
        configure(home, host, mounts.token_file)
        wait_until(mounts.token, what="the first token", seconds=20)
        with running_agent(tmp_path) as agent:
            assert ended(agent, start(agent))["state"] == "done"
            work = home / "private"
            assert (work / "README").read_text() == "hello"
            used = {mounts.token()}
            for number in (2, 3):
                before = mounts.token()
                # A changed file counts at once; the token before it is refused from then on.
                mounts.configure(permissions={"contents": "write", "number": str(number)})
                wait_until(lambda old=before: mounts.token() not in ("", old), what="another token", seconds=20)  # type: ignore[misc]
                (work / f"file-{number}").write_text("x")
                git(home, "-C", str(work), "add", "--all")
                git(home, "-C", str(work), "commit", "--message=more")
                git(home, "-C", str(work), "push")
                used.add(mounts.token())
            log = "".join(agent.process.log_lines())
        assert {token for _, token in host.requests if token} == used
        assert len(used) == 3
    pushed = subprocess.check_output(["git", "-C", bare, "ls-tree", "--name-only", "main"], text=True)
    assert pushed.split() == ["README", "file-2", "file-3"]
    kept = log + "".join(path.read_text(errors="replace") for path in work.glob(".git/*") if path.is_file())
    assert not any(token in kept for token in used)


def test_a_clone_is_told_and_audited(agent: Agent, home: Path) -> None:
    clone_id = start(agent, folder="projects/first")
    clone = ended(agent, clone_id)
    assert (clone["state"], clone["folder"]) == ("done", "projects/first")
    assert (home / "projects" / "first" / "README").is_file()
    _, audit = call(agent, "GET", "/oauth/api/claude/audit?limit=2")
    end, begin = audit["entries"]
    assert (begin["action"], begin["who"], begin["detail"]["url"]) == ("clone.start", "alice", URL)
    assert (end["action"], end["detail"]["result"]) == ("clone.end", "done")


def test_nothing_is_overwritten_and_nothing_leaves_the_home(agent: Agent, home: Path, tmp_path: Path) -> None:
    (home / "taken").mkdir()
    (home / "file").write_text("mine")
    (home / "out").symlink_to(tmp_path)
    for folder, status, code in (
        ("taken", 409, "folder_exists"),
        ("file", 409, "folder_exists"),
        ("file/below", 409, "folder_exists"),
        ("out/x", 400, "invalid_body"),
        ("../x", 400, "invalid_body"),
        ("/tmp/x", 400, "invalid_body"),
        ("a/.git", 400, "invalid_body"),
    ):
        answer = call(agent, "POST", CLONES, {"url": URL, "folder": folder})
        assert (folder, answer[0], answer[1]["code"]) == (folder, status, code)
    assert (home / "file").read_text() == "mine"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/owned",
        "file:///etc",
        "/etc",
        "--upload-pack=touch /tmp/owned",
        "http://github.com/acme/private.git",
        "git://github.com/acme/private.git",
        "https://alice:secret@github.com/acme/private.git",
        "ssh://-oProxyCommand=touch/x",
        "-oProxyCommand=x@github.com:acme/x",
        "git@github.com:-x",
        "https://github.com/",
        "https://github.com/acme/private.git\n--config=x",
    ],
)
def test_what_is_no_address_is_refused_before_git_sees_it(agent: Agent, url: str) -> None:
    status, error = call(agent, "POST", CLONES, {"url": url})
    assert (status, error["code"]) == (400, "invalid_body")
    assert "secret" not in json.dumps(error)


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ('[url "ext::touch owned "]\n\tinsteadOf = https://example.test/\n', "transport 'ext' not allowed"),
        ('[url "file:///"]\n\tinsteadOf = https://example.test/\n', "transport 'file' not allowed"),
    ],
)
def test_no_configuration_leads_to_another_transport(agent: Agent, home: Path, configured: str, said: str) -> None:
    before = (home / ".gitconfig").read_text()
    (home / ".gitconfig").write_text(before + configured)
    try:
        clone = ended(agent, start(agent, "https://example.test/repository"))
    finally:
        (home / ".gitconfig").write_text(before)
    assert clone["state"] == "failed"
    assert said in clone["error"]
    assert not (home / "owned").exists()
    assert not (home / "repository").exists()


def test_a_failure_says_the_next_step_and_leaves_nothing(agent: Agent, home: Path) -> None:
    missing = ended(agent, start(agent, "https://github.com/acme/missing.git"))
    assert "not found" in missing["error"]
    assert "private repository" in missing["hint"]
    (agent.directory / "token").rename(agent.directory / "no-token")
    try:
        refused = ended(agent, start(agent, URL, "refused"))
    finally:
        (agent.directory / "no-token").rename(agent.directory / "token")
    assert "gh auth login" in refused["hint"], refused
    assert not (home / "missing").exists()
    assert not (home / "refused").exists()


def test_a_clone_is_cancelled_and_leaves_nothing(agent: Agent, home: Path, shared_host: GitHost) -> None:
    reached, release = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        release.wait(30)

    shared_host.delay = hold
    try:
        clone_id = start(agent, folder="long")
        assert reached.wait(20)
        assert told(agent, clone_id)["state"] == "running"
        status, clone = call(agent, "POST", f"{CLONES}/{clone_id}/cancel", {})
        assert (status, clone["state"]) == (200, "cancelled")
        assert not (home / "long").exists()
        assert call(agent, "POST", f"{CLONES}/none/cancel", {})[0] == 404
        running = [start(agent, folder=f"many-{number}") for number in range(4)]
        status, error = call(agent, "POST", CLONES, {"url": URL, "folder": "one-too-many"})
        assert (status, error["code"]) == (429, "queue_full")
    finally:
        shared_host.delay = lambda: None
        release.set()
    assert {ended(agent, each)["state"] for each in running} == {"done"}


def test_the_end_of_the_agent_ends_its_clones(tmp_path: Path, shared_host: GitHost) -> None:
    reached, release = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        release.wait(30)

    (tmp_path / "token").write_text(EXAMPLE_TOKEN)
    (tmp_path / "home").mkdir()
    configure(tmp_path / "home", shared_host, tmp_path / "token")
    shared_host.delay = hold
    try:
        with running_agent(tmp_path) as agent:
            start(agent, folder="long")
            assert reached.wait(20)
            agent.process.popen.terminate()
            assert agent.process.popen.wait(15) == 0
            assert not (tmp_path / "home" / "long").exists()
    finally:
        shared_host.delay = lambda: None
        release.set()
