"""What a machine needs to run a node, and how it gets it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rigs import Unavailable
from tests.rigs.binaries import say

# Program or file that shows that a package is there → the Debian package.
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
    missing = sorted(package for file, package in PACKAGES.items() if not Path(file).exists())
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise Unavailable(f"a node needs Debian's packages {' '.join(missing)}, and there is no apt-get here")
    say(f"rigs: installing {' '.join(missing)} by apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"apt-get {' '.join(command)} failed: {done.stderr[-500:]}")
