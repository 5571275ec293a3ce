"""Credentials by the official client: what it loads, renews and hides from users, and what it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubecoder.cluster import config
from kubecoder.errors import ConfigError
from tests.rigs.certificates import Authority
from tests.unit.cluster.server import write_kubeconfig

SERVER = "https://10.0.0.1:6443"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def no_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def load(tmp_path: Path, server: str = SERVER, **parts: Any) -> config.Access:
    return config.load(str(write_kubeconfig(tmp_path / "kubeconfig", server, **parts)))


def plugin(tmp_path: Path, script: str, **entry: Any) -> dict[str, Any]:
    """A user entry with a credential plugin written in shell."""
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "args": [], **entry}}


def credential(**status: Any) -> str:
    document = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"cat <<'END'\n{json.dumps(document)}\nEND"


def test_a_context_says_where_and_who(tmp_path: Path) -> None:
    access = load(tmp_path)

    assert (access.context, access.user, access.namespace, access.server) == ("test", "tester", "coder", SERVER)
    assert (access.address.host, access.address.port, access.address.server_name) == ("10.0.0.1", 6443, "10.0.0.1")
    assert access.headers() == [("Authorization", "Bearer secret-token")]


def test_base_paths_ports_and_server_names(tmp_path: Path) -> None:
    access = load(tmp_path, "https://gate.example/clusters/one/", **{"tls-server-name": "kubernetes"})

    address = access.address
    assert (address.host, address.port, address.base_path) == ("gate.example", 443, "/clusters/one")
    assert address.server_name == "kubernetes"


def test_a_token_file_may_end_with_a_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")

    assert load(tmp_path, user={"tokenFile": "token"}).headers() == [("Authorization", "Bearer from-a-file")]


def test_a_token_that_would_break_the_request_isnt_sent_and_isnt_shown(tmp_path: Path) -> None:
    access = load(tmp_path, user={"token": "abc\ndef"})

    with pytest.raises(ConfigError) as caught:
        access.headers()

    assert "abc" not in str(caught.value)


def test_name_and_password(tmp_path: Path) -> None:
    expected = "Basic " + base64.b64encode(b"me:secret").decode()

    assert load(tmp_path, user={"username": "me", "password": "secret"}).headers() == [("Authorization", expected)]


def test_acting_as_somebody_else(tmp_path: Path) -> None:
    user = {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["dev", "ops"]}

    assert load(tmp_path, user=user).headers()[1:] == [
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Uid", "7"),
    ]


def test_a_plugin_gives_the_token(tmp_path: Path) -> None:
    user = plugin(tmp_path, credential(token="from-a-plugin"))

    assert load(tmp_path, user=user).headers() == [("Authorization", "Bearer from-a-plugin")]


def test_a_plugin_runs_again_when_its_token_expires_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "HEADER_SECONDS", 0.0)
    count = f'echo x >> "{tmp_path}/runs"\n'
    user = plugin(tmp_path, count + credential(token="old", expirationTimestamp="2020-01-01T00:00:00Z"))
    access = load(tmp_path, user=user)
    plugin(tmp_path, count + credential(token="new", expirationTimestamp="2999-01-01T00:00:00Z"))

    assert [access.headers()[0][1] for _ in range(3)] == ["Bearer new"] * 3
    assert (tmp_path / "runs").read_text() == "x\nx\n"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'session expired, run: cloud login' >&2; exit 1", "session expired, run: cloud login"),
        ("exit 3", "process returned 3"),
        ("echo nonsense", "failed to decode process output"),
        ("echo '{}'", "missing key"),
        (credential(user="nobody"), "missing token or clientCertificateData"),
        (credential(clientCertificateData="x"), "missing clientKeyData"),
    ],
)
def test_a_plugin_that_fails_is_an_error_with_its_own_words(
    tmp_path: Path, script: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match="credential plugin") as caught:
        load(tmp_path, user=plugin(tmp_path, script))

    assert says in caught.value.message
    assert "sign in again" in str(caught.value.hint)
    assert caplog.records == []


@pytest.mark.parametrize(
    "user",
    [
        {"token": None, "password": "s3cret"},
        {"client-key": None, "password": "s3cret"},
        {"exec": {"command": "x", "apiVersion": "v1", "env": [{"value": "s3cret"}]}},
        {"auth-provider": {"name": "oidc", "config": {"client-secret": "s3cret"}}},
    ],
    ids=["null-token", "null-key", "plugin", "oidc"],
)
def test_entries_that_the_official_client_cant_read_are_errors_without_their_secrets(
    tmp_path: Path, user: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, user=user)

    assert "kubeconfig" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_plugin_is_named(tmp_path: Path) -> None:
    user = plugin(tmp_path, "", command="no-such-plugin")

    with pytest.raises(ConfigError, match="no-such-plugin"):
        load(tmp_path, user=user)


def test_loading_leaves_the_logging_of_others_alone(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), list(root.filters))

    load(tmp_path, user=plugin(tmp_path, credential(token="t")))

    assert (list(root.handlers), list(root.filters)) == before


def test_credentials_are_read_again_only_for_those_who_were_refused_the_current_ones(tmp_path: Path) -> None:
    access = load(tmp_path)
    refused = access.generation
    write_kubeconfig(tmp_path / "kubeconfig", SERVER, user={"token": "second"})

    access.renew(refused)
    write_kubeconfig(tmp_path / "kubeconfig", SERVER, user={"token": "third"})
    access.renew(refused)

    assert access.headers() == [("Authorization", "Bearer second")]


def test_keys_dont_stay_in_temporary_files(tmp_path: Path, temporary: Path, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    data = {name: base64.b64encode(path.read_bytes()).decode() for name, path in (("c", certificate), ("k", key))}
    ca = base64.b64encode(authority.certificate_file.read_bytes()).decode()

    access = load(
        tmp_path,
        user={"client-certificate-data": data["c"], "client-key-data": data["k"]},
        **{"certificate-authority-data": ca},
    )

    assert access.address.tls is not None
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({}, {"certificate-authority-data": base64.b64encode(b"no PEM").decode()}),
        ({"client-certificate-data": base64.b64encode(b"no PEM").decode(), "client-key-data": "eA=="}, {}),
    ],
    ids=["authority", "client"],
)
def test_a_certificate_that_is_none_is_a_config_error(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="certificate or key") as caught:
        load(tmp_path, user=user or {"token": "t"}, **cluster)

    assert "PEM" in str(caught.value.hint)


def test_a_key_of_another_certificate_is_a_config_error(tmp_path: Path, authority: Authority) -> None:
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")

    with pytest.raises(ConfigError, match="certificate or key"):
        load(tmp_path, user={"client-certificate": str(certificate), "client-key": str(key)})


def test_no_kubeconfig_anywhere_says_where_to_put_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(ConfigError, match="there is no kubeconfig") as caught:
        config.load()

    assert "~/.kube/config" in str(caught.value.hint)


def test_in_a_pod_the_service_account_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    from kubernetes.config import incluster_config

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "token").write_text("of-the-pod\n")
    (tmp_path / "namespace").write_text("tools\n")
    os.link(authority.certificate_file, tmp_path / "ca.crt")
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))

    access = config.load()

    assert (access.context, access.namespace, access.server) == ("in-cluster", "tools", "https://10.96.0.1:443")
    assert access.headers() == [("Authorization", "bearer of-the-pod")]


@pytest.mark.parametrize(
    ("server", "environment", "proxy"),
    [
        (SERVER, {}, None),
        (SERVER, {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        (SERVER, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.0.0.1"}, None),
        ("https://api.example", {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".example"}, None),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://proxy:3128"}, None),
        ("http://localhost:8001", {"HTTP_PROXY": "http://proxy:3128"}, None),
    ],
)
def test_proxies_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, environment: dict[str, str], proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load(tmp_path, server).address.proxy == proxy


@pytest.mark.parametrize("server", [SERVER, "https://127.0.0.1:6443"])
def test_the_contexts_own_proxy_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other:3128")
    monkeypatch.setenv("NO_PROXY", "*")

    assert load(tmp_path, server, **{"proxy-url": "http://mine:3128"}).address.proxy == "http://mine:3128"


ENTRIES = st.dictionaries(
    st.sampled_from(
        ["token", "tokenFile", "client-certificate-data", "client-key-data", "username", "password", "auth-provider"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.lists(st.text(max_size=2), max_size=2)
    | st.dictionaries(st.sampled_from(["name", "config"]), st.sampled_from(["oidc", "gcp", "x", ""]), max_size=2),
    max_size=4,
)


@given(user=ENTRIES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_user_entry_gives_anything_but_a_config_error(tmp_path: Path, user: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        load(tmp_path, user=user).headers()
