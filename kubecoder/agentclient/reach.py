"""The ways to an agent: an address with a token, the port of a pod, the workspace of this machine."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from kubecoder.cluster import Cluster
from kubecoder.cluster.exec import Target
from kubecoder.cluster.pods import Place, find_running
from kubecoder.cluster.portforward import Forward
from kubecoder.errors import AgentUnreachableError, ConfigError, KubecoderError, NotFoundError
from kubecoder.models.manifest import ObjectRef

API_PORT = 6090
TOKEN_KEY = "admin-token"  # noqa: S105 - the name of a key, not a secret
API_PATH = "/api/claude"
LOCAL = "local"
"""What `-u` calls the workspace of this machine."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an agent listens, and the token that it takes.

    Attributes:
        url: Scheme and authority, perhaps with a path before `/api`.
        is_loopback: Whether the connection stays on this machine, so that no proxy may see it.
    """

    url: str
    token: str = field(repr=False)
    is_loopback: bool


class Reach(Protocol):
    """A way to one agent; safe to use from several threads.

    Attributes:
        name: What the user calls the workspace.
    """

    name: str

    def endpoint(self, failed: Endpoint | None = None) -> Endpoint:
        """Return where the agent is.

        Args:
            failed: An earlier one that didn't answer or refused the token; makes this look anew.

        Raises:
            KubecoderError: There is no way at the moment.
        """
        ...

    def explain(self) -> KubecoderError | None:
        """Return why the last connection failed, where this knows more than the connection itself."""
        ...

    def close(self) -> None:
        """Give up what is open."""
        ...


class UrlReach:
    """An agent behind its public address, or behind a forwarded port.

    Args:
        url: `https://` and the workspace's host; plain HTTP only to the loopback.
        token: A bearer token of the workspace.

    Raises:
        ConfigError: The address isn't one that a token may be sent to, or the token can't be one.
    """

    def __init__(self, url: str, token: str) -> None:
        checked, is_loopback = _checked_url(url)
        self.name = urlsplit(checked).netloc
        self._endpoint = Endpoint(checked, _checked_token(token, "KUBECODER_TOKEN"), is_loopback)

    def endpoint(self, failed: Endpoint | None = None) -> Endpoint:  # noqa: ARG002 - it never changes
        """Return the address as it was given."""
        return self._endpoint

    def explain(self) -> None:
        """Know no more than the connection."""

    def close(self) -> None:
        """Hold nothing open."""


class PodReach:
    """The agent of a workspace's pod, by port-forward: no DNS, certificate or policy is in the way.

    Args:
        cluster: Where the pod is.
        place: The workspace.

    Attributes:
        cluster: The same.
    """

    def __init__(self, cluster: Cluster, place: Place) -> None:
        self.name = place.name
        self.cluster = cluster
        self._place = place
        self._lock = threading.Lock()
        self._pod = ""
        self._forward: Forward | None = None
        self._endpoint: Endpoint | None = None
        self._error: KubecoderError | None = None

    def endpoint(self, failed: Endpoint | None = None) -> Endpoint:
        """Find the pod and its token; another thread may have done so already.

        Raises:
            NotFoundError: The workspace isn't deployed, or has no token.
            NoPodError: It has no pod that runs.
            ClusterError: The cluster can't be asked.
        """
        with self._lock:
            if self._endpoint is None or self._endpoint is failed:
                self._endpoint = self._look()
            return self._endpoint

    def target(self) -> Target:
        """Return the container that the agent runs in.

        Raises:
            NoPodError: As `endpoint`.
        """
        pod, container = find_running(self.cluster, self._place)
        return Target(self._place.namespace, pod["metadata"]["name"], container)

    def explain(self) -> KubecoderError | None:
        """Return why the port couldn't be forwarded."""
        return self._error

    def close(self) -> None:
        """Stop forwarding."""
        with self._lock:
            if self._forward is not None:
                self._forward.close()
            self._forward = self._endpoint = None
            self._pod = ""

    def _look(self) -> Endpoint:
        self._error = None
        target = self.target()
        if self._forward is None or target.pod != self._pod:
            if self._forward is not None:
                self._forward.close()
            self._forward = Forward(self.cluster, target.namespace, target.pod, API_PORT, on_error=self._note)
            self._pod = target.pod
        return Endpoint(f"http://127.0.0.1:{self._forward.port}", self._token(), is_loopback=True)

    def _token(self) -> str:
        ref = ObjectRef("v1", "Secret", self._place.namespace, f"ws-{self._place.name}-api")
        secret = self.cluster.find(ref)
        encoded = ((secret or {}).get("data") or {}).get(TOKEN_KEY, "")
        if not encoded:
            raise NotFoundError(f"{ref} holds no token", hint=f"kubecoder deploy {self._place.name}")
        return _checked_token(base64.b64decode(encoded).decode("latin-1"), str(ref))

    def _note(self, error: KubecoderError) -> None:
        self._error = error


