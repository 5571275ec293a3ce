"""The variables that templates see: the user file's keys in snake_case, and what is worked out from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kubecoder.errors import ConfigError
from kubecoder.models.manifest import LABEL_FLEET, LABEL_MANAGED_BY, LABEL_WORKSPACE
from kubecoder.models.secrets import GithubAppSecrets, Secrets
from kubecoder.models.user import UserFile
from kubecoder.render import derived, egress, images, routes

BASE = "base"
BASE_RECORD = "kubecoder-base-release"

# Namespaces that every cluster has: never created, never labelled.
_GIVEN_NAMESPACES = frozenset({"default"})
# BuildKit needs system calls and dind needs everything that `baseline` forbids already (decision 16).
_PRIVILEGED_MODES = frozenset({"buildkit", "dind"})
_BUILD_COMMANDS = {"buildkit": ("docker", "docker-build"), "kaniko": ("docker-build",)}
# A restart by an autoscaler would end tasks.
_POD_ANNOTATIONS = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
    "kubectl.kubernetes.io/default-container": "ide",
}
_CLAUDE_KEY_ANNOTATION = "kubecoder.dev/claude-key"


@dataclass(frozen=True, slots=True, repr=False)
class SecretValues:
    """What goes into a workspace's Secrets, as plain text; empty strings for what isn't configured."""

    client_id: str = ""
    client_secret: str = ""
    cookie_key: str = ""
    admin_token: str = ""
    claude_api_key: str = ""
    github_app_private_key: str = ""


def object_name(user: str) -> str:
    """Return the name of a workspace's main objects, and the prefix of all others."""
    return f"ws-{user}"


def record_name(user: str) -> str:
    """Return the name of the Secret that records a workspace's releases."""
    return f"{object_name(user)}-release"


def labels(fleet_id: str, workspace: str) -> dict[str, str]:
    """Return the labels that every object of a workspace, or of `base`, carries."""
    is_base = workspace == BASE
    return {
        "app.kubernetes.io/name": BASE if is_base else "workspace",
        "app.kubernetes.io/instance": "kubecoder-base" if is_base else object_name(workspace),
        LABEL_MANAGED_BY: "kubecoder",
        "app.kubernetes.io/part-of": "kubecoder",
        **selector(fleet_id, workspace),
    }


def selector(fleet_id: str, workspace: str) -> dict[str, str]:
    """Return the labels that select a workspace's pods; a Deployment's can never change."""
    return {LABEL_FLEET: fleet_id, LABEL_WORKSPACE: workspace}


def of_workspace(user: UserFile, secrets: Secrets) -> dict[str, Any]:
    """Return the variables of the workspace templates."""
    name = object_name(user.name)
    values = secret_values(user, secrets)
    tls = user.ingress.tls
    issued = routes.cluster_issuer(user) is not None
    return {
        **{key: getattr(user, key) for key in UserFile.model_fields},
        "name": name,
        "labels": labels(user.fleet_id, user.name),
        "selector": selector(user.fleet_id, user.name),
        "origin": f"https://{user.user.host}",
        "secrets": values,
        "github_app": _app(secrets.github_app),
        "pod_annotations": _pod_annotations(user, values),
        "pinned_images": images.PINNED,
        "build_commands": _BUILD_COMMANDS.get(user.build.mode, ()),
        "registry_secret_name": user.build.push_secret_name if user.build.mode in _PRIVILEGED_MODES else None,
        "route_annotations": routes.route_annotations(user, name),
        "tls_secret_name": tls.secret_name or (f"{name}-tls" if issued else None),
        "ingress_from": routes.ingress_peers(user),
        "internet": egress.internet(user.network_policy.deny_egress_cidrs),
    }


