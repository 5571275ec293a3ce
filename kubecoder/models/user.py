"""What a user file says, after `_defaults.yaml` was merged under it."""

from __future__ import annotations

from pydantic import Field

from kubecoder.models import fields
from kubecoder.models.sections import (
    Api,
    Build,
    Claude,
    Github,
    Image,
    Images,
    Ingress,
    LetsEncrypt,
    NetworkPolicy,
    OAuth2,
    Patch,
    Person,
    Quota,
    Resources,
    Section,
)


class UserFile(Section):
    """Everything that `users/<name>.yaml` and `_defaults.yaml` together say.

    `domain` gives `<name>.<domain>` to users without a host; `fleetId`, `context`, `domain` and `letsEncrypt` are the
    fleet's own and stand only in `_defaults.yaml`.

    Attributes:
        fleet_id: Marks the fleet's objects in the cluster; made by `init`. Only in `_defaults.yaml`.
        context: The kubeconfig context that the fleet is deployed to. Only in `_defaults.yaml`.
        domain: Makes `<name>.<domain>` the host of users without one. Only in `_defaults.yaml`.
        namespace: Where the workspace is; it can't change later, since the home can't move.
        node_selector: As in a pod.
        tolerations: As in a pod.
        affinity: As in a pod.
        pod_annotations: Further annotations of the pod.
        patches: The way out where a key is missing: changes to rendered objects.
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
    node_selector: fields.Labels = Field(default={})
    tolerations: tuple[fields.Toleration, ...] = ()
    affinity: fields.Affinity = Field(default={})
    pod_annotations: fields.Annotations = Field(default={})
    patches: tuple[Patch, ...] = ()

    @property
    def name(self) -> str:
        """The user's name, which is the workspace's too."""
        return self.user.name
