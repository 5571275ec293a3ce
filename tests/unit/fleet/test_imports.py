"""A kube-coder values file is taken as it is; what can't come along is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubecoder.errors import ConfigError
from kubecoder.fleet import imports
from kubecoder.fleet.imports import Imported
from tests.unit.fleets import API_KEY, CLIENT_SECRET, COOKIE_SECRET, github_app, rsa_key

# From the predecessor's README.
README = """\
# deployments/username/values.yaml
namespace: coder

user:
  name: username
  pvcSize: 50Gi
  host: username.dev.yourdomain.com
  env:
    - name: GIT_USER_NAME
      value: "User Name"
    - name: GIT_USER_EMAIL
      value: "user@domain.com"

image:
  repository: registry.digitalocean.com/resourceloop/coder
  tag: devlaptop-v1.6.2-browser-stealth
  pullPolicy: Always

oauth2:
  githubUsers: "user1,user2"  # Authorized GitHub usernames

resources:
  requests:
    cpu: "2"
    memory: 3Gi
  limits:
    cpu: "3"
    memory: 5Gi
"""
# The chart's defaults: every key that it had, used or not.
CHART = """\
namespace: coder
user:
  name: ""
  pvcSize: 50Gi
  host: ""
  env:
    - name: GIT_USER_NAME
      value: ""
    - name: GIT_USER_EMAIL
      value: ""
image:
  repository: registry.digitalocean.com/resourceloop/coder
  tag: devlaptop-v1.5.0
  pullPolicy: Always
  pullSecretName: regcred
ingress:
  className: nginx
  auth:
    type: basic
    secretName: ""
  tls:
    enabled: true
    secretName: ""
    clusterIssuer: letsencrypt-production
resources:
  requests: {cpu: 200m, memory: 512Mi}
  limits: {cpu: "2", memory: 4Gi}
build:
  mode: buildkit
  kanikoImage: gcr.io/kaniko-project/executor:latest
  pushSecretName: regcred
  defaultDestinationRepo: registry.digitalocean.com/resourceloop
ssh:
  enabled: false
  port: 22
claude:
  apiKey: ""
github:
  app:
    appId: ""
    installationId: ""
    privateKey: ""
"""
PLACEHOLDERS = """\
oauth2:
  githubUsers: "GITHUB_USERNAME_HERE"
  cookieSecret: "PLACEHOLDER-OVERRIDE-WITH-SECRETS-FILE"
  clientId: "PLACEHOLDER-OVERRIDE-WITH-SECRETS-FILE"
  clientSecret: "PLACEHOLDER-OVERRIDE-WITH-SECRETS-FILE"
"""


def imported(tmp_path: Path, *texts: str) -> Imported:
    paths = [tmp_path / f"values-{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return imports.read(paths)


def about(result: Imported) -> list[str]:
    """Return what the notices are about."""
    return [notice.split(" ")[0] for notice in result.notices]


def test_the_values_of_the_readme(tmp_path: Path) -> None:
    result = imported(tmp_path, README)
    assert result.name == "username"
    assert result.values == {
        "namespace": "coder",
        "user": {
            "name": "username",
            "pvcSize": "50Gi",
            "host": "username.dev.yourdomain.com",
            "env": [
                {"name": "GIT_USER_NAME", "value": "User Name"},
                {"name": "GIT_USER_EMAIL", "value": "user@domain.com"},
            ],
        },
        "oauth2": {"githubUsers": ["user1", "user2"]},
        "resources": {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"cpu": "3", "memory": "5Gi"}},
    }
    assert result.notices == ["image is dropped: it is the predecessor's; the fleet's own image is used"]
    assert result.secrets == {}


def test_every_key_of_the_chart_is_accepted(tmp_path: Path) -> None:
    result = imported(tmp_path, CHART)
    assert result.name is None
    assert result.values == {
        "namespace": "coder",
        "user": {"pvcSize": "50Gi"},
        "ingress": {"className": "nginx", "tls": {"enabled": True, "clusterIssuer": "letsencrypt-production"}},
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
    }
    assert about(result) == [
        *("ssh", "ingress.auth", "image", "build.mode"),
        *("build.kanikoImage", "build.pushSecretName", "build.defaultDestinationRepo"),
    ]
    assert "privileged Docker in Docker" in result.notices[3]


def test_a_users_file_lies_over_the_chart_as_with_helm(tmp_path: Path) -> None:
    result = imported(tmp_path, CHART, README)
    assert result.name == "username"
    assert result.values["resources"]["limits"] == {"cpu": "3", "memory": "5Gi"}
    assert [entry["value"] for entry in result.values["user"]["env"]] == ["User Name", "user@domain.com"]


def test_placeholders_are_dropped_and_named(tmp_path: Path) -> None:
    result = imported(tmp_path, PLACEHOLDERS)
    assert result.values == {}
    assert result.secrets == {}
    assert about(result) == ["oauth2.clientId", "oauth2.clientSecret", "oauth2.cookieSecret", "oauth2.githubUsers"]


def test_inline_secrets_move_to_their_files_and_are_not_shown(tmp_path: Path) -> None:
    oauth2 = f"oauth2: {{clientId: Ov23li, clientSecret: {CLIENT_SECRET}, cookieSecret: {COOKIE_SECRET}}}\n"
    result = imported(tmp_path, README, oauth2, f"claude: {{apiKey: {API_KEY}}}\n", github_app(rsa_key()))
    assert result.secrets == {
        "oauth2": {"clientId": "Ov23li", "clientSecret": CLIENT_SECRET, "cookieSecret": COOKIE_SECRET},
        "claude": {"apiKey": API_KEY},
        "github-app": {"appId": 1234567, "installationId": "12345678", "privateKey": rsa_key()},
    }
    assert result.values["oauth2"] == {"githubUsers": ["user1", "user2"]}
    assert "claude" not in result.values
    shown = "\n".join(result.notices)
    assert "claude.apiKey moves to claude.yaml" in shown
    assert not any(secret in shown for secret in (CLIENT_SECRET, COOKIE_SECRET, API_KEY))


def test_kaniko_keeps_its_settings(tmp_path: Path) -> None:
    result = imported(tmp_path, "build: {mode: kaniko, pushSecretName: regcred}\n")
    assert result.values == {"build": {"mode": "kaniko", "pushSecretName": "regcred"}}


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("user:\n  name: john\n  size: 5Gi\n", 3, "user.size"),
        ("replicas: 2\n", 1, "replicas"),
        ("user: {env: [{name: A, value: 1}]}\n", 1, "user.env[0].value"),
        ("user: {env: A}\n", 1, "user.env"),
        ("user: john\n", 1, "user"),
        ("oauth2: {githubUsers: 'a b'}\n", 1, "oauth2.githubUsers"),
    ],
)
def test_what_nobody_knows_is_told_by_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        imported(tmp_path, text)
    [problem] = raised.value.problems
    assert (problem.path, problem.line, problem.key) == (tmp_path / "values-0.yaml", line, key)


def test_the_file_that_has_the_mistake_is_the_one_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        imported(tmp_path, README, "user:\n  pvcSize: 5GB\n")
    assert [(p.path.name, p.line) for p in raised.value.problems] == [("values-1.yaml", 2)]


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    result = imported(tmp_path, "# nothing\n")
    nothing: dict[str, Any] = {}
    assert (result.values, result.secrets, result.notices) == (nothing, nothing, [])
