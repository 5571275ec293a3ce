"""The server in each workspace."""

__version__ = "0.1.0"
