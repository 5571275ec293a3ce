"""Judge what was seen inside a workspace and at its doors; pure functions from facts to checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from kubecoder.models import pod as pods
from kubecoder.models.check import Check, failed, judged, passed, skipped, warned
from kubecoder.models.manifest import Manifest

UID = 1000
DOOR_PORT = 4180
API_PORT = 6090
PUBLIC_PORTS = frozenset({DOOR_PORT, API_PORT})
LOW_DISK_BYTES = 1 << 30
LOW_DISK_SHARE = 0.05
CERTIFICATE_DAYS = 14.0
"""cert-manager renews 30 days before the end; less than half of that means that renewal doesn't work."""

TOOLS: Mapping[str, Sequence[str]] = {
    "bash": ["bash", "--version"],
    "claude": ["claude", "--version"],
    "curl": ["curl", "--version"],
    "gh": ["gh", "--version"],
    "git": ["git", "--version"],
    "go": ["go", "version"],
    "node": ["node", "--version"],
    "npm": ["npm", "--version"],
    "python3": ["python3", "--version"],
    "tmux": ["tmux", "-V"],
    "yarn": ["yarn", "--version"],
}
"""What every workspace image has, the slim one too, and how each says its version."""

METADATA_ADDRESSES: Mapping[str, tuple[str, int]] = {
    "169.254.169.254": ("169.254.169.254", 80),
    "fd00:ec2::254": ("fd00:ec2::254", 80),
    "100.100.100.200": ("100.100.100.200", 80),
}
"""Where clouds (and Alibaba's, the last) hand the node's credentials to whoever asks."""

PART_PORTS: Mapping[int, str] = {
    1234: "BuildKit",
    2375: "Docker",
    5900: "VNC",
    5901: "VNC",
    6080: "noVNC",
    6081: "noVNC",
    7681: "ttyd",
    8080: "code-server",
    9001: "supervisord",
}
"""Where parts of a workspace would listen that aren't kept on sockets; each of them is a shell to whoever connects."""

POLICY_HINT = "install a CNI plugin that enforces NetworkPolicy, such as Cilium or Calico"

_SERVICES = ("code-server", "supervisord", "ttyd", "websockify", "x11vnc", "Xtigervnc", "Xvfb", "Xvnc")
"""Programs of the workspace itself, which listen on sockets only."""


def pod_ready(pod: Manifest) -> Check:
    """Judge whether the pod serves."""
    waiting = [container.name for container in pods.containers(pod) if not (container.ready or container.init)]
    evidence = f"pod {pod['metadata']['name']} is {pods.status_word(pod)}"
    if waiting:
        evidence += f", not ready: {', '.join(waiting)}"
    return judged("pod-ready", pods.is_ready(pod), evidence)


