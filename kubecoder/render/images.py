"""The pinned images of containers that don't run the workspace's own image."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PINNED: Mapping[str, str] = MappingProxyType(
    {
        "buildkit": "moby/buildkit:v0.34.2-rootless",
        "dind": "docker:29.9.3-dind",
        # The last one of its maker: the project is archived.
        "kaniko": "gcr.io/kaniko-project/executor:v1.24.0",
    }
)
