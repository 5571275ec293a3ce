"""Show objects without the values of Secrets: equal values get equal marks, and nothing else can be told."""

from __future__ import annotations

import copy
import hashlib
import hmac
import secrets
from typing import Any

from kubecoder.models.manifest import Manifest

# A key for each process: marks of one run can be compared with each other, and with nothing else.
_KEY = secrets.token_bytes(32)
_SERVER_FIELDS = ("managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink")


def presentable(manifest: Manifest) -> Manifest:
    """Return a copy for people: no server bookkeeping, no status, Secret values as marks."""
    shown = copy.deepcopy(manifest)
    shown.pop("status", None)
    for name in _SERVER_FIELDS:
        shown["metadata"].pop(name, None)
    if shown["kind"] == "Secret":
        for part in ("data", "stringData"):
            if shown.get(part):
                shown[part] = {key: _mark(value) for key, value in shown[part].items()}
    return shown


def _mark(value: Any) -> str:
    return f"<secret {hmac.new(_KEY, str(value).encode(), hashlib.sha256).hexdigest()[:8]}>"
