"""What `kubecoder init` writes: a fleet that can deploy as soon as it has a user."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubecoder import __version__
from kubecoder.errors import ConfigError, UsageError
from kubecoder.fleet import documents, new_secrets, schema, sources, writing
from kubecoder.fleet.secret_files import OAUTH2
from kubecoder.fleet.sources import DEFAULTS, SECRETS, USERS
from kubecoder.fleet.writing import Action, Change
from kubecoder.models import fields, names
from kubecoder.models.faults import InvalidValueError

IGNORED = f"/{SECRETS}/*"
_IGNORES_SECRETS = {IGNORED, f"/{SECRETS}/", f"{SECRETS}/", f"/{SECRETS}", SECRETS, f"{SECRETS}/*"}
_DEFAULTS = """\
# yaml-language-server: $schema=schema.json
# Lies below every user's file: maps merge, lists replace, user.env merges by name, null takes a value away.

# Marks this fleet's objects in the cluster. Keep it as long as workspaces are deployed.
fleetId: {fleet_id}
namespace: {namespace}
{domain}
# Changing the tag restarts every workspace at its next deploy.
image:
  repository: kubecoder/workspace
  tag: {tag}
{lets_encrypt}"""
_DOMAIN = """
# A user without a host of its own answers at <name>.<domain>.
domain: {domain}
"""
_LETS_ENCRYPT = """
# Certificates by Let's Encrypt, through cert-manager.
letsEncrypt:
  email: {email}
"""


def changes(
    directory: Path, *, namespace: str, domain: str | None, email: str | None, client: Mapping[str, str]
) -> list[Change]:
    """Plan the files of a new fleet; files that are there keep everything they say.

    Args:
        directory: The fleet's folder, which needn't exist.
        namespace: Where workspaces go by default.
        domain: Gives users without a host `<name>.<domain>`.
        email: For Let's Encrypt.
        client: `clientId` and `clientSecret` of the GitHub OAuth App, as far as they are known.

    Raises:
        UsageError: A value is invalid, or a file says something else already.
        ConfigError: A file that is there can't be read.
    """
    _check(namespace, domain, email)
    try:
        return [
            _gitignore(directory / ".gitignore"),
            _oauth2(directory, client),
            _schema(directory / USERS / schema.FILE),
            _defaults(sources.user_file(directory, DEFAULTS), namespace, domain, email),
        ]
    except OSError as error:
        raise ConfigError(f"{error.filename} can't be read: {error.strerror}") from error


def _oauth2(directory: Path, client: Mapping[str, str]) -> Change:
    has_cookie_secret = "cookieSecret" in new_secrets.known(directory, DEFAULTS, OAUTH2)
    made = {} if has_cookie_secret else {"cookieSecret": new_secrets.new_cookie_secret()}
    return new_secrets.change(directory, DEFAULTS, OAUTH2, {**client, **made})


def _check(namespace: str, domain: str | None, email: str | None) -> None:
    checks = (("--namespace", names.check_namespace, namespace), ("--domain", names.check_host, domain))
    for option, check, value in (*checks, ("--email", fields.check_email, email)):
        try:
            if value is not None:
                check(value)
        except InvalidValueError as error:
            raise UsageError(f"{option}: {error}", hint=error.faults[0].advice or None) from error


def _defaults(path: Path, namespace: str, domain: str | None, email: str | None) -> Change:
    if path.exists():
        given: dict[str, Any] = {"domain": domain} if domain else {}
        return _filled(path, given | ({"letsEncrypt": {"email": email}} if email else {}))
    text = _DEFAULTS.format(
        # A letter in front, or YAML would read some ids as numbers.
        fleet_id=f"f{secrets.token_hex(4)}",
        namespace=namespace,
        domain=_DOMAIN.format(domain=domain) if domain else "",
        tag=json.dumps(__version__),
        lets_encrypt=_LETS_ENCRYPT.format(email=json.dumps(email)) if email else "",
    )
    return Change(path, Action.created, text)


def _filled(path: Path, given: Mapping[str, Any]) -> Change:
    document = documents.read(path)
    for key, value in given.items():
        if document.data.get(key, value) != value:
            raise UsageError(f"{path} has another {key}", hint="edit the file")
    added = {key: value for key, value in given.items() if key not in document.data}
    if not added:
        return Change(path, Action.unchanged)
    return Change(path, Action.changed, writing.with_values(document, (), added))


def _schema(path: Path) -> Change:
    text = schema.text()
    if not path.exists():
        return Change(path, Action.created, text)
    return Change(path, Action.unchanged if path.read_bytes() == text.encode() else Action.changed, text)


def _gitignore(path: Path) -> Change:
    text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    if any(line.strip() in _IGNORES_SECRETS for line in text.splitlines()):
        return Change(path, Action.unchanged)
    newline = "" if not text or text.endswith("\n") else "\n"
    return Change(path, Action.changed if path.exists() else Action.created, f"{text}{newline}{IGNORED}\n")
