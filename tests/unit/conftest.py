"""Unit tests need no network: what they connect to is on loopback, or the test fails."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            assert ipaddress.ip_address(address[0]).is_loopback, f"a unit test reaches for {address[0]}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
