"""What a user file says, after `_defaults.yaml` was merged under it."""

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
    """`user`: whose workspace it is and where it answers."""

    name: fields.UserName
    host: fields.Host
    pvc_size: fields.Quantity = "50Gi"
    storage_class_name: fields.Subdomain | None = None
    env: fields.Env = ()


class Image(Section):
    """`image`: the workspace image."""

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
    """`images`: the images of the other containers; empty means the built-in, pinned one."""

    oauth2_proxy: fields.ImageReference | None = Field(default=None, alias="oauth2Proxy")
    buildkit: fields.ImageReference | None = None
    dind: fields.ImageReference | None = None


class Tls(Section):
    """`ingress.tls`: a certificate by cert-manager, or a Secret that is there already."""

    enabled: bool = True
    secret_name: fields.Subdomain | None = None
    cluster_issuer: fields.Subdomain | None = None

    @field_validator("secret_name", "cluster_issuer", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        # The predecessor's chart had empty strings as defaults here.
        return value or None


class Gateway(Section):
    """`ingress.gateway`: the Gateway that an HTTPRoute attaches to."""

    name: fields.Subdomain
    namespace: fields.Label | None = None
    section_name: fields.Subdomain | None = None


class Ingress(Section):
    """`ingress`: how browsers reach the workspace; `gateway` makes it an HTTPRoute.

    An empty `className` leaves the choice to the cluster's default class.
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
    """`resources` of the `ide` container, Kubernetes quantities."""

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
    """`build`: container builds in the workspace."""

    mode: Literal["none", "buildkit", "dind", "kaniko"] = "none"
    kaniko_image: fields.ImageReference | None = None
    push_secret_name: fields.Subdomain | None = None
    default_destination_repo: fields.Repository | None = None

    @field_validator("kaniko_image", "push_secret_name", "default_destination_repo", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None


class Claude(Section):
    """`claude`: what the Task API may ask of Claude Code."""

    allowed_permission_modes: fields.PermissionModes = ("default", "acceptEdits", "plan")
    max_tasks: int | None = Field(default=None, ge=1)


class GithubApp(Section):
    """`github.app`: how far the installation token reaches (its keys are secrets)."""

    repositories: tuple[str, ...] = ()
    permissions: dict[str, fields.AccessLevel] = {}


class Github(Section):
    """`github`: repository access."""

    app: GithubApp = GithubApp()


class Api(Section):
    """`api`: the Task API; raising `generation` makes a new admin token."""

    generation: int = Field(default=1, ge=1)


class NetworkPolicy(Section):
    """`networkPolicy`: what may reach the pod and what the pod may reach."""

    ingress_from: tuple[fields.Peer, ...] = ()
    allow_egress: tuple[fields.EgressRule, ...] = ()
    deny_egress_cidrs: tuple[fields.Cidr, ...] = Field(default=(), alias="denyEgressCIDRs")


class Quota(Section):
    """`quota`: a ResourceQuota; needs a namespace of the user's own."""

    hard: fields.QuotaAmounts


class LetsEncrypt(Section):
    """`letsEncrypt`: makes a ClusterIssuer when cert-manager is there."""

    email: fields.Email


class Patch(Section):
    """`patches[]`: changes one rendered object (RFC 7386; lists of named objects merge by name)."""

    kind: str = Field(min_length=1)
    name: str | None = None
    merge: fields.Merge


class UserFile(Section):
    """Everything that `users/<name>.yaml` and `_defaults.yaml` together say.

    `domain` gives `<name>.<domain>` to users without a host; `fleetId`, `context`, `domain` and `letsEncrypt` are the
    fleet's own and stand only in `_defaults.yaml`.
    """

    fleet_id: fields.Label
    context: str | None = None
    domain: fields.Host | None = None
    namespace: fields.Namespace = "coder"
    user: Person
    image: Image
    images: Images = Images()
    ingress: Ingress = Ingress()
    oauth2: OAuth2 = Field(alias="oauth2")
    resources: Resources = Resources()
    build: Build = Build()
    claude: Claude = Claude()
    github: Github = Github()
    api: Api = Api()
    network_policy: NetworkPolicy = NetworkPolicy()
    quota: Quota | None = None
    lets_encrypt: LetsEncrypt | None = None
    node_selector: fields.Labels = {}
    tolerations: tuple[fields.Toleration, ...] = ()
    affinity: fields.Affinity = {}
    pod_annotations: fields.Annotations = {}
    patches: tuple[Patch, ...] = ()

    @property
    def name(self) -> str:
        """The user's name, which is the workspace's too."""
        return self.user.name
