"""A user's values are checked where they are modelled; the fleet's tests check what the reader is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from kubecoder.models.sections import Image
from kubecoder.models.user import UserFile

VALUES: dict[str, Any] = {
    "fleetId": "fleet",
    "user": {"name": "john", "host": "john.dev.company.com"},
    "image": {"tag": "0.1.0"},
    "oauth2": {"githubUsers": "john_doe"},
}


def made(**changes: Any) -> UserFile:
    return UserFile.model_validate({**VALUES, **changes})


def test_a_user_needs_little() -> None:
    user = made()
    assert user.name == "john"
    assert user.namespace == "coder"
    assert user.image.reference == "kubecoder/workspace:0.1.0"
    assert (user.resources.requests, user.resources.limits) == (
        {"cpu": "200m", "memory": "512Mi"},
        {"cpu": "2", "memory": "4Gi"},
    )
    assert user.build.mode == "none"


def test_an_image_may_be_a_digest() -> None:
    digest = "sha256:" + "0f" * 32
    assert Image(repository="registry.local:5000/coder", tag=digest).reference == f"registry.local:5000/coder@{digest}"


@pytest.mark.parametrize(
    "logins",
    ["john_doe, Jane-Doe", ["john_doe", "Jane-Doe"], "john_doe,,Jane-Doe,john_doe"],
    ids=["text", "list", "twice"],
)
def test_logins_are_a_list_or_text_and_keep_their_spelling(logins: Any) -> None:
    assert made(oauth2={"githubUsers": logins}).oauth2.github_users == ("john_doe", "Jane-Doe")


def test_numbers_are_quantities() -> None:
    user = made(resources={"requests": {"cpu": 1}, "limits": {"cpu": 1.5, "nvidia.com/gpu": 1}})
    assert user.resources.limits == {"cpu": "1.5", "nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("keys", "read"),
    [
        (("ingress", "className"), lambda user: user.ingress.class_name),
        (("ingress", "tls", "secretName"), lambda user: user.ingress.tls.secret_name),
        (("ingress", "tls", "clusterIssuer"), lambda user: user.ingress.tls.cluster_issuer),
        (("oauth2", "githubOrg"), lambda user: user.oauth2.github_org),
        (("build", "pushSecretName"), lambda user: user.build.push_secret_name),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_empty_text_says_nothing_where_the_predecessor_had_it(keys: tuple[str, ...], read: Any) -> None:
    values = copy.deepcopy(VALUES)
    section = values
    for key in keys[:-1]:
        section = section.setdefault(key, {})
    section[keys[-1]] = ""
    assert read(UserFile.model_validate(values)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"ingress": {"gateway": {"name": "edge", "namespace": "gateways", "sectionName": "https"}}},
        {
            "networkPolicy": {
                "ingressFrom": [{"namespaceSelector": {}}],
                "allowEgress": [{}],
                "denyEgressCIDRs": ["10.0.0.0/8", "fd00::/8"],
            }
        },
        {
            "tolerations": [{"key": "dev", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "nodeSelector": {"a/b": "c"},
        },
        {"quota": {"hard": {"pods": 10, "services.nodeports": "0"}}},
        {
            "patches": [
                {
                    "kind": "Deployment",
                    "merge": {"spec": {"template": {"spec": {"containers": [{"name": "x", "$patch": "delete"}]}}}},
                }
            ]
        },
        {"github": {"app": {"repositories": ["a"], "permissions": {"contents": "read"}}}},
        {
            "images": {
                "oauth2Proxy": "quay.io/oauth2-proxy/oauth2-proxy:v7.15.4",
                "buildkit": "moby/buildkit@sha256:" + "a" * 64,
            }
        },
        {"claude": {"allowedPermissionModes": ["default", "bypassPermissions"], "maxTasks": 3}},
        {"oauth2": {"githubOrg": "acme", "githubTeam": "dev"}},
        {"affinity": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_section_takes_what_its_documentation_says(changes: dict[str, Any]) -> None:
    made(**changes)


def test_an_open_door_cannot_be_written() -> None:
    with pytest.raises(ValidationError, match="every GitHub account"):
        made(oauth2={})


def test_values_cannot_be_changed_and_defaults_are_shared_safely() -> None:
    user = made()
    with pytest.raises(ValidationError):
        user.namespace = "other"  # type: ignore[misc]
    assert copy.deepcopy(user.ingress) is user.ingress
