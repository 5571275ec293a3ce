"""A real etcd and kube-apiserver, without any node: 2.5 s to start, several side by side."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import secrets
import shutil
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.rigs import StartError, leftovers
from tests.rigs.binaries import component
from tests.rigs.processes import ProcessSet
from tests.rigs.waiting import wait_until

ADMIN = "admin"
PLAIN = "plain"
START_ATTEMPTS = 3
# Below Linux' ephemeral ports, so that no outgoing connection takes one between our look and our bind.
PORTS = range(20000, 32000)


@dataclass(frozen=True)
class Options:
    """How a control plane differs from the plain one.

    Attributes:
        address: The address that the API server serves and names in its certificate.
        prefix: Gives the argv put before each component when it starts, such as an `nsenter` into a namespace.
        authorization_mode: Kubernetes' authorizers, in order.
        users: Further users: name → groups. There are always `admin` (system:masters) and `plain` (no right at all).
        api_server: Further arguments of kube-apiserver.
        service_accounts: Require that a pod's service account exists, which needs a controller manager.
        controller_manager: Run kube-controller-manager too: quota, endpoints, deployments become real.
    """

    address: str = "127.0.0.1"
    prefix: Callable[[], Sequence[str]] = tuple
    authorization_mode: str = "RBAC"
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    api_server: Sequence[str] = ()
    service_accounts: bool = False
    controller_manager: bool = False


class RefusedError(OSError):
    """The API server answered with something else than a success."""

    def __init__(self, method: str, path: str, status: int, content: bytes) -> None:
        super().__init__(f"{method} {path}: {status} {content.decode(errors='replace')}")
        self.status = status


class ControlPlane:
    """A running API server; a context manager that ends what it started.

    Attributes:
        directory: Data, keys, logs and kubeconfig; removed at the end when it was ours.
        url: Of the API server.
        tokens: User name → bearer token.
        processes: etcd, kube-apiserver and whatever a caller adds.
    """

    def __init__(self, directory: Path | None = None, options: Options | None = None) -> None:
        self.options = options or Options()
        self._owns_directory = directory is None
        self.directory = directory or leftovers.new_directory("control-plane")
        self.processes = ProcessSet(self.directory / "logs")
        self.tokens = {name: secrets.token_hex(16) for name in self._groups()}
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://{self.options.address}:{self.port}"

    @property
    def token(self) -> str:
        """The admin's bearer token."""
        return self.tokens[ADMIN]

    @property
    def ca_file(self) -> Path:
        return self.directory / "certificates" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig with one context per user; `admin` is the current one."""
        return self.directory / "kubeconfig"

    def kubeconfig_of(self, user: str) -> Path:
        """Return a kubeconfig whose current context is that user's."""
        path = self.directory / f"kubeconfig-{user}"
        if not path.exists():
            self._write_kubeconfig(path, user)
        return path

    def start(self) -> Self:
        """Start everything and return once `/readyz` says ok.

        Raises:
            StartError: With the logs, after three attempts on other ports.
        """
        self._write_keys()
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._start_api_server()
                break
            except (StartError, TimeoutError) as error:
                logs = self.processes.log_tails() if isinstance(error, TimeoutError) else ""
                self.processes.stop()
                if attempt == START_ATTEMPTS:
                    self.stop()
                    raise StartError(f"the control plane didn't start: {error}\n{logs}") from error
                shutil.rmtree(self.directory / "etcd", ignore_errors=True)
            except BaseException:
                self.stop()
                raise
        self._write_kubeconfig(self.kubeconfig, ADMIN)
        if self.options.controller_manager:
            self.start_controller_manager()
        return self

    def stop(self) -> None:
        """End all processes, last started first, and remove the folder when it was ours."""
        self.processes.stop()
        if self._owns_directory and self.directory.exists():
            leftovers.remove(self.directory)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def is_ready(self) -> bool:
        """Ask `/readyz`; raises StartError when a process has ended meanwhile."""
        self.processes.check()
        try:
            return self.get("/readyz").strip() == b"ok"
        except (OSError, HTTPException):
            return False

    def get(self, path: str) -> bytes:
        """GET a path as the admin, without the product's client, which is what the tests are about."""
        return self.request("GET", path)

    def post(self, path: str, manifest: Mapping[str, object]) -> bytes:
        """POST an object as the admin."""
        return self.request("POST", path, json.dumps(manifest).encode())

    def create_namespace(self, name: str) -> None:
        """Make a namespace."""
        self.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send one request as the admin, on a connection of its own.

        Raises:
            RefusedError: The answer isn't a success.
            OSError: There is no answer.
        """
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPSConnection(self.options.address, self.port, context=trust, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        if not 200 <= answer.status < 300:
            raise RefusedError(method, path, answer.status, content)
        return content

    def start_controller_manager(self) -> None:
        """Start kube-controller-manager; only of use once the API server is ready."""
        self.processes.start(
            "kube-controller-manager",
            [
                *self.options.prefix(),
                *component("kube-controller-manager"),
                f"--kubeconfig={self.kubeconfig}",
                f"--service-account-private-key-file={self.directory}/service-accounts.key",
                f"--root-ca-file={self.ca_file}",
                "--use-service-account-credentials=false",
                "--leader-elect=false",
                "--secure-port=0",
                "--concurrent-deployment-syncs=10",
            ],
        )

    def _groups(self) -> dict[str, Sequence[str]]:
        return {ADMIN: ["system:masters"], PLAIN: [], **self.options.users}

    def _start_api_server(self) -> None:
        client, peer, self.port = free_ports(3)
        etcd_url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self.processes.start(
            "etcd",
            [
                *self.options.prefix(),
                *component("etcd"),
                f"--data-dir={self.directory}/etcd",
                "--unsafe-no-fsync",
                f"--listen-client-urls={etcd_url}",
                f"--advertise-client-urls={etcd_url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
                "--log-level=warn",
            ],
        )
        admission = [] if self.options.service_accounts else ["--disable-admission-plugins=ServiceAccount"]
        self.processes.start(
            "kube-apiserver",
            [
                *self.options.prefix(),
                *component("kube-apiserver"),
                f"--etcd-servers={etcd_url}",
                f"--secure-port={self.port}",
                f"--bind-address={self.options.address}",
                f"--advertise-address={self.options.address}",
                f"--cert-dir={self.ca_file.parent}",
                f"--service-account-key-file={self.directory}/service-accounts.key",
                f"--service-account-signing-key-file={self.directory}/service-accounts.key",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.96.0.0/16",
                f"--authorization-mode={self.options.authorization_mode}",
                f"--token-auth-file={self.directory}/tokens.csv",
                "--endpoint-reconciler-type=none",
                *admission,
                *self.options.api_server,
            ],
        )
        wait_until(self.is_ready, what="the API server's /readyz", seconds=60)

    def _write_keys(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        (self.directory / "service-accounts.key").write_bytes(pem)
        rows = [f'{self.tokens[name]},{name},{name},"{",".join(groups)}"' for name, groups in self._groups().items()]
        (self.directory / "tokens.csv").write_text("\n".join(rows) + "\n")

    def _write_kubeconfig(self, path: Path, current: str) -> None:
        ca_data = base64.b64encode(self.ca_file.read_bytes()).decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": current,
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority-data": ca_data}}],
            "users": [{"name": name, "user": {"token": token}} for name, token in self.tokens.items()],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name}} for name in self.tokens],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document, sort_keys=False))


def free_ports(count: int) -> list[int]:
    """Find free loopback ports; another process may still be faster, so a start tries again."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
