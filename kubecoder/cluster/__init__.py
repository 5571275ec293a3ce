"""The Kubernetes API: one thing to talk to (`Cluster`), and the kinds it knows."""

from kubecoder.cluster.api import Cluster
from kubecoder.cluster.kinds import Kind
from kubecoder.cluster.listing import Listing
from kubecoder.cluster.watch import Watch, WatchEvent

__all__ = ["Cluster", "Kind", "Listing", "Watch", "WatchEvent"]