class LocalReach:
    """The agent that `kubecoder local up` runs on this machine.

    Args:
        file: What it wrote about itself: `url`, `token_file` and `tmux_socket`.
    """

    name = LOCAL

    def __init__(self, file: Path) -> None:
        self._file = file

    def endpoint(self, failed: Endpoint | None = None) -> Endpoint:  # noqa: ARG002 - the file is read each time
        """Read where the agent is; it may have been started again meanwhile.

        Raises:
            AgentUnreachableError: No local workspace is up.
        """
        facts = self._facts()
        url, is_loopback = _checked_url(facts["url"])
        if not is_loopback:
            raise ConfigError(f"{self._file}: {url} isn't on this machine", hint="kubecoder local up writes it anew")
        try:
            token = Path(facts["token_file"]).read_text(encoding="latin-1")
        except OSError as error:
            raise _not_up(f"its token can't be read ({error.strerror})") from error
        return Endpoint(url, _checked_token(token, facts["token_file"]), is_loopback)

    @property
    def tmux_socket(self) -> Path:
        """The tmux server of the tasks.

        Raises:
            AgentUnreachableError: No local workspace is up.
        """
        return Path(self._facts()["tmux_socket"])

    def explain(self) -> KubecoderError:
        """Say what starts it."""
        return _not_up("it doesn't answer")

    def close(self) -> None:
        """Hold nothing open."""

    def _facts(self) -> dict[str, str]:
        try:
            document = json.loads(self._file.read_bytes())
            return {key: str(document[key]) for key in ("url", "token_file", "tmux_socket")}
        except FileNotFoundError:
            raise _not_up("there is none") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _not_up(f"{self._file} can't be read ({type(error).__name__})") from error


def local_workspace_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file in which the local workspace says where it is; it is there while the workspace is up."""
    data = environment.get("XDG_DATA_HOME", "")
    folder = Path(data) if data.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".local" / "share"
    return folder / "kubecoder" / "local" / "workspace.json"


def _not_up(reason: str) -> AgentUnreachableError:
    return AgentUnreachableError(f"no local workspace is up: {reason}", hint="kubecoder local up")


def _checked_url(url: str) -> tuple[str, bool]:
    """Return the address without a trailing path of ours, and whether it stays on this machine."""
    cleaned = url.strip().rstrip("/").removesuffix(API_PATH)
    try:
        parts = urlsplit(cleaned)
        host, _url = parts.hostname or "", httpx.URL(cleaned)
    except (ValueError, httpx.InvalidURL):
        host = ""
    if not host or parts.scheme not in ("https", "http") or parts.query or parts.fragment:
        raise ConfigError(f"{_shown(url)} isn't a workspace's address", hint="such as https://john.dev.company.com")
    if "@" in parts.netloc:
        raise ConfigError("a workspace's address holds no user or password", hint="the token goes to KUBECODER_TOKEN")
    is_loopback = _is_loopback(host)
    if parts.scheme == "http" and not is_loopback:
        raise ConfigError(f"{cleaned} would carry the token in the clear", hint=f"https://{parts.netloc}")
    return cleaned, is_loopback


def _shown(url: str) -> str:
    """Show an address that isn't one; what may be a password stays out."""
    return repr(url) if len(url) < 200 and "@" not in url else "the value of KUBECODER_URL"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_token(token: str, where: str) -> str:
    """Return a token that can be sent in a header; the errors of the HTTP library would show any other."""
    stripped = token.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise ConfigError(f"{where} holds no usable token", hint="it is one line of letters, digits, - and _")
    return stripped
