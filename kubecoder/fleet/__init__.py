"""The fleet's files: `users/` and `secrets/`, read, checked as a whole, written."""

from kubecoder.fleet.fleet import Fleet, Workspace
from kubecoder.fleet.loader import load

__all__ = ["Fleet", "Workspace", "load"]
