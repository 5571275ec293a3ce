"""The model's server: POST /v1/messages, /v1/messages/count_tokens and the probe at `/`, on loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from agent.demo.messages import Request, RequestError
from agent.demo.observer import How, Observer
from agent.demo.reply import Memory, Reply, reply_to
from agent.demo.streaming import ConnectionResetWanted, Player, StreamBroken
from agent.listening import BACKLOG, Listener, configuration

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1
_LINGER_NEVER = struct.pack("ii", 1, 0)

Peer = tuple[str, int]


class ResettingListener(Listener):
    """A listener that can reset a connection."""

    def reset(self, peer: Peer) -> None:
        """Reset the connection with a client."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport and getattr(connection, "client", None) == peer:
                # Without a linger time the kernel sends RST instead of FIN.
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NEVER)
                transport.abort()


@dataclass
class Exchange:
    """One request and its answer; an ASGI application, so that it sees the client hang up at any time."""

    request: Request
    reply: Reply
    memory: Memory
    observer: Observer
    number: int
    reset: Callable[[Peer], None]
    _player: Player = field(init=False)
    _over: bool = False

    def __post_init__(self) -> None:
        self._player = Player(self.request, self.reply, self.memory.happened)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the client leaves first."""
        answering = asyncio.create_task(self._answer(scope, receive, send))
        leaving = asyncio.create_task(_hung_up(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
                return
            self._ended("left")
        except ConnectionResetWanted:
            self._ended("reset")
            self.reset(tuple(scope["client"]))
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.reply.silent:
            self.memory.happened(self.reply.silent.fault)
            await asyncio.sleep(self.reply.silent.seconds)
        if self.reply.error:
            error = self.reply.error
            self.memory.happened(error.fault)
            await self._fail(error.status, error.type, error.message, error.retry_after)(scope, receive, send)
        elif self.request.streams:
            await self._stream(send)
        else:
            await (await self._whole())(scope, receive, send)

    async def _stream(self, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"request-id", _request_id().encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.observer.began(self.number)
        how: How = "complete"
        async for event in self._player.events():
            await send({"type": "http.response.body", "body": event, "more_body": True})
            how = "error" if event.startswith(b"event: error\n") else how
        # Logged before the last byte goes out, so that nobody sees the end before it is in the log.
        self._ended(how)
        await send({"type": "http.response.body", "body": b""})

    async def _whole(self) -> Response:
        try:
            message = await self._player.message()
        except StreamBroken as broken:
            return self._fail(500, broken.broken.type, broken.broken.message)
        self.observer.began(self.number)
        self._ended("complete")
        return JSONResponse(message, headers={"request-id": _request_id()})

    def _fail(self, status: int, kind: str, message: str, retry_after: int | None = None) -> Response:
        self.observer.began(self.number)
        self._ended("error", status)
        return _error(status, kind, message, {} if retry_after is None else {"retry-after": str(retry_after)})

    def _ended(self, how: How, status: int = 200) -> None:
        if not self._over:
            self._over = True
            self.observer.ended(self.number, how, status=status, usage=self._player.usage.document())


class Model:
    """The scripted model behind its routes."""

    def __init__(self, observer: Observer, reset: Callable[[Peer], None]) -> None:
        self._observer = observer
        self._reset = reset
        self._memory = Memory()

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._probe, methods=["GET", "HEAD"]),
                Route("/v1/messages", _endpoint(self._message), methods=["POST"]),
                Route("/v1/messages/count_tokens", _endpoint(self._count), methods=["POST"]),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    async def _probe(self, _request: HttpRequest) -> Response:
        return PlainTextResponse("kubecoder's scripted model\n")

    async def _message(self, request: Request) -> Any:
        reply = reply_to(request, self._memory)
        number = self._observer.request(request, reply)
        return Exchange(request, reply, self._memory, self._observer, number, self._reset)

    async def _count(self, request: Request) -> Any:
        return JSONResponse({"input_tokens": sum(request.tokens)})


@dataclass(frozen=True)
class Serving:
    """A running server."""

    address: str
    listener: ResettingListener


@contextlib.asynccontextmanager
async def serving(port: int = 0, log: Path | None = None) -> AsyncIterator[Serving]:
    """Serve on loopback until the end of the block.

    Args:
        port: 0 takes a free one.
        log: Where the observer writes.

    Raises:
        OSError: The port is taken, or the log can't be written.
    """
    observer = Observer(log)
    bound = socket.create_server((HOST, port), backlog=BACKLOG)
    listener: ResettingListener

    def reset(peer: Peer) -> None:
        listener.reset(peer)

    app = Model(observer, reset).app
    listener = ResettingListener(configuration(app, shutdown_seconds=SHUTDOWN_SECONDS))
    running = asyncio.create_task(listener.serve(sockets=[bound]))
    try:
        yield Serving(f"http://{HOST}:{bound.getsockname()[1]}", listener)
    finally:
        listener.should_exit = True
        await running
        bound.close()
        observer.close()


def _endpoint(handle: Callable[[Request], Awaitable[Any]]) -> Callable[[HttpRequest], Awaitable[Any]]:
    async def answer(request: HttpRequest) -> Any:
        try:
            return await handle(Request.read(await request.body(), request.headers))
        except RequestError as error:
            return _error(400, "invalid_request_error", str(error))

    return answer


async def _not_found(request: HttpRequest, _exception: Exception) -> Response:
    return _error(404, "not_found_error", f"{request.method} {request.url.path} is not served by the scripted model")


def _error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": (name := _request_id())}
    return Response(json.dumps(body), status, {"request-id": name, **(headers or {})}, "application/json")


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _request_id() -> str:
    return f"req_{secrets.token_hex(12)}"
