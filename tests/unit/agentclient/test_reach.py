"""The ways to an agent, and that no token goes where others can read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubecoder.agentclient import AgentClient
from kubecoder.agentclient.reach import LocalReach, PodReach, UrlReach, local_workspace_file
from kubecoder.agentclient.transport import Transport
from kubecoder.cluster import Cluster, config
from kubecoder.cluster.exchange import Exchange
from kubecoder.cluster.pods import NoPodError, Place, StoppedError
from kubecoder.errors import AgentUnreachableError, ConfigError, NotFoundError
from tests.objects import FLEET
from tests.unit.agentclient.conftest import TOKEN
from tests.unit.agentclient.played_cluster import PlayedCluster
from tests.unit.cluster.server import Script, Server, write_kubeconfig

Serve = Callable[[Script], Server]
PLACE = Place(FLEET, "john", "coder")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://john.dev.company.com", "https://john.dev.company.com"),
        (" https://john.dev.company.com/ ", "https://john.dev.company.com"),
        ("https://john.dev.company.com/api/claude", "https://john.dev.company.com"),
        ("https://gate.company.com:8443/john", "https://gate.company.com:8443/john"),
        ("http://127.0.0.1:6090", "http://127.0.0.1:6090"),
        ("http://[::1]:6090/", "http://[::1]:6090"),
        ("http://localhost:6090", "http://localhost:6090"),
    ],
)
def test_an_address_is_taken_as_people_write_it(given: str, url: str) -> None:
    assert UrlReach(given, TOKEN).endpoint().url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "john.dev.company.com",
        "ftp://x",
        "https://",
        "https://x:port",
        "https://x/?q=1",
        "https://x/#y",
        "https://[x",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="isn't a workspace's address"):
        UrlReach(url, TOKEN)


@pytest.mark.parametrize("url", ["http://john.dev.company.com", "http://10.0.0.1:6090", "http://127.0.0.1.nip.io"])
def test_a_token_never_leaves_the_machine_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigError, match="in the clear"):
        UrlReach(url, TOKEN)


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        UrlReach("https://ann:geheim@john.dev.company.com", TOKEN)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nline", "ümlaut", "a\x1bb"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigError) as raised:
        UrlReach("https://x", token)
    assert str(raised.value) == "KUBECODER_TOKEN holds no usable token"


def test_a_token_is_in_no_representation() -> None:
    reach = UrlReach("https://x", TOKEN)
    assert TOKEN not in repr(reach.endpoint()) + repr(reach)


def test_only_what_stays_on_this_machine_avoids_proxies() -> None:
    assert UrlReach("http://127.0.0.1:1", TOKEN).endpoint().is_loopback
    assert not UrlReach("https://john.dev.company.com", TOKEN).endpoint().is_loopback


def test_the_local_workspace_is_where_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    file = tmp_path / "workspace.json"
    facts = {"url": "http://127.0.0.1:4711", "token_file": str(tmp_path / "token"), "tmux_socket": "/run/t"}
    file.write_text(json.dumps(facts))
    reach = LocalReach(file)
    assert (reach.endpoint().url, reach.endpoint().token) == ("http://127.0.0.1:4711", TOKEN)
    assert reach.tmux_socket == Path("/run/t")
    assert reach.name == "local"

    file.write_text(json.dumps({**facts, "url": "https://elsewhere.example"}))
    with pytest.raises(ConfigError, match="isn't on this machine"):
        reach.endpoint()
    file.write_text(json.dumps({**facts, "token_file": "/nowhere"}))
    with pytest.raises(AgentUnreachableError, match="its token can't be read"):
        reach.endpoint()


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_a_local_workspace_that_is_not_up_names_the_command(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "workspace.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AgentUnreachableError) as raised:
        LocalReach(file).endpoint()
    assert raised.value.hint == "kubecoder local up"


def test_a_local_workspace_that_does_not_answer_names_the_command_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    file = tmp_path / "workspace.json"
    facts = {"url": "http://127.0.0.1:9", "token_file": str(tmp_path / "token"), "tmux_socket": "/run/t"}
    file.write_text(json.dumps(facts))
    reach = LocalReach(file)
    with (
        AgentClient(reach, transport=Transport(reach, sleep=lambda _: None)) as client,
        pytest.raises(AgentUnreachableError) as raised,
    ):
        client.version()
    assert raised.value.hint == "kubecoder local up"


def test_the_file_of_the_local_workspace_is_in_the_users_data_folder() -> None:
    assert local_workspace_file({"HOME": "/h"}) == Path("/h/.local/share/kubecoder/local/workspace.json")
    assert local_workspace_file({"HOME": "/h", "XDG_DATA_HOME": "/d"}) == Path("/d/kubecoder/local/workspace.json")
    assert local_workspace_file({"HOME": "/h", "XDG_DATA_HOME": "d"}).is_relative_to("/h")


@pytest.fixture
def played(serve: Serve, tmp_path: Path) -> Any:
    """The played cluster, a reach over it, and a client of that."""
    script = PlayedCluster()
    server = serve(script)
    access = config.load(str(write_kubeconfig(tmp_path / "kubeconfig", server.url)))
    with Cluster(Exchange(access, 2), workers=2) as cluster:
        reach = PodReach(cluster, PLACE)
        with AgentClient(reach, transport=Transport(reach, sleep=lambda _: None)) as client:
            yield script, reach, client


def test_a_pod_is_reached_by_its_port_with_the_token_of_the_secret(played: Any) -> None:
    script, reach, client = played
    assert client.version().workspace == "john"
    assert client.version().workspace == "john"
    assert script.forwarded == ["/api/v1/namespaces/coder/pods/ws-john-1/portforward?ports=6090"]
    assert str(reach.target()) == "Pod coder/ws-john-1, container ide"


def test_a_rotated_token_is_read_anew(played: Any) -> None:
    script, _, client = played
    client.version()
    script.token = script.accepted = "token-2"
    assert client.version().version == "1"


def test_a_token_that_is_still_refused_is_an_error(played: Any) -> None:
    script, _, client = played
    script.accepted = "another"
    with pytest.raises(Exception, match="john: no"):
        client.version()


def test_the_next_pod_is_found_when_the_first_has_gone(played: Any) -> None:
    script, reach, client = played
    client.version()
    used = reach.endpoint()
    script.pod = "ws-john-2"
    assert reach.endpoint() is used
    assert reach.endpoint(used) is not used
    client.version()
    assert script.forwarded[-1].startswith("/api/v1/namespaces/coder/pods/ws-john-2/")


def test_a_port_where_nothing_listens_says_so(played: Any) -> None:
    script, _, client = played
    script.is_deaf = True
    with pytest.raises(AgentUnreachableError, match="nothing listens on that port"):
        client.version()
    assert len(script.forwarded) == 4


def test_a_stopped_workspace_and_a_missing_secret_name_the_next_step(played: Any) -> None:
    script, _, client = played
    script.token = None
    with pytest.raises(NotFoundError) as missing:
        client.version()
    assert missing.value.hint == "kubecoder deploy john"
    script.pod = None
    with pytest.raises(StoppedError) as stopped:
        client.version()
    assert isinstance(stopped.value, NoPodError)
    assert stopped.value.hint == "kubecoder start john"
