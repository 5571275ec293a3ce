"""What one run of the command line was told: the fleet's folder, the kubeconfig, the context."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options, each from the command line or else from its environment variable.

    Attributes:
        fleet_dir: The folder that holds `users/` and `secrets/`.
        kubeconfig: A kubeconfig file, or several joined as in `KUBECONFIG`; None means kubectl's default.
        context: The kubeconfig context; None leaves it to the fleet's files, then to the kubeconfig.
        verbose: 1 logs API requests, 2 or more also their bodies with secrets masked.
    """

    fleet_dir: Path = Path()
    kubeconfig: str | None = None
    context: str | None = None
    verbose: int = 0
