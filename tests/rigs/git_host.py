"""github.com for git: repositories by smart HTTP over TLS, read and written with a token that is valid now.

It is reached as a proxy, so that git asks for `https://github.com/…` and its credential helper hears that name.
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rigs.certificates import Authority

NAME = "github.com"


class GitHost:
    """A server in a thread; a repository is a bare one below `repositories`.

    Args:
        directory: Its files are below.
        is_valid: Tells whether a token may read and write now.

    Attributes:
        requests: What was asked for, each with the token that came along.
        delay: Called before each answer, for tests that need a clone to take long.
    """

    def __init__(self, directory: Path, is_valid: Callable[[str], bool]) -> None:
        self.repositories = directory / "repositories"
        self.repositories.mkdir(parents=True)
        self.is_valid = is_valid
        self.requests: list[tuple[str, str]] = []
        self.delay: Callable[[], None] = lambda: None
        self.authority = Authority(directory)
        context = self.authority.server_context(NAME)
        self._server = _Server(self, context)
        self._thread = threading.Thread(target=self._server.serve_forever, name="git-host")
        self.proxy = f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, name: str, **files: str) -> Path:
        """Make a repository with one commit.

        Args:
            name: Such as `acme/private.git`.
            files: Names and contents.
        """
        bare = self.repositories / name
        work = self.repositories.parent / "work" / name
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        _git("config", "--file", str(bare / "config"), "http.receivepack", "true")
        _git("init", "--quiet", "--initial-branch=main", str(work))
        for file, content in files.items():
            (work / file).write_text(content)
        _git("-C", str(work), "add", "--all")
        _git("-C", str(work), "commit", "--quiet", "--message=first")
        _git("-C", str(work), "push", "--quiet", str(bare), "main")
        return bare

    def configuration(self, helper: str) -> str:
        """Return what the git of a workspace needs to come here.

        Args:
            helper: The credential helper for github.com, as git's configuration has it.
        """
        return (
            f"[http]\n\tproxy = {self.proxy}\n\tsslCAInfo = {self.authority.certificate_file}\n"
            f'[credential "https://{NAME}"]\n\thelper = "{helper}"\n'
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _git(*arguments: str) -> None:
    identity = {
        f"GIT_{role}_{part}": "test@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", *arguments], env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **identity}, check=True
    )


class _Server(ThreadingHTTPServer):
    """What the connections share."""

    # Its end waits for those that are still answered.
    daemon_threads = False

    def __init__(self, host: GitHost, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host = host
        self.context = context


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection, first as a proxy, then as the self.server.host."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def finish(self) -> None:
        """Close what `CONNECT` has put in the connection's place, too."""
        try:
            super().finish()
        finally:
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_CONNECT(self) -> None:
        """Answer as the host itself from here on."""
        if self.path != f"{NAME}:443":
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._body()
        token = self._token()
        self.server.host.requests.append((self.path, token))
        if not self.server.host.is_valid(token):
            self._answer(401, [("WWW-Authenticate", 'Basic realm="GitHub"')], b"")
            return
        self.server.host.delay()
        status, headers, content = _backend(self.server.host.repositories, self, body)
        self._answer(status, headers, content)

    def _token(self) -> str:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        name, _, token = base64.b64decode(value).decode().partition(":") if scheme == "Basic" else ("", "", "")
        return token if name == "x-access-token" else ""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _backend(
    repositories: Path, request: BaseHTTPRequestHandler, body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Run git's own CGI program."""
    path, _, query = request.path.partition("?")
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(repositories),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_USER": "x-access-token",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }
    done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n"))]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    return status, [(name, value) for name, value in headers if name != "Status"], content
