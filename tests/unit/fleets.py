"""Small fleets on disk for tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kubecoder.errors import ConfigError

COOKIE_SECRET = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7-_cF0"
CLIENT_SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"
API_KEY = "sk-ant-api03-abcDEF123456"

DEFAULTS = """\
fleetId: fleet
domain: dev.company.com
image:
  tag: "0.1.0"
"""
OAUTH2 = f"""\
oauth2:
  clientId: Ov23liAbCdEf
  clientSecret: {CLIENT_SECRET}
  cookieSecret: {COOKIE_SECRET}
"""


def user(name: str, more: str = "") -> str:
    """Return a valid user file, with more lines below it."""
    return f"user:\n  name: {name}\noauth2:\n  githubUsers: {name}\n{more}"


class FleetFolder:
    """A valid fleet in a folder, to be broken file by file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("users/_defaults.yaml", DEFAULTS)
        self.write("secrets/_defaults/oauth2.yaml", OAUTH2)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file; secrets get the mode that they need."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600 if name.startswith("secrets/") else 0o644)
        return path

    def add(self, *names: str) -> FleetFolder:
        """Add users who say nothing but who they are."""
        for name in names:
            self.write(f"users/{name}.yaml", user(name))
        return self


def refusal(act: Callable[[], object]) -> ConfigError | None:
    """Return the error that says what is wrong with the files; None if nothing is."""
    try:
        act()
    except ConfigError as error:
        return error
    return None


@lru_cache
def rsa_key(password: str = "") -> str:
    """Make a private key as GitHub gives one for an App."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048), password)


@lru_cache
def elliptic_key() -> str:
    """Make a private key of a kind that GitHub doesn't use."""
    return _pem(ec.generate_private_key(ec.SECP256R1()), "")


def github_app(key: str) -> str:
    """Return a secrets file with a GitHub App."""
    lines = "".join(f"      {line}\n" for line in key.splitlines())
    return f'github:\n  app:\n    appId: 1234567\n    installationId: "12345678"\n    privateKey: |\n{lines}'


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()
