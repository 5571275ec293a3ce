"""Raw requests that pretend to have credentials, and how to send them just as they are written."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from tests.rigs.browser import COOKIE_NAME

Headers = Sequence[tuple[str, str]]
SECONDS = 15
DOOR_PATHS = (
    "/",
    "/oauth/",
    "/oauth/api/session",
    "/oauth/api/claude/tasks",
    "/oauth/ide/",
    "/oauth/terminal/ws",
    "/oauth/browser/websockify",
    "/api/claude/tasks",
)
API_PATHS = ("/api/claude/tasks", "/oauth/api/session", "/metrics")
IDENTITY = [("X-Forwarded-User", "alice"), ("X-Forwarded-Email", "alice@example.com")]
TIMES = [
    ("X-Kubecoder-Session-Created", "2026-11-23 17:40:32.93433425 +0000 UTC"),
    ("X-Kubecoder-Session-Expires", "2099-11-23 17:40:32.93433425 +0000 UTC"),
]
FORGED: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "user": IDENTITY[:1],
    "user in small letters": [("x-forwarded-user", "alice")],
    "user in capitals": [("X-FORWARDED-USER", "alice")],
    "user with underscores": [("X_Forwarded_User", "alice")],
    "user with one underscore": [("X-Forwarded_User", "alice")],
    "user with dots": [("X.Forwarded.User", "alice")],
    "user twice": IDENTITY[:1] * 2,
    "two users": [("X-Forwarded-User", "mallory"), *IDENTITY[:1]],
    "all that the door says": [*IDENTITY, *TIMES, ("X-Forwarded-Groups", "acme")],
    "all of it with underscores": [(name.replace("-", "_"), value) for name, value in [*IDENTITY, *TIMES]],
    "all of it, to be dropped between": [*IDENTITY, *TIMES, ("Connection", "close, X-Forwarded-User")],
    "groups": [("X-Forwarded-Groups", "acme,acme:dev")],
    "preferred username": [("X-Forwarded-Preferred-Username", "alice")],
    "access token": [("X-Forwarded-Access-Token", "gho_0123456789")],
    "another proxy's user": [("X-Auth-Request-User", "alice")],
    "another proxy's e-mail": [("X-Auth-Request-Email", "alice@example.com")],
    "another proxy's redirect": [("X-Auth-Request-Redirect", "/oauth/")],
    "remote user": [("Remote-User", "alice"), ("X-Remote-User", "alice")],
    "from loopback": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")],
    "from loopback by the standard": [("Forwarded", "for=127.0.0.1;host=localhost;proto=https")],
    "another host": [("X-Forwarded-Host", "localhost")],
    "another URI": [("X-Forwarded-Uri", "/ping")],
    "another URL": [("X-Original-URL", "/ping"), ("X-Rewrite-URL", "/oauth2/sign_in")],
    "another method": [("X-HTTP-Method-Override", "OPTIONS"), ("X-Forwarded-Method", "OPTIONS")],
    "another scheme": [("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "on")],
    "a client's certificate": [("SSL-Client-Verify", "SUCCESS"), ("SSL-Client-Subject-DN", "CN=alice")],
    "a password": [("Authorization", "Basic YWxpY2U6YWxpY2U=")],
    "a guessed token": [("Authorization", f"Bearer {'0' * 64}")],
    "an unsigned token": [("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")],
    "no token": [("Authorization", "Bearer ")],
    "a forged cookie": [("Cookie", f"{COOKIE_NAME}=YWxpY2U=|1732380000|c2lnbmF0dXJl")],
    "a cookie twice": [("Cookie", f"{COOKIE_NAME}=a; {COOKIE_NAME}=b"), ("Cookie", f"{COOKIE_NAME}_0=c")],
}
UPGRADE = [
    ("Connection", "keep-alive, Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
]


def requests(paths: Iterable[str], host: str) -> Iterator[tuple[tuple[str, str, bool], Headers]]:
    """Give each forged request to a workspace: its path, its name and whether it asks for an upgrade; its headers."""
    own = {"the page's own origin": [("Origin", f"https://{host}"), ("Sec-Fetch-Site", "same-origin")]}
    for path, (name, forged), is_upgrade in product(paths, {**FORGED, **own}.items(), (False, True)):
        yield (path, name, is_upgrade), [*forged, *(UPGRADE if is_upgrade else [])]


def ask(address: str, path: str, headers: Headers, *, host: str) -> tuple[int, str]:
    """Send a GET with exactly these headers; give status and Location, 0 for no answer in HTTP."""
    name, _, port = address.rpartition(":")
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{key}: {value}" for key, value in headers)]
    received = b""
    with socket.create_connection((name, int(port)), timeout=SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
            received += more
    status, *fields = received.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")
    location = [field.partition(":")[2].strip() for field in fields if field.lower().startswith("location:")]
    words = status.split(" ")
    return int(words[1]) if words[0].startswith("HTTP/") else 0, "".join(location)
