import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.checks import inside


def look(tools: dict[str, list[str]], hosts: list[tuple[str, str, int]], home: Path) -> dict[str, Any]:
    """Run the script as a workspace does: by a bare Python, from stdin."""
    request = json.dumps({"tools": tools, "hosts": hosts, "home": str(home)})
    script = Path(inside.__file__).read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-", request], input=script, capture_output=True, text=True, check=True, timeout=60
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def door() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def test_the_script_tells_what_it_sees_as_one_line_of_json(tmp_path: Path, door: tuple[str, int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = closed.getsockname()[1]

    seen = look(
        {"python": [sys.executable, "--version"], "nothing": ["no-such-tool", "--version"], "false": ["false"]},
        [("open", *door), ("refused", "127.0.0.1", refused)],
        tmp_path,
    )

    assert seen["identity"]["uid"] == os.getuid()
    assert seen["identity"]["CapEff"]
    assert seen["tools"]["python"]["version"].startswith("Python 3.")
    assert seen["tools"]["nothing"]["error"] == "not found"
    assert seen["tools"]["false"]["error"] == "exit code 1"
    assert seen["hosts"] == {"open": "open", "refused": "refused"}
    assert seen["disk"]["error"] == ""
    assert seen["disk"]["free"] <= seen["disk"]["total"]
    assert list(tmp_path.iterdir()) == []
    assert {"address": door[0], "port": door[1]}.items() <= next(
        entry for entry in seen["listeners"] if entry["port"] == door[1]
    ).items()
    assert set(seen["git"]) == {"user.name", "user.email"}


def test_it_looks_around_at_once(tmp_path: Path, door: tuple[str, int]) -> None:
    slow = {"slow": [sys.executable, "-c", "import time; time.sleep(30)"]}
    request = {"tools": slow | {"absent": ["no-such-tool"]}, "hosts": [("open", *door)], "home": str(tmp_path)}
    with mock.patch.object(inside, "TOOL_SECONDS", 0.2):
        seen = inside.look_around(request)

    assert seen["tools"]["slow"]["error"] == "TimeoutExpired"
    assert seen["hosts"] == {"open": "open"}


def test_an_address_without_a_route_says_so() -> None:
    with mock.patch.object(socket, "create_connection", side_effect=OSError(101, "Network is unreachable")):
        assert inside.reach("192.0.2.1", 80) == "Network is unreachable"
    with mock.patch.object(socket, "create_connection", side_effect=TimeoutError()):
        assert inside.reach("192.0.2.1", 80) == "timeout"


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    assert inside.disk(str(tmp_path / "absent"))["error"] == "No such file or directory"


def test_the_programs_behind_listeners_are_named(door: tuple[str, int]) -> None:
    [entry] = [entry for entry in inside.listeners() if entry["port"] == door[1]]

    assert entry["program"] == Path("/proc/self/comm").read_text().strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0100007F:1F90", ("127.0.0.1", 8080)),
        ("00000000:1054", ("0.0.0.0", 4180)),
        ("00000000000000000000000000000000:17CA", ("::", 6090)),
        ("0000000000000000FFFF00000100007F:0050", ("::ffff:127.0.0.1", 80)),
        ("00000000000000000000000001000000:0050", ("::1", 80)),
    ],
)
def test_sockets_are_read_as_proc_writes_them(text: str, expected: tuple[str, int]) -> None:
    assert inside.parse_socket(text) == expected


@given(st.ip_addresses(v=4), st.integers(0, 65535))
def test_every_address_is_read_back(address: Any, port: int) -> None:
    word = int.from_bytes(address.packed, sys.byteorder)

    assert inside.parse_socket(f"{word:08X}:{port:04X}") == (str(address), port)