def of_base(fleet_id: str, namespace: str, users: Iterable[UserFile]) -> dict[str, Any]:
    """Return the variables of the base templates.

    Args:
        fleet_id: The fleet's id.
        namespace: The fleet's default namespace, which is there even without users.
        users: All users of the fleet.

    Raises:
        ConfigError: The users' files name several e-mail addresses for Let's Encrypt.
    """
    users = list(users)
    levels = {namespace: "restricted"} | {user.namespace: "restricted" for user in users}
    # kaniko is root in its container, which `restricted` refuses.
    levels |= {user.namespace: "baseline" for user in users if user.build.mode == "kaniko"}
    levels |= {user.namespace: "privileged" for user in users if user.build.mode in _PRIVILEGED_MODES}
    names = sorted(levels)
    return {
        "fleet_id": fleet_id,
        "labels": labels(fleet_id, BASE),
        "namespaces": names,
        "created_namespaces": [name for name in names if name not in _GIVEN_NAMESPACES],
        "pod_security": levels,
        "acme": _acme(users),
    }


def secret_values(user: UserFile, secrets: Secrets) -> SecretValues:
    """Derive and unwrap what the workspace's Secrets hold."""
    host = user.user.host
    claude = secrets.claude.api_key.get_secret_value() if secrets.claude else ""
    private_key = secrets.github_app.private_key.get_secret_value() if secrets.github_app else ""
    if secrets.oauth2 is None:
        return SecretValues(claude_api_key=claude, github_app_private_key=private_key)
    cookie_secret = secrets.oauth2.cookie_secret.get_secret_value()
    return SecretValues(
        client_id=secrets.oauth2.client_id,
        client_secret=secrets.oauth2.client_secret.get_secret_value(),
        cookie_key=derived.door_cookie_key(cookie_secret, host, user.oauth2),
        admin_token=derived.admin_token(cookie_secret, host, user.api.generation),
        claude_api_key=claude,
        github_app_private_key=private_key,
    )


def _app(app: GithubAppSecrets | None) -> dict[str, str] | None:
    return {"app_id": app.app_id, "installation_id": app.installation_id} if app else None


def _pod_annotations(user: UserFile, values: SecretValues) -> dict[str, str]:
    # Of all that is mounted, `ide` reads only the Claude key once, as an environment variable (decision 21).
    purpose = f"{user.fleet_id}/{user.name}/claude"
    key = {_CLAUDE_KEY_ANNOTATION: derived.fingerprint(values.claude_api_key, purpose)} if values.claude_api_key else {}
    return {**_POD_ANNOTATIONS, **key, **user.pod_annotations}


def _acme(users: list[UserFile]) -> dict[str, Any] | None:
    emails = sorted({user.lets_encrypt.email for user in users if user.lets_encrypt})
    if not emails:
        return None
    if len(emails) > 1:
        raise ConfigError(
            f"several e-mail addresses for Let's Encrypt: {', '.join(emails)}",
            hint="write letsEncrypt.email once, in users/_defaults.yaml",
        )
    return {"email": emails[0], "solvers": _solvers(users)}


def _solvers(users: list[UserFile]) -> list[dict[str, Any]]:
    """Solve by the way each host is reached; hosts are named only where there are several ways."""
    hosts: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for user in users:
        gateway = user.ingress.gateway
        if gateway:
            parent = (gateway.name, gateway.namespace or user.namespace, gateway.section_name or "")
            hosts["gateway", *parent].append(user.user.host)
        else:
            hosts["ingress", user.ingress.class_name or ""].append(user.user.host)
    only = len(hosts) == 1
    return [
        {"http01": _http01(*way), **({} if only else {"selector": {"dnsNames": sorted(names)}})}
        for way, names in sorted(hosts.items())
    ]


def _http01(kind: str, name: str, namespace: str = "", section: str = "") -> dict[str, Any]:
    if kind == "ingress":
        return {"ingress": {"ingressClassName": name} if name else {}}
    parent = {"name": name, "namespace": namespace, **({"sectionName": section} if section else {})}
    return {"gatewayHTTPRoute": {"parentRefs": [parent]}}