def identity(seen: Mapping[str, Any]) -> list[Check]:
    """Judge the user and the privileges of a process in the workspace."""
    raised = [name for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb") if int(seen[name] or "0", 16)]
    capabilities = ", ".join(f"{name}={seen[name]}" for name in raised)
    return [
        judged("user", seen["uid"] == UID and seen["gid"] == UID, f"uid {seen['uid']}, gid {seen['gid']}"),
        judged("no-new-privileges", seen["NoNewPrivs"] == "1", f"NoNewPrivs is {seen['NoNewPrivs'] or 'unknown'}"),
        judged("capabilities", not raised, capabilities or "none, not even in the bounding set"),
        judged("seccomp", seen["Seccomp"] == "2", f"seccomp mode {seen['Seccomp'] or 'unknown'}"),
    ]


def service_account_token(paths: Sequence[str]) -> Check:
    """Judge whether the pod holds credentials for the API server."""
    return judged("no-token", not paths, f"found {paths[0]}" if paths else "no service-account token in the pod")


def disk(seen: Mapping[str, Any]) -> Check:
    """Judge whether the home can be written and has room."""
    if seen["error"]:
        return failed("disk", f"{seen['home']} can't be written: {seen['error']}")
    free, total = seen["free"], seen["total"]
    evidence = f"{seen['home']} is writable, {gibibytes(free)} of {gibibytes(total)} free"
    if free < min(LOW_DISK_BYTES, total * LOW_DISK_SHARE):
        return warned("disk", evidence, "raise user.pvcSize in the user file and deploy")
    return passed("disk", evidence)


def tools(seen: Mapping[str, Mapping[str, str]]) -> list[Check]:
    """Judge the tools that every workspace has; Claude Code has a check of its own."""
    missing = sorted(f"{name}: {found['error']}" for name, found in seen.items() if found["error"] and name != "claude")
    versions = ", ".join(f"{name} {short_version(found['version'])}" for name, found in sorted(seen.items()))
    claude = seen["claude"]
    return [
        failed("tools", "; ".join(missing), "build the image anew: kubecoder image build")
        if missing
        else passed("tools", versions),
        failed("claude-code", claude["error"]) if claude["error"] else passed("claude-code", claude["version"]),
    ]


def git_identity(seen: Mapping[str, str]) -> Check:
    """Judge whether commits will carry a name."""
    name, email = seen["user.name"], seen["user.email"]
    if name and email:
        return passed("git-identity", f"{name} <{email}>")
    unset = " and ".join(key for key in ("user.name", "user.email") if not seen[key])
    return warned("git-identity", f"{unset} not set", "set GIT_USER_NAME and GIT_USER_EMAIL in user.env")


def listening(seen: Iterable[Mapping[str, Any]]) -> Check:
    """Judge which ports other pods can get at."""
    exposed = [entry for entry in seen if not is_loopback(entry["address"])]
    ports = {entry["port"] for entry in exposed}
    extra = [entry for entry in exposed if entry["port"] not in PUBLIC_PORTS]
    missing = sorted(PUBLIC_PORTS - ports)
    if missing:
        return failed("listeners", f"nothing listens on {', '.join(map(str, missing))}")
    if not extra:
        return passed("listeners", "only 4180 (sign-in) and 6090 (API) listen on the pod's address")
    evidence = ", ".join(
        sorted({f"{entry['program'] or '?'} on {entry['address']}:{entry['port']}" for entry in extra})
    )
    if any(entry["program"].startswith(_SERVICES) for entry in extra):
        return failed("listeners", evidence)
    return warned("listeners", evidence, "a server of the user's own? Bind it to 127.0.0.1")


def metadata_address(seen: Mapping[str, str]) -> Check:
    """Judge whether the cloud's metadata address answers from inside."""
    reached = [address for address in METADATA_ADDRESSES if seen.get(address) == "open"]
    if reached:
        return failed(
            "metadata-address", f"{', '.join(reached)} answers; it hands out the node's credentials", POLICY_HINT
        )
    results = ", ".join(f"{address}: {seen[address]}" for address in METADATA_ADDRESSES if address in seen)
    return passed("metadata-address", f"unreachable ({results})")


def other_workspaces(seen: Mapping[str, str], *, total: int) -> Check:
    """Judge whether other workspaces' pods can be reached from this one.

    Args:
        seen: `name:port` → what came of it.
        total: How many other workspaces run; not all are tried in a large fleet.
    """
    if not seen:
        return skipped("other-workspaces", "no other workspace is running")
    reached = sorted(label for label, result in seen.items() if result == "open")
    tried = len({label.partition(":")[0] for label in seen})
    if reached:
        # Their sockets stay out of reach all the same: both ports ask for a sign-in or a token.
        evidence = f"reachable: {', '.join(reached)}; nothing enforces the network policies here"
        return warned("other-workspaces", evidence, POLICY_HINT)
    return passed("other-workspaces", f"{tried} of {total} tried on 4180 and 6090, none reachable")


def from_another_pod(name: str, seen: Mapping[str, str]) -> Check:
    """Judge what another workspace's pod can connect to in this one.

    Args:
        name: The other workspace.
        seen: Port → what came of it.
    """
    reached = sorted(int(port) for port, result in seen.items() if result == "open")
    parts = [f"{port} ({PART_PORTS[port]})" for port in reached if port in PART_PORTS]
    if parts:
        hint = "is it a server of the user's own? Bind it to 127.0.0.1"
        return failed("from-another-pod", f"{name} can connect to {', '.join(parts)}", hint)
    if reached:
        shown = " and ".join(map(str, reached))
        return passed("from-another-pod", f"{name} can connect to {shown} alone, which ask for a sign-in or a token")
    return passed("from-another-pod", f"{name} can connect to none of {len(seen)} ports")


def door(host: str, answers: Mapping[str, tuple[int, str]]) -> Check:
    """Judge the sign-in proxy's answers to requests without a session.

    Args:
        host: The workspace's own host.
        answers: Path → status and `Location`.
    """
    open_paths = [f"{path} → {answer[0]}" for path, answer in answers.items() if not is_closed(host, *answer)]
    if open_paths:
        return failed("door", f"answers without a sign-in: {', '.join(open_paths)}")
    shown = ", ".join(f"{path} → {status}" for path, (status, _) in answers.items())
    return passed("door", f"closed without a sign-in: {shown}")


def is_closed(host: str, status: int, location: str) -> bool:
    """Tell whether an answer is a refusal or the way to the sign-in: ours under /oauth2/, or GitHub's elsewhere."""
    if status in (401, 403):
        return True
    target = urlsplit(location)
    elsewhere = bool(target.netloc) and target.hostname != host
    return status in (302, 303, 307) and (elsewhere or target.path.startswith("/oauth2/"))


def api(health: int, tasks: int) -> list[Check]:
    """Judge the API port's answers to requests without a token."""
    checks = [judged("api-health", health == 200, f"GET /health → {health}")]
    if tasks == 404:
        return [*checks, skipped("api-token", "GET /api/claude/tasks → 404: this image has no Task API")]
    evidence = f"GET /api/claude/tasks without a token → {tasks}"
    return [*checks, judged("api-token", tasks == 401, evidence)]


def certificate(host: str, days: float) -> Check:
    """Judge how long a valid certificate still is."""
    evidence = f"{host}: valid for {days:.0f} more days"
    if days < CERTIFICATE_DAYS:
        return warned("certificate", evidence, "see why it isn't renewed: kubectl describe certificate")
    return passed("certificate", evidence)


def is_loopback(address: str) -> bool:
    """Tell whether only the pod itself reaches this address."""
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def gibibytes(count: float) -> str:
    """Write bytes as a person reads them."""
    return f"{count / (1 << 30):.1f} GiB"


def short_version(text: str) -> str:
    """Cut the version number out of what a tool prints, or keep the text when there is none."""
    match = re.search(r"\d+(\.\w+)+", text)
    return match[0] if match else text
