"""A real node: kubelet, containerd, runc and a bridge network, in namespaces of its own."""

from __future__ import annotations

from tests.rigs.node.node import Node

__all__ = ["Node"]
