"""Fleets without files, for tests of what reads a fleet that is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubecoder.fleet import Fleet, Workspace
from kubecoder.models.secrets import Secrets
from kubecoder.models.user import UserFile
from tests.objects import FLEET


def user(name: str = "john", *, namespace: str = "coder", fleet_id: str = FLEET, **settings: Any) -> UserFile:
    """A valid user file; settings are its camelCase keys, merged one level deep."""
    document: dict[str, Any] = {
        "fleetId": fleet_id,
        "namespace": namespace,
        "user": {"name": name, "host": f"{name}.dev.example.com"},
        "image": {"tag": "1"},
        "oauth2": {"githubUsers": [f"{name}-gh"]},
    }
    for key, value in settings.items():
        known = document.get(key)
        document[key] = {**known, **value} if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return UserFile.model_validate(document)


def fleet(*users: UserFile, namespace: str = "coder", fleet_id: str = FLEET) -> Fleet:
    """A fleet of these users."""
    return Fleet(
        directory=Path("fleet"),
        fleet_id=fleet_id,
        namespace=namespace,
        context=None,
        workspaces=tuple(
            Workspace(user=entry, secrets=Secrets(), file=Path(f"users/{entry.name}.yaml"), input_digest="")
            for entry in sorted(users, key=lambda entry: entry.name)
        ),
    )
