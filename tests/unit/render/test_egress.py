"""Which addresses a workspace's policy lets out to."""

from __future__ import annotations

import ipaddress

import pytest

from kubecoder import render
from kubecoder.render.egress import internet
from tests.manifest_cases import MINIMAL, fleet


def allows(address: str, *also_denied: str) -> bool:
    """Decide as a NetworkPolicy does."""
    target = ipaddress.ip_address(address)
    for peer in internet(also_denied):
        block = peer["ipBlock"]
        inside = target in ipaddress.ip_network(block["cidr"])
        if inside and not any(target in ipaddress.ip_network(cidr) for cidr in block["except"]):
            return True
    return False


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # metadata of AWS, GCP, Azure, DigitalOcean …
        "169.254.170.2",  # credentials of ECS and EKS pods
        "168.63.129.16",  # Azure's host
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "10.0.0.1",
        "10.96.0.1",
        "172.20.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # GCP
        "fd00:10:96::1",
        "fe80::1",
    ],
)
def test_metadata_and_private_addresses_are_out_of_reach(address: str) -> None:
    assert not allows(address)


@pytest.mark.parametrize("address", ["140.82.121.4", "8.8.8.8", "2606:50c0:8000::153", "2a00:1450::1"])
def test_the_internet_is_within_reach(address: str) -> None:
    assert allows(address)


@pytest.mark.parametrize(("address", "cidr"), [("198.51.100.7", "198.51.100.0/24"), ("2001:db8::1", "2001:db8::/32")])
def test_the_user_file_denies_more(address: str, cidr: str) -> None:
    assert allows(address)
    assert not allows(address, cidr)


@pytest.mark.parametrize("whole", [("0.0.0.0/0",), ("0.0.0.0/1", "128.0.0.0/1")])
def test_a_family_that_is_denied_as_a_whole_is_left_out(whole: tuple[str, ...]) -> None:
    assert [peer["ipBlock"]["cidr"] for peer in internet(whole)] == ["::/0"]


def test_exceptions_are_what_the_api_server_takes() -> None:
    for peer in internet(("10.1.0.0/16", "8.0.0.0/8")):
        whole = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        ranges = [ipaddress.ip_network(cidr) for cidr in peer["ipBlock"]["except"]]
        assert all(entry.version == whole.version and entry != whole for entry in ranges)
        assert len(ranges) == len(set(ranges))


def test_no_rule_without_peers_is_written_when_everything_is_denied() -> None:
    workspace = MINIMAL.workspace(networkPolicy={"denyEgressCIDRs": ["0.0.0.0/0", "::/0"]})
    manifests = render.workspace(fleet(workspace), workspace).manifests
    policy = next(entry for entry in manifests if entry["metadata"]["name"] == "ws-john-out")
    assert [rule.get("to") for rule in policy["spec"]["egress"]] == [None]
    assert {port["port"] for port in policy["spec"]["egress"][0]["ports"]} == {53}
