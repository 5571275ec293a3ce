"""Which addresses a workspace may not reach."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

# Metadata services, then whatever clusters use for nodes, pods and services.
_DENIED = (
    "169.254.0.0/16",  # link-local: the metadata service of most clouds
    "168.63.129.16/32",  # Azure's host, which hands out credentials
    "192.0.0.0/24",  # protocol assignments: Oracle's metadata service
    "10.0.0.0/8",
    "100.64.0.0/10",  # shared address space: Alibaba's metadata service, EKS and GKE pods
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "240.0.0.0/4",
    "fc00::/7",  # unique local: the metadata services of AWS and Google too
    "fe80::/10",
    "fec0::/10",
)


@lru_cache(maxsize=64)
def internet(also_denied: tuple[str, ...] = ()) -> Sequence[dict[str, Any]]:
    """Return the internet as peers of a NetworkPolicy, without the denied ranges.

    The list is empty when nothing is left; a rule with no peers would allow everything, so none may be written then.

    Args:
        also_denied: Ranges that the user file denies.
    """
    networks = [ipaddress.ip_network(cidr) for cidr in (*_DENIED, *also_denied)]
    peers: list[dict[str, Any]] = []
    for everything in (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")):
        denied = [network for network in networks if network.version == everything.version]
        ranges = [str(network) for network in ipaddress.collapse_addresses(denied)]  # type: ignore[type-var]
        if ranges != [str(everything)]:
            peers.append({"ipBlock": {"cidr": str(everything), "except": ranges}})
    return tuple(peers)
