"""kubecoder: developer workspaces on Kubernetes and the Claude Code tasks in them."""

__version__ = "0.1.0"
