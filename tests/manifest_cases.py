"""Users with every option of the manifests, for golden files and for the real API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kubecoder.fleet import Fleet, Workspace
from kubecoder.models.merge import merge_values
from kubecoder.models.secrets import ClaudeSecrets, GithubAppSecrets, OAuth2Secrets, Secrets
from kubecoder.models.user import UserFile

FLEET_ID = "acme-1a2b3c"
DIRECTORY = Path("/fleet")
USER: dict[str, Any] = {
    "fleetId": FLEET_ID,
    "user": {"name": "john", "host": "john.dev.company.com"},
    "image": {"tag": "0.1.0"},
    "oauth2": {"githubUsers": ["john_doe"]},
}
OAUTH2 = OAuth2Secrets(
    client_id="Ov23liExample",
    client_secret=SecretStr("oauth-client-secret-1"),
    cookie_secret=SecretStr("0123456789abcdef"),
)
CLAUDE = ClaudeSecrets(api_key=SecretStr("sk-ant-example-1"))
# Without validation: a private key that parses is longer than what a golden file should hold.
GITHUB_APP = GithubAppSecrets.model_construct(
    app_id="123456", installation_id="7654321", private_key=SecretStr("-----private key-----\n")
)


@dataclass(frozen=True)
class Case:
    """One user.

    Attributes:
        values: Laid over `USER`.
        own_namespace: Whether the options need a namespace of the user's own.
        pod_security: The strictest Pod Security level that admits the pod, and that of a build by kaniko.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=lambda: Secrets(oauth2=OAUTH2))
    own_namespace: bool = False
    pod_security: str = "restricted"

    def workspace(self, **more: Any) -> Workspace:
        """Make the workspace; keyword arguments are laid over the case's values."""
        values = merge_values(merge_values(USER, self.values), more)
        if self.own_namespace:
            values.setdefault("namespace", f"ws-{values['user']['name']}")
        user = UserFile.model_validate(values)
        return Workspace(user=user, secrets=self.secrets, file=Path(f"users/{user.name}.yaml"), input_digest="1")


def fleet(*workspaces: Workspace, template_dir: Path | None = None) -> Fleet:
    """Make a fleet of these workspaces."""
    return Fleet(
        directory=DIRECTORY,
        fleet_id=FLEET_ID,
        namespace="coder",
        context=None,
        workspaces=workspaces,
        template_dir=template_dir,
    )


