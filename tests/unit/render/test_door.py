"""The door's configuration is the measured one, and lets in whom the agent admits."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from kubecoder import render
from tests.manifest_cases import ALL, MINIMAL, Case, fleet


def config_map(case: Case, part: str) -> dict[str, str]:
    workspace = case.workspace()
    manifests = render.workspace(fleet(workspace), workspace).manifests
    found = (m for m in manifests if m["kind"] == "ConfigMap" and m["metadata"]["name"] == f"ws-john-{part}")
    data: dict[str, str] = next(found)["data"]
    return data


def alpha(case: Case) -> Any:
    return yaml.safe_load(config_map(case, "door")["alpha.yaml"])


def test_every_upstream_is_a_socket_of_the_session_volume() -> None:
    upstreams = alpha(MINIMAL)["upstreamConfig"]["upstreams"]
    assert {entry["id"]: (entry["path"], entry["uri"]) for entry in upstreams} == {
        "ide": ("^/oauth/ide/(.*)$", "unix:///run/kubecoder/session/ide.sock"),
        "terminal": ("/oauth/terminal/", "unix:///run/kubecoder/session/terminal.sock"),
        "browser": ("/oauth/browser/", "unix:///run/kubecoder/session/browser.sock"),
        "agent": ("/", "unix:///run/kubecoder/session/agent.sock"),
    }
    # A WebSocket to a Unix socket is a 502 unless the ordinary handler upgrades it.
    assert all(entry["proxyWebSockets"] is False for entry in upstreams)
    assert [entry["id"] for entry in upstreams if "rewriteTarget" in entry] == ["ide"]


def test_the_proxy_has_an_address_to_bind_to() -> None:
    """Without one it exits 0, silently, at once."""
    assert alpha(MINIMAL)["server"] == {"bindAddress": "0.0.0.0:4180"}


def test_identity_is_injected_and_everything_forgeable_is_stripped() -> None:
    headers = {entry["name"]: entry.get("values") for entry in alpha(MINIMAL)["injectRequestHeaders"]}
    claims = {name: values[0]["claimSource"]["claim"] for name, values in headers.items() if values}
    assert claims == {
        "X-Forwarded-User": "user",
        "X-Forwarded-Email": "email",
        "X-Forwarded-Groups": "groups",
        "X-Kubecoder-Session-Created": "created_at",
        "X-Kubecoder-Session-Expires": "expires_on",
    }
    assert {name for name, values in headers.items() if not values} == {
        "Cookie",
        "Authorization",
        "Forwarded",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Uri",
        "X-Forwarded-Preferred-Username",
        "X-Forwarded-Access-Token",
        "X-Auth-Request-User",
        "X-Auth-Request-Email",
    }
    assert "preserveRequestValue" not in str(alpha(MINIMAL))


def test_other_sites_may_not_frame_the_workspace() -> None:
    headers = {
        entry["name"]: entry["values"][0]["secretSource"]["value"] for entry in alpha(MINIMAL)["injectResponseHeaders"]
    }
    assert headers == {"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "frame-ancestors 'self'"}


def test_the_flags_are_the_measured_ones() -> None:
    flags = json.loads(config_map(MINIMAL, "door")["door.json"])["flags"]
    assert flags == {
        "redirect-url": "https://john.dev.company.com/oauth2/callback",
        "cookie-name": "__Host-kubecoder",
        "cookie-secure": "true",
        "cookie-samesite": "lax",
        "cookie-expire": "12h",
        "cookie-refresh": "0",
        "cookie-csrf-per-request": "true",
        "cookie-csrf-per-request-limit": "5",
        "session-cookie-minimal": "true",
        "encode-state": "true",
        "email-domain": "*",
        "skip-provider-button": "true",
        "api-route": "^/oauth/api/",
        "request-logging": "false",
        "silence-ping-logging": "true",
    }


@pytest.mark.parametrize("case", ["minimal", "organisation", "users-or-organisation"])
def test_door_and_agent_admit_the_same_people(case: str) -> None:
    (provider,) = alpha(ALL[case])["providers"]
    admission = json.loads(config_map(ALL[case], "agent")["admission.json"])
    assert provider["githubConfig"] == admission
    assert any(admission.values())


def test_the_client_is_read_from_the_secret() -> None:
    (provider,) = alpha(MINIMAL)["providers"]
    assert provider["clientID"] == "Ov23liExample"
    assert provider["clientSecretFile"] == "/etc/kubecoder/door/secrets/client-secret"
    assert provider["code_challenge_method"] == "S256"


def test_the_github_app_is_described_to_the_container_that_mints_tokens() -> None:
    assert "github.json" not in config_map(MINIMAL, "agent")
    assert json.loads(config_map(ALL["github-app"], "agent")["github.json"]) == {
        "appId": "123456",
        "installationId": "7654321",
        "repositories": ["api", "web"],
        "permissions": {"contents": "write"},
    }
