"""Runs inside a workspace: looks around and prints what it sees as one line of JSON.

Sent to the workspace's own `python3` on stdin, so it needs nothing but the standard library of Python 3.9 and judges
nothing: `verdicts` does that on the admin's side. The one argument is JSON: `tools` (name → argv), `hosts`
(`[label, address, port]` to try to reach), `home` (a folder).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CONNECT_SECONDS = 2.0
TOOL_SECONDS = 30.0
LISTEN = "0A"
TOKENS = ("/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/kubernetes.io/serviceaccount/token")


def identity() -> dict[str, Any]:
    """Tell who we are and what the kernel lets us do."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    wanted = ("NoNewPrivs", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Seccomp")
    return {"uid": os.getuid(), "gid": os.getgid(), **{name: fields.get(name, "").strip() for name in wanted}}


def tool(argv: list[str]) -> dict[str, Any]:
    """Run a tool's version command."""
    path = shutil.which(argv[0])
    if path is None:
        return {"path": None, "version": "", "error": "not found"}
    try:
        done = subprocess.run(
            [path, *argv[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return {"path": path, "version": "", "error": type(error).__name__}
    lines = (done.stdout or done.stderr).strip().splitlines()
    version = lines[0][:200] if lines else ""
    return {"path": path, "version": version, "error": f"exit code {done.returncode}" if done.returncode else ""}


def disk(home: str) -> dict[str, Any]:
    """Write and read a file in the home, and tell how much room there is."""
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".kubecoder-test-") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return {"home": home, "error": f"{error.strerror or error}"}
    usage = shutil.disk_usage(home)
    return {"home": home, "error": "", "total": usage.total, "free": usage.free}


def reach(address: str, port: int) -> str:
    """Try to open a TCP connection; give `open`, or why not."""
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "timeout"
    except OSError as error:
        return error.strerror or str(error)


def listeners() -> list[dict[str, Any]]:
    """List the TCP ports that the pod listens on, each with its address and, where we may see it, its program."""
    found = []
    owners = programs_by_inode()
    for name in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == LISTEN:
                address, port = parse_socket(fields[1])
                found.append({"address": address, "port": port, "program": owners.get(fields[9], "")})
    return found


def parse_socket(text: str) -> tuple[str, int]:
    """Read `0100007F:1F90` as /proc writes it: each 32-bit word in the machine's own byte order."""
    raw, port = text.split(":")
    words = [struct.pack("=I", int(raw[i : i + 8], 16)) for i in range(0, len(raw), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, b"".join(words)), int(port, 16)


def programs_by_inode() -> dict[str, str]:
    """Map socket inodes to the names of the programs that hold them, as far as we may look."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for link in (process / "fd").iterdir():
                target = str(link.readlink())
                if target.startswith("socket:["):
                    found[target[8:-1]] = (process / "comm").read_text().strip()
        except OSError:
            continue
    return found


def git_identity() -> dict[str, str]:
    """Tell the name and e-mail address that git would write into a commit."""
    found = {}
    for key in ("user.name", "user.email"):
        try:
            done = subprocess.run(
                ["git", "config", "--get", key],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TOOL_SECONDS,
                check=False,
            )
            found[key] = done.stdout.strip()
        except (OSError, subprocess.SubprocessError):
            found[key] = ""
    return found


def look_around(request: dict[str, Any]) -> dict[str, Any]:
    """Answer everything that was asked, all slow things at once."""
    with ThreadPoolExecutor(16) as pool:
        tools = {name: pool.submit(tool, argv) for name, argv in request["tools"].items()}
        hosts = {label: pool.submit(reach, address, port) for label, address, port in request["hosts"]}
        return {
            "identity": identity(),
            "disk": disk(request["home"]),
            "tokens": [path for path in TOKENS if os.path.exists(path)],  # noqa: PTH110
            "listeners": listeners(),
            "git": git_identity(),
            "tools": {name: future.result() for name, future in tools.items()},
            "hosts": {label: future.result() for label, future in hosts.items()},
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look_around(json.loads(sys.argv[1]))) + "\n")
