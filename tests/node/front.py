"""Workspaces as a person comes to them: by TLS through an ingress controller, signed in at GitHub's stand-in."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from kubecoder.cluster import Cluster
from tests.node.doors import lead_to
from tests.node.model import ENVIRONMENT, start_model
from tests.rigs import chromium
from tests.rigs.certificates import Authority
from tests.rigs.cli import DOMAIN, Cli
from tests.rigs.github import Account, GithubServer, StubGithub
from tests.rigs.images import FULL_TAG, workspace_defaults
from tests.rigs.node import Node, traefik
from tests.rigs.raw_http import TlsAddress, send
from tests.rigs.waiting import wait_until

# Who comes through the Ingress, and who through the Gateway's HTTPRoute.
BY_INGRESS = "alice"
BY_HTTPROUTE = "carol"
MILLISECONDS = 30_000
SIZE: ViewportSize = {"width": 1280, "height": 800}
expect.set_options(timeout=MILLISECONDS)
DEFAULTS: Mapping[str, Any] = {
    **workspace_defaults(FULL_TAG),
    # VS Code, Firefox and Claude at once.
    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "3Gi"}},
    "user": {"env": ENVIRONMENT},
}
INGRESSES: Mapping[str, Any] = {
    BY_INGRESS: {"className": traefik.INGRESS_CLASS, "tls": {"secretName": traefik.CERTIFICATE}},
    BY_HTTPROUTE: {
        "gateway": {"name": traefik.GATEWAY, "namespace": traefik.GATEWAY_NAMESPACE, "sectionName": "https"}
    },
}


@dataclass(frozen=True)
class Workspace:
    """A workspace that runs, seen from outside and from inside.

    Attributes:
        cli: `kubecoder` with its fleet.
        name: Of its user.
        github: Where its door signs people in.
    """

    cli: Cli
    name: str
    github: StubGithub

    @property
    def host(self) -> str:
        return f"{self.name}.{DOMAIN}"

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    @property
    def account(self) -> Account:
        """Its user's account on GitHub."""
        return Account(f"{self.name}-gh")

    def shell(self, script: str, *, container: str = "ide") -> str:
        """Run a script of bash in the pod and return what it prints."""
        argv = ("shell", self.name, "-c", container, "--", "bash", "-c", script)
        return self.cli.run(*argv, seconds=300).expect().stdout.strip()

    def sign_in(self, page: Page, account: Account | None = None) -> None:
        """Open the workspace's address and choose an account at GitHub, by default its user's."""
        account = account or self.account
        self.github.at_the_browser = account
        page.goto(f"{self.origin}/")
        page.get_by_role("link", name=f"Continue as {account.login}").click()

    def signed_in(self, page: Page) -> Page:
        """Sign its user in and wait for the dashboard."""
        self.sign_in(page)
        expect(page.locator("#workspace")).to_have_text(self.name)
        return page

    def picture(self, page: Page, name: str) -> None:
        """Keep a screenshot when KUBECODER_SCREENSHOTS names a folder."""
        folder = os.environ.get("KUBECODER_SCREENSHOTS")
        if folder:
            page.screenshot(path=Path(folder) / f"{self.name}-{name}.png", full_page=True)


@dataclass(frozen=True)
class Front:
    """Two workspaces behind an ingress controller.

    Attributes:
        address: Of the ingress controller.
        authority: Signed its certificate.
        public_key: Of that certificate, as Chromium names keys.
        workspaces: By the name of the user.
    """

    address: str
    authority: Authority
    public_key: str
    workspaces: Mapping[str, Workspace]

    @contextlib.contextmanager
    def browser(self) -> Iterator[Browser]:
        """Run Chromium, which finds the workspaces' names and trusts their certificate and no other one of ours."""
        rules = f"MAP *.{DOMAIN} {self.address}:{traefik.PORT}"
        with chromium.browser(
            f"--host-resolver-rules={rules}", f"--ignore-certificate-errors-spki-list={self.public_key}"
        ) as browser:
            yield browser

    @staticmethod
    @contextlib.contextmanager
    def visitor(browser: Browser) -> Iterator[BrowserContext]:
        """Somebody's browser that has never been here, until the end of the block."""
        context = browser.new_context(viewport=SIZE)
        context.set_default_timeout(MILLISECONDS)
        try:
            yield context
        finally:
            context.close()

    def target(self, workspace: Workspace) -> TlsAddress:
        """Return where a program finds a workspace, for requests of its own; it checks the certificate."""
        trust = ssl.create_default_context(cafile=str(self.authority.certificate_file))
        return TlsAddress(f"{self.address}:{traefik.PORT}", workspace.host, trust)


@contextlib.contextmanager
def running_front(node: Node, cluster: Cluster, cli: Cli, directory: Path) -> Iterator[Front]:
    """Start the ingress controller and deploy the two users of a fleet that has `DEFAULTS`."""
    authority = Authority(directory)
    certificate = authority.issue("wildcard", f"*.{DOMAIN}")
    traefik.start(node, cluster, DOMAIN, certificate)
    with GithubServer(StubGithub(asks=True), address=node.sandbox.host_address) as server:
        fleet = Path(cli.environment["KUBECODER_FLEET"])
        lead_to(server, fleet)
        for name, ingress in INGRESSES.items():
            _publish(fleet / "users" / f"{name}.yaml", ingress)
        cli.run("deploy", "--all", "--timeout", "240", seconds=300).expect()
        namespace = yaml.safe_load((fleet / "users" / "_defaults.yaml").read_text())["namespace"]
        cluster.apply(traefik.certificate_secret(namespace, certificate))
        front = Front(
            node.sandbox.address,
            authority,
            _key_name(certificate[0]),
            {name: Workspace(cli, name, server.github) for name in INGRESSES},
        )
        for workspace in front.workspaces.values():
            start_model(cli, workspace.name)
            wait_until(partial(is_open, front, workspace), what=f"the way to {workspace.host}", seconds=60)
        yield front


def is_open(front: Front, workspace: Workspace) -> bool:
    """Tell whether the door answers behind the ingress controller, by a certificate that is trusted."""
    with contextlib.suppress(OSError):
        return send(front.target(workspace), "GET", "/ping", host=workspace.host).status == 200
    return False


def _publish(user_file: Path, ingress: Mapping[str, Any]) -> None:
    document = yaml.safe_load(user_file.read_text())
    user_file.write_text(yaml.safe_dump({**document, "ingress": ingress}, sort_keys=False))


def _key_name(certificate: Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()
