"""Secrets of a workspace that are made from the fleet's cookie secret, and digests that give none away."""

from __future__ import annotations

import base64
import hashlib
import hmac

from kubecoder.models.manifest import canonical_json
from kubecoder.models.sections import OAuth2

COOKIE_KEY_LENGTH = 32  # oauth2-proxy takes 16, 24 or 32 bytes


def door_cookie_key(cookie_secret: str, host: str, admitted: OAuth2) -> str:
    """Derive the key that signs the sessions of one host and one allow-list.

    So a cookie of one workspace is worth nothing at another, and a change of the allow-list ends all sessions.
    """
    users = sorted(set(admitted.github_users))
    return _derive(cookie_secret, ["door", host, users, admitted.github_org, admitted.github_team])[:COOKIE_KEY_LENGTH]


def admin_token(cookie_secret: str, host: str, generation: int) -> str:
    """Derive the token with which the admin calls a workspace's Task API (decision 24)."""
    return _derive(cookie_secret, ["api", host, generation])


def fingerprint(secret: str, purpose: str) -> str:
    """Return 32 hex digits that change when a secret does and can't be compared across purposes."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()[:32]


def _derive(cookie_secret: str, message: list[object]) -> str:
    key = hmac.new(cookie_secret.encode(), canonical_json(message), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(key).decode().rstrip("=")
