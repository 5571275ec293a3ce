"""What a machine needs to run a node, and how it gets it."""

from __future__ import annotations

import os
import sys

from tests.rigs import Unavailable, debian

PACKAGES = {
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/conntrack": "conntrack",
    "/usr/sbin/ethtool": "ethtool",
    "/usr/bin/socat": "socat",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/buildah": "buildah",
    "/usr/sbin/ip": "iproute2",
}


def require() -> None:
    """Install what is missing.

    Raises:
        Unavailable: This isn't Linux, we aren't root, or packages can't be installed.
    """
    if sys.platform != "linux":
        raise Unavailable("a node needs Linux; `nox -s cluster` runs everywhere")
    if os.geteuid() != 0:
        raise Unavailable("a node needs root for its namespaces and cgroups: run `sudo nox -s node`")
    debian.ensure(PACKAGES)
