"""The command that Claude runs for hooks that can't be http ones: `relay.py tell|wait FILE`.

The file holds the address for this launch, `http://127.0.0.1:PORT/hooks/KEY`: everybody on the machine can read
an argv, only the user the file.

`tell` passes the event on and ends. `wait` passes a request for permission on and stays until somebody has
answered it by the agent's API; then it prints the decision for Claude. Meanwhile the real dialog is on the screen.
The agent may restart: the request is sent again under the same id. Claude ends the command with SIGTERM when
a person refuses in the terminal, and leaves it alone when one allows.

It runs alone, by `python -I -S`, and the dialog's hook starts with every request: no module of ours, and the
C modules below `socket` and `signal`, whose enums double the time that Python takes to start.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # typeshed has only `signal`
import _socket
import os
import select
import sys
import time

TELL_SECONDS = 5.0
SEND_SECONDS = 10.0
WITHDRAW_SECONDS = 0.1
"""Claude waits for whom it ends, and a person for Claude."""
LOOK_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
LARGEST_ANSWER = 64_000_000
PIECE_BYTES = 1_000_000
TRY_AGAIN = frozenset({b"408", b"429", b"500", b"502", b"503", b"504"})
STDIN, STDOUT = 0, 1


class Broken(Exception):  # noqa: N818 - an answer that didn't come
    """The agent can't be reached, or ended while we waited."""


class Gone(Exception):  # noqa: N818 - as above
    """Nobody is there any more who would read what we print."""


class Reader:
    """Whoever reads our output: Claude itself, whatever shell may stand in between."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._poll = select.poll()
        # Errors and hang-ups are told without asking for them.
        self._poll.register(STDOUT, 0)

    def wait(self, seconds: float, descriptor: int | None = None) -> bool:
        """Wait for a descriptor to be readable and say whether it is.

        Raises:
            Gone: Claude has ended.
        """
        if descriptor is not None:
            self._poll.register(descriptor, select.POLLIN)
        try:
            ready = [found for found, _events in self._poll.poll(seconds * 1000)]
        finally:
            if descriptor is not None:
                self._poll.unregister(descriptor)
        if STDOUT in ready or os.getppid() != self._parent:
            raise Gone
        return bool(ready)


class Line:
    """The way to the agent's hook listener.

    Args:
        url: The address for this launch.
        request_id: Names the request, the same at each try.
    """

    def __init__(self, url: str, request_id: str) -> None:
        self._host, _, path = url.partition("://")[2].partition("/")
        self._path = f"/{path}"
        self._request_id = request_id

    def post(self, verb: str, body: bytes, *, seconds: float, reader: Reader | None = None) -> tuple[bytes, bytes]:
        """Send a body and return status and body of the answer.

        Args:
            verb: The last part of the address.
            body: JSON.
            seconds: For each step; with a reader the answer may take as long as there is one.
            reader: Whoever waits for the answer.

        Raises:
            Broken: No answer came.
            Gone: The reader has ended.
        """
        address, _, port = self._host.partition(":")
        head = (
            f"POST {self._path}/{verb} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"X-Request-Id: {self._request_id}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect((address, int(port)))
            connection.sendall(head.encode() + body)
            return _parsed(_received(connection, reader))
        except OSError as error:
            raise Broken(str(error)) from error
        finally:
            connection.close()


def _received(connection: _socket.socket, reader: Reader | None) -> bytes:
    received = bytearray()
    while len(received) < LARGEST_ANSWER:
        while reader is not None and not reader.wait(LOOK_SECONDS, connection.fileno()):
            pass
        piece = connection.recv(PIECE_BYTES)
        if not piece:
            break
        received += piece
    return bytes(received)


def _parsed(answer: bytes) -> tuple[bytes, bytes]:
    """Take an answer apart; one that was cut must not look like a whole one.

    Raises:
        Broken: It is cut, or no HTTP.
    """
    head, separator, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ", 2)
    if not separator or not words[0].startswith(b"HTTP/1.") or len(words) < 2:
        raise Broken("the answer is cut")
    lengths = [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"content-length:")]
    if (lengths and lengths != [b"%d" % len(body)]) or (body and not lengths):
        raise Broken("the answer is cut")
    return words[1], body


def wait(line: Line, request: bytes, reader: Reader) -> bytes:
    """Return what Claude shall be told; empty when there is nothing to tell.

    Raises:
        Gone: Claude has ended.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        try:
            status, answer = line.post("permission", request, seconds=SEND_SECONDS, reader=reader)
        except Broken:
            pass
        else:
            if status not in TRY_AGAIN:
                return answer if status == b"200" else b""
        if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        reader.wait(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def write(content: bytes) -> None:
    """Print; Claude takes JSON only when it is whole."""
    while content:
        content = content[os.write(STDOUT, content) :]


def read() -> bytes:
    """Return all of stdin."""
    pieces = []
    while piece := os.read(STDIN, PIECE_BYTES):
        pieces.append(piece)
    return b"".join(pieces)


def tell(line: Line) -> None:
    """Pass on what stdin says."""
    line.post("event", read(), seconds=TELL_SECONDS)


def ask(line: Line) -> None:
    """Pass on what stdin asks for, and print the answer.

    Raises:
        Gone: Claude has ended.
    """

    def withdraw() -> None:
        try:
            line.post("withdrawn", b"{}", seconds=WITHDRAW_SECONDS)
        except Broken:
            return

    def end(_number: int, _frame: object) -> None:
        withdraw()
        os._exit(0)

    _signal.signal(_signal.SIGTERM, end)
    reader = Reader()
    request = read()
    try:
        write(wait(line, request, reader))
    except Gone:
        withdraw()


def main() -> None:
    """Run the command; it never fails, since that would show on the user's screen."""
    verb, file = sys.argv[1:3]
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        line = Line(os.read(descriptor, 1000).decode().strip(), os.urandom(12).hex())
        {"tell": tell, "wait": ask}[verb](line)
    except (OSError, ValueError, Broken, Gone):
        pass
    # At once: there is nothing to clean up, and a stdout that is gone must not be flushed.
    os._exit(0)


if __name__ == "__main__":
    main()
