"""The sections of a user file: their keys, defaults and rules.

docs/configuration.md is made of these docstrings.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from kubecoder.models import fields, quantity
from kubecoder.models.faults import Fault, InvalidValueError


class Section(BaseModel):
    """A map of a user file: camelCase keys, unknown keys are errors."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def __deepcopy__(self, memo: object = None) -> Self:
        """Return itself: frozen. Pydantic copies defaults that hold maps for each user, which is slow."""
        return self


class Person(Section):
    """`user`: whose workspace it is and where it answers.

    Attributes:
        name: Names the workspace and all its objects; the file's name.
        host: Where browsers reach it; `<name>.<domain>` without it.
        pvc_size: Size of the home. It may grow where the storage class allows it, never shrink.
        storage_class_name: Of the home; the cluster's default class without it. It can't change later.
        env: Environment of the workspace: `name` and `value` or `valueFrom`, as in a pod.
    """

    name: fields.UserName
    host: fields.Host
    pvc_size: fields.Quantity = "50Gi"
    storage_class_name: fields.Subdomain | None = None
    env: fields.Env = ()


class Image(Section):
    """`image`: the workspace image.

    Attributes:
        repository: Where the cluster pulls it from.
        tag: A tag, or `sha256:…`. A change restarts the workspace.
        pull_policy: When the kubelet pulls.
        pull_secret_name: A Secret of the namespace with the registry's credentials.
    """

    repository: fields.Repository = "kubecoder/workspace"
    tag: fields.Tag
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secret_name: fields.Subdomain | None = None

    @property
    def reference(self) -> str:
        """`repository:tag`, or `repository@sha256:…` for a digest."""
        separator = "@" if self.tag.startswith("sha256:") else ":"
        return f"{self.repository}{separator}{self.tag}"


class Images(Section):
    """`images`: the images of the other containers; empty means the built-in, pinned one.

    Attributes:
        oauth2_proxy: Of the door; the workspace image has one, so this is seldom needed.
        buildkit: Of build mode `buildkit`; a pinned one without it.
        dind: Of build mode `dind`; a pinned one without it.
    """

    oauth2_proxy: fields.ImageReference | None = Field(default=None, alias="oauth2Proxy")
    buildkit: fields.ImageReference | None = None
    dind: fields.ImageReference | None = None


