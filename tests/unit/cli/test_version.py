"""`kubecoder version`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kubecoder import __version__
from kubecoder.cli.main import app

USER = "user: {name: NAME, host: NAME.example.org}\noauth2: {githubUsers: [NAME]}\n"


class VersionHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"major": "1", "minor": "37", "gitVersion": "v1.37.2"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """A server on loopback that answers `/version` as a cluster does."""
    with HTTPServer(("127.0.0.1", 0), VersionHandler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def kubeconfig(server: str, tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    file.write_text(json.dumps(document))
    return file


def version(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["version", *arguments], prog_name="kubecoder")
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_it_needs_neither_fleet_nor_cluster() -> None:
    assert version().split()[:4] == ["NAME", "VALUE", "kubecoder", __version__]


def test_full_shows_the_fleet_its_images_and_the_cluster(tmp_path: Path, kubeconfig: Path, server: str) -> None:
    users = tmp_path / "users"
    users.mkdir()
    (users / "_defaults.yaml").write_text('fleetId: 0123456789abcdef\nimage: {tag: "1.0"}\n')
    for name in ("john", "jane"):
        (users / f"{name}.yaml").write_text(USER.replace("NAME", name))
    facts = json.loads(version("--full", "-C", str(tmp_path), "--kubeconfig", str(kubeconfig), "-o", "json"))
    assert facts["fleet"] == {
        "id": "0123456789abcdef",
        "directory": str(tmp_path),
        "workspaces": 2,
        "images": {"kubecoder/workspace:1.0": 2},
    }
    assert facts["cluster"] == {"context": "here", "server": server, "version": "v1.37.2"}


def test_full_works_outside_a_fleet(tmp_path: Path, kubeconfig: Path) -> None:
    names = version("--full", "-C", str(tmp_path), "--kubeconfig", str(kubeconfig), "-o", "name").splitlines()
    assert names[2:] == [
        "cluster.context/here",
        names[3],
        "cluster.version/v1.37.2",
    ]
