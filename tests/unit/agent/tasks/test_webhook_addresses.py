"""Where webhooks may go, and where not, however an address is written."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from agent.tasks.webhooks import allowed

PRIVATE = ip_network("10.1.0.0/16")


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "140.82.112.3", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert allowed(ip_address(address), ())


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
        *("169.254.169.254", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "2001::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.1.2.3", "::127.0.0.1", "::10.1.2.3"),
        *("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::a01:203", "64:ff9b:1::808:808"),
        *("2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:a01:203::1"),
    ],
)
def test_what_is_not_public_is_forbidden(address: str) -> None:
    assert not allowed(ip_address(address), ())


def test_an_admitted_network_is_allowed_in_any_dress_and_its_neighbour_is_not() -> None:
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"):
        assert allowed(ip_address(text), (PRIVATE,)), text
    assert not allowed(ip_address("10.2.0.1"), (PRIVATE,))
    assert allowed(ip_address("fd00::1"), (ip_network("fd00::/8"),))