MORE_MEMORY = {"name": "shm", "emptyDir": {"sizeLimit": "2Gi"}}
DATA = {"name": "ide", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
PATCHES: list[dict[str, Any]] = [
    {
        "kind": "Deployment",
        "merge": {"spec": {"template": {"spec": {"containers": [DATA], "dnsConfig": {"searches": ["company.com"]}}}}},
    },
    {
        "kind": "Deployment",
        "name": "ws-john",
        "merge": {"spec": {"template": {"spec": {"volumes": [MORE_MEMORY, {"name": "data", "emptyDir": {}}]}}}},
    },
    {"kind": "NetworkPolicy", "name": "out", "merge": {"metadata": {"annotations": {"example.com/a": "b"}}}},
    {"kind": "Service", "merge": {"spec": {"type": None}}},
]
MINIMAL = Case()
CASES: dict[str, Case] = {
    "organisation": Case({"oauth2": {"githubUsers": [], "githubOrg": "acme", "githubTeam": "dev"}}),
    "users-or-organisation": Case({"oauth2": {"githubUsers": ["zoe", "Amy"], "githubOrg": "acme"}}),
    "claude-tasks": Case({"claude": {"allowedPermissionModes": ["plan", "default"], "maxTasks": 4}}),
    "claude-key": Case(secrets=Secrets(oauth2=OAUTH2, claude=CLAUDE)),
    "github-app": Case(
        {"github": {"app": {"repositories": ["api", "web"], "permissions": {"contents": "write"}}}},
        Secrets(oauth2=OAUTH2, github_app=GITHUB_APP),
    ),
    "tls-by-annotation": Case({"ingress": {"tls": {"clusterIssuer": "letsencrypt-production"}}}),
    "tls-by-lets-encrypt": Case({"letsEncrypt": {"email": "admin@company.com"}}),
    "tls-by-shared-secret": Case(
        {"ingress": {"tls": {"secretName": "dev-company-com-tls"}}, "letsEncrypt": {"email": "admin@company.com"}}
    ),
    "tls-off": Case({"ingress": {"tls": {"enabled": False}}, "letsEncrypt": {"email": "admin@company.com"}}),
    "ingress-haproxy": Case({"ingress": {"className": "haproxy", "annotations": {"haproxy.org/timeout-server": "5m"}}}),
    "ingress-default-class": Case({"ingress": {"className": ""}}),
    "gateway": Case({"ingress": {"gateway": {"name": "web", "namespace": "edge", "sectionName": "https"}}}),
    "gateway-beside": Case(
        {"ingress": {"gateway": {"name": "web"}, "annotations": {"example.com/note": "ours"}}},
    ),
    "build-buildkit": Case(
        {"build": {"mode": "buildkit", "pushSecretName": "regcred"}}, own_namespace=True, pod_security="privileged"
    ),
    "build-dind": Case({"build": {"mode": "dind"}}, own_namespace=True, pod_security="privileged"),
    "build-images": Case(
        {
            "build": {"mode": "buildkit"},
            "images": {"buildkit": "registry.company.com/buildkit:1", "oauth2Proxy": "registry.company.com/door:2"},
        },
        own_namespace=True,
        pod_security="privileged",
    ),
    "build-kaniko": Case(
        {"build": {"mode": "kaniko", "pushSecretName": "regcred"}}, own_namespace=True, pod_security="baseline"
    ),
    "quota": Case({"quota": {"hard": {"requests.cpu": "2", "limits.memory": "8Gi"}}}, own_namespace=True),
    "placement": Case(
        {
            "nodeSelector": {"pool": "dev"},
            "tolerations": [{"key": "dev", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 1, "preference": {"matchExpressions": [{"key": "ssd", "operator": "Exists"}]}}
                    ]
                }
            },
            "podAnnotations": {"example.com/cost-centre": "42", "karpenter.sh/do-not-disrupt": "false"},
        }
    ),
    "image-and-size": Case(
        {
            "user": {"pvcSize": "100Gi", "storageClassName": "fast"},
            "image": {
                "repository": "registry.company.com:5000/workspace",
                "tag": f"sha256:{'0123456789abcdef' * 4}",
                "pullPolicy": "Always",
                "pullSecretName": "regcred",
            },
            "resources": {"requests": {"cpu": 1, "memory": "2Gi"}, "limits": {"cpu": "1500m", "memory": "6Gi"}},
        }
    ),
    "environment": Case(
        {
            "user": {
                "env": [
                    {"name": "GIT_USER_NAME", "value": 'John "J" Doe: {{ user }} 😀\n- not: yaml'},
                    {"name": "NPM_TOKEN", "valueFrom": {"secretKeyRef": {"name": "npm", "key": "token"}}},
                    {"name": "YES", "value": "yes"},
                ]
            }
        }
    ),
    "network": Case(
        {
            "networkPolicy": {
                "ingressFrom": [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
                "allowEgress": [{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 5432}]}],
                "denyEgressCIDRs": ["198.51.100.0/24", "2001:db8::/32"],
            }
        }
    ),
    "offline": Case({"networkPolicy": {"denyEgressCIDRs": ["0.0.0.0/0", "::/0"]}}),
    "patches": Case({"patches": PATCHES}),
}
EVERYTHING = Case(
    {
        **CASES["github-app"].values,
        **CASES["quota"].values,
        "build": {"mode": "dind", "pushSecretName": "regcred"},
        "letsEncrypt": {"email": "admin@company.com"},
    },
    Secrets(oauth2=OAUTH2, claude=CLAUDE, github_app=GITHUB_APP),
    own_namespace=True,
    pod_security="privileged",
)
ALL: dict[str, Case] = {"minimal": MINIMAL, **CASES, "everything": EVERYTHING}
