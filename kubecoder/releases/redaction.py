"""Manifests as they may be recorded: no Secret value, only a keyed digest that tells whether it has changed.

Whoever can read a record can read the Secrets beside it, so what is protected is what isn't there any more (a rotated
key, a database password) and copies of the record that travel (backups, bug reports). A plain digest of a short
password is found by trying all of them, and a salt kept in the record would hinder nobody. So the digests are keyed
with something that no object in the cluster holds: a key derived from the fleet's cookie secret, which itself stays in
the admin's files. Where there is no such key, nothing at all is told about the value.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from kubecoder.models.manifest import Manifest, canonical_json, digest

MARK = "redacted"
_VALUES = ("data", "stringData")


def derive_key(secret: bytes) -> bytes:
    """Derive the key of these digests from a secret that never enters the cluster, such as the cookie secret."""
    return hmac.new(secret, b"kubecoder release record: digests of secret values, v1", hashlib.sha256).digest()


def redact(manifest: Manifest, key: bytes) -> Manifest:
    """Replace the values of a Secret; other kinds are returned as they are.

    Args:
        manifest: One rendered object.
        key: From `derive_key`; empty leaves the digests out.
    """
    if manifest["kind"] != "Secret":
        return manifest
    redacted = dict(manifest)
    for part in _VALUES:
        if manifest.get(part):
            redacted[part] = {name: _mark(manifest, name, value, key) for name, value in manifest[part].items()}
    return redacted


def is_redacted(manifest: Manifest) -> bool:
    """Whether a manifest holds no Secret value."""
    if manifest["kind"] != "Secret":
        return True
    values = (value for part in _VALUES for value in (manifest.get(part) or {}).values())
    return all(isinstance(value, str) and (value == MARK or value.startswith(f"{MARK}:")) for value in values)


def manifest_digest(manifest: Manifest, key: bytes) -> str:
    """Digest one rendered object for the inventory; a Secret's values enter it by their keyed digests only.

    Raises:
        ValueError: A Secret without a key; its changes would go unnoticed.
    """
    if manifest["kind"] == "Secret" and not key:
        raise ValueError("the digest of a Secret needs a key")
    return digest(redact(manifest, key))


def content_digest(manifests: Iterable[Manifest]) -> str:
    """Digest what a rollback to these manifests would bring back: everything except Secret values."""
    return digest([redact(manifest, b"") for manifest in manifests])


def _mark(manifest: Manifest, name: str, value: object, key: bytes) -> str:
    if not key:
        return MARK
    metadata = manifest["metadata"]
    # Its place goes into the digest, so that equal values in two places can't be told.
    place = [metadata.get("namespace", ""), metadata["name"], name, value]
    return f"{MARK}:{hmac.new(key, canonical_json(place), hashlib.sha256).hexdigest()[:32]}"