class Tls(Section):
    """`ingress.tls`: a certificate by cert-manager, or a Secret that is there already.

    Attributes:
        enabled: Whether browsers come by HTTPS; without it only for trials.
        secret_name: A TLS Secret of the namespace, such as one with a wildcard certificate.
        cluster_issuer: The cert-manager issuer that makes a certificate for the host.
    """

    enabled: bool = True
    secret_name: fields.Subdomain | None = None
    cluster_issuer: fields.Subdomain | None = None

    @field_validator("secret_name", "cluster_issuer", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        # The predecessor's chart had empty strings as defaults here.
        return value or None


class Gateway(Section):
    """`ingress.gateway`: the Gateway that an HTTPRoute attaches to.

    Attributes:
        name: The Gateway's name.
        namespace: Where it is; the workspace's namespace without it.
        section_name: Its listener.
    """

    name: fields.Subdomain
    namespace: fields.Label | None = None
    section_name: fields.Subdomain | None = None


class Ingress(Section):
    """`ingress`: how browsers reach the workspace; `gateway` makes it an HTTPRoute.

    An empty `className` leaves the choice to the cluster's default class.

    Attributes:
        class_name: The ingress class.
        annotations: Further annotations of the route.
        tls: The certificate.
        gateway: Makes the route an HTTPRoute of this Gateway.
    """

    class_name: fields.Subdomain | None = "nginx"
    annotations: fields.Annotations = {}
    tls: Tls = Tls()
    gateway: Gateway | None = None

    @field_validator("class_name", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @model_validator(mode="after")
    def _gateway_owns_tls(self) -> Self:
        if self.gateway and self.tls.cluster_issuer:
            raise InvalidValueError.of(
                "beside a gateway it has no effect: TLS belongs to the Gateway",
                "leave it out, or null where _defaults.yaml has it",
                "tls",
                "clusterIssuer",
            )
        return self


class OAuth2(Section):
    """`oauth2`: who may sign in; users *or* members of the organisation (and team).

    Nobody at all would mean every GitHub account to oauth2-proxy, so it can't be said here.

    Attributes:
        github_users: Logins, spelled as GitHub spells them.
        github_org: Every member of this organisation, *or* the users above.
        github_team: Of the organisation, only this team's members.
    """

    github_users: fields.Logins = ()
    github_org: fields.Team | None = None
    github_team: fields.Team | None = None

    @field_validator("github_org", "github_team", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @model_validator(mode="after")
    def _somebody_is_admitted(self) -> Self:
        if self.github_team and not self.github_org:
            # oauth2-proxy ignores a team without its organisation.
            raise InvalidValueError.of("a team needs its organisation", "add githubOrg", "githubTeam")
        if not self.github_users and not self.github_org:
            raise InvalidValueError.of(
                "the allow-list is empty, which would admit every GitHub account", "githubUsers or githubOrg"
            )
        return self


class Resources(Section):
    """`resources` of the `ide` container, Kubernetes quantities.

    Attributes:
        requests: What the scheduler reserves.
        limits: What the workspace gets at most.
    """

    requests: fields.ResourceList = {"cpu": "200m", "memory": "512Mi"}
    limits: fields.ResourceList = {"cpu": "2", "memory": "4Gi"}

    @model_validator(mode="after")
    def _requests_fit_limits(self) -> Self:
        faults = [
            Fault(f"{amount} is more than the limit {self.limits[name]}", "at most the limit", ("requests", name))
            for name, amount in self.requests.items()
            if name in self.limits and quantity.compare(amount, self.limits[name]) > 0
        ]
        if faults:
            raise InvalidValueError(*faults)
        return self


class Build(Section):
    """`build`: container builds in the workspace.

    Attributes:
        mode: How `docker build` works in the workspace; `buildkit` and `dind` need a namespace of the user's own.
        kaniko_image: Of build mode `kaniko`.
        push_secret_name: A Secret of the namespace with the credentials to push with.
        default_destination_repo: Where builds go that name no repository.
    """

    mode: Literal["none", "buildkit", "dind", "kaniko"] = "none"
    kaniko_image: fields.ImageReference | None = None
    push_secret_name: fields.Subdomain | None = None
    default_destination_repo: fields.Repository | None = None

    @field_validator("kaniko_image", "push_secret_name", "default_destination_repo", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None


class Claude(Section):
    """`claude`: what the Task API may ask of Claude Code.

    Attributes:
        allowed_permission_modes: What the Task API may launch tasks with.
        max_tasks: How many tasks run at once; by the memory limit without it.
    """

    allowed_permission_modes: fields.PermissionModes = ("default", "acceptEdits", "plan")
    max_tasks: int | None = Field(default=None, ge=1)


class GithubApp(Section):
    """`github.app`: how far the installation token reaches (its keys are secrets).

    Attributes:
        repositories: Names that the token is narrowed to; all of the installation without any.
        permissions: What the token is narrowed to, such as `contents: write`; all of the App's without any.
    """

    repositories: tuple[str, ...] = ()
    permissions: dict[str, fields.AccessLevel] = {}


class Github(Section):
    """`github`: repository access."""

    app: GithubApp = GithubApp()


class Api(Section):
    """`api`: the Task API; raising `generation` makes a new admin token.

    Attributes:
        generation: Raise it to make a new admin token; the old one is refused after the deploy.
    """

    generation: int = Field(default=1, ge=1)


class NetworkPolicy(Section):
    """`networkPolicy`: what may reach the pod and what the pod may reach.

    Attributes:
        ingress_from: Peers that may reach the pod, instead of the usual ingress controllers' namespaces.
        allow_egress: Egress rules beside DNS and the internet.
        deny_egress_cidrs: Networks that stay closed.
    """

    ingress_from: tuple[fields.Peer, ...] = ()
    allow_egress: tuple[fields.EgressRule, ...] = ()
    deny_egress_cidrs: tuple[fields.Cidr, ...] = Field(default=(), alias="denyEgressCIDRs")


class Quota(Section):
    """`quota`: a ResourceQuota; needs a namespace of the user's own.

    Attributes:
        hard: Amounts, as in a ResourceQuota.
    """

    hard: fields.QuotaAmounts


class LetsEncrypt(Section):
    """`letsEncrypt`: makes a ClusterIssuer when cert-manager is there.

    Attributes:
        email: Where Let's Encrypt writes to.
    """

    email: fields.Email


class Patch(Section):
    """`patches[]`: changes one rendered object (RFC 7386; lists of named objects merge by name).

    Attributes:
        kind: Kind of the object.
        name: Its name; all of the kind without it.
        merge: What is merged into it; null removes a key.
    """

    kind: str = Field(min_length=1)
    name: str | None = None
    merge: fields.Merge
