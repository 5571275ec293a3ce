"""Where the cluster is and who we are there: a context of the kubeconfig, or the service account of a pod."""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from kubecoder.cluster import kubeconfig as kubeconfigs
from kubecoder.cluster import official
from kubecoder.cluster.official import Fill
from kubecoder.errors import ConfigError

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HEADER_SECONDS = 10.0
"""The official client decides at each use whether a token must be refreshed; we ask it this often."""

Headers: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach the API server.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        tls: None for plain HTTP.
        server_name: What the server's certificate must be valid for.
        proxy: URL of an HTTP proxy, or None.
        base_path: Path before `/api`, which some gateways need; empty or starts with a slash.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    server_name: str
    proxy: str | None
    base_path: str


class Access:
    """A way into one cluster, with its credentials.

    Args:
        fill: Loads the credentials; called again when the server refuses them.
        context: The context's name.
        user: Who we are, as the kubeconfig calls it.
        namespace: The default namespace.
        impersonate: Headers for `as` and `as-groups`.

    Attributes:
        server: Base URL of the API server.
        address: How to reach it; replaced when the credentials are loaded again.
        generation: How often the credentials were loaded.

    Raises:
        ConfigError: The credentials can't be loaded.
    """

    def __init__(
        self, fill: Fill, *, context: str, user: str, namespace: str, impersonate: Headers | None = None
    ) -> None:
        self.context = context
        self.user = user
        self.namespace = namespace
        self._fill = fill
        self._impersonate = impersonate or []
        self.generation = 0
        self._lock = threading.Lock()
        self._load()

    def _load(self) -> None:
        self._configuration, tls = official.load(self._fill)
        self.server: str = self._configuration.host
        self.address = _address(self._configuration, tls)
        self._header: str | None = None
        self._header_until = 0.0
        self.generation += 1

    def headers(self) -> Headers:
        """Give the headers that say who we are.

        Raises:
            ConfigError: The credentials had to be renewed, and that failed.
        """
        with self._lock:
            now = time.monotonic()
            if now >= self._header_until:
                self._header = official.authorization(self._configuration)
                self._header_until = now + HEADER_SECONDS
            authorization = [("Authorization", self._header)] if self._header else []
            return authorization + self._impersonate

    def renew(self, refused: int) -> None:
        """Read the credentials again, after the server refused them.

        Args:
            refused: The generation of the refused ones; when another thread has renewed them, nothing happens.

        Raises:
            ConfigError: They can't be loaded any more.
        """
        with self._lock:
            if self.generation == refused:
                self._load()


def load(kubeconfig: str | None = None, context: str | None = None) -> Access:
    """Find the cluster: the kubeconfig, else the service account when this runs in a pod.

    Args:
        kubeconfig: Paths separated as in `PATH`; None means `KUBECONFIG`, else `~/.kube/config`.
        context: None means the current one.

    Raises:
        ConfigError: There is no usable kubeconfig; names the file and the key.
    """
    found = kubeconfigs.paths(kubeconfig)
    if not found:
        return _in_cluster()
    selected = kubeconfigs.select(found, context)
    source = os.pathsep.join(str(path.absolute()) for path in found)

    def fill(loader: Any, configuration: Configuration, scratch: str) -> None:
        loader.load_kube_config(source, selected.context, configuration, temp_file_path=scratch)
        if not selected.has_proxy:
            configuration.proxy = _proxy(configuration)

    return Access(
        fill,
        context=selected.context,
        user=selected.user_name,
        namespace=selected.namespace,
        impersonate=_impersonation(selected.user),
    )


def _in_cluster() -> Access:
    if not (os.environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").is_file()):
        raise ConfigError(
            "there is no kubeconfig", hint=f"put it at {kubeconfigs.DEFAULT_PATH}, or use --kubeconfig or KUBECONFIG"
        )

    def fill(loader: Any, configuration: Configuration, _: str) -> None:
        loader.load_incluster_config(configuration)
        configuration.proxy = _proxy(configuration)

    namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    return Access(fill, context="in-cluster", user="service-account", namespace=namespace or "default")


def _impersonation(user: Mapping[str, Any]) -> Headers:
    headers = [("Impersonate-User", str(user["as"]))] if user.get("as") else []
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    return headers + ([("Impersonate-Uid", str(user["as-uid"]))] if user.get("as-uid") else [])


def _address(configuration: Configuration, tls: ssl.SSLContext | None) -> Address:
    parts = urlsplit(configuration.host)
    host = parts.hostname or ""
    port = parts.port or (443 if tls else 80)
    name = configuration.tls_server_name or host
    return Address(host, port, tls, name, configuration.proxy, parts.path.rstrip("/"))


def _proxy(configuration: Configuration) -> str | None:
    """Give the environment's proxy, where it is meant for this server; as in kubectl, loopback needs none."""
    proxy: str | None = configuration.proxy
    host = urlsplit(configuration.host)
    name = host.hostname or ""
    if not proxy or name in ("localhost", "::1") or name.startswith("127."):
        return None
    bypass = proxy_bypass_environment(host.netloc, {"no": configuration.no_proxy or ""})
    return None if bypass else proxy
