"""Look at an address as a stranger does: from the node as a module, from a pod beside as a script.

The script's argument is the question: the address, the ports to try, and requests as port, method, path and Host.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Mapping
from typing import Any

SECONDS = 5


def look(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ports that are open, and the answer to each request."""
    address = question["address"]
    return {
        "ports": [port for port in question["ports"] if is_open(address, port)],
        "answers": [answer(address, *request) for request in question["requests"]],
    }


def is_open(address: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    with socket.socket() as connection:
        connection.settimeout(SECONDS)
        return connection.connect_ex((address, port)) == 0


def answer(address: str, port: int, method: str, path: str, host: str) -> dict[str, Any]:
    """Send a request without credentials and return what is told to a stranger."""
    connection = http.client.HTTPConnection(address, port, timeout=SECONDS)
    try:
        connection.request(method, path, headers={"Host": host})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        return {"status": response.status, "location": response.getheader("Location", ""), "body": body}
    finally:
        connection.close()


if __name__ == "__main__":
    print(json.dumps(look(json.loads(sys.argv[1]))))
