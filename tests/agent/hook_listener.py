"""The real hook listener with a real broker behind it, in a process of its own: `hook_listener.py PORT FOLDER`.

Beside the hooks' routes there are two for the test: `GET /seen` shows what came, `POST /answer/ID` answers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.claude import hookevents
from agent.hooks.app import HookAnswer, UnknownLaunchError, hook_app
from agent.models import AnswerBody
from agent.server import bind_tcp
from agent.tasks.audit import Audit
from agent.tasks.permissions import Broker
from agent.tasks.requestfolder import RequestFolder

KEY = "0123456789abcdef0123456789abcdef"


class Sink:
    """Brings hooks to one broker and notes them."""

    def __init__(self, folder: Path) -> None:
        self.seen: list[dict[str, Any]] = []
        self.broker = Broker(
            "1-00000000", RequestFolder(folder / "permissions"), changed=lambda _: None, audit=Audit(folder)
        )

    async def on_event(self, key: str, payload: Mapping[str, Any], at: float) -> None:
        self._note("event", key, at, payload=payload)
        if payload.get("fail"):
            raise RuntimeError("a bug")

    async def on_permission(
        self, key: str, request_id: str, payload: Mapping[str, Any], at: float
    ) -> HookAnswer | None:
        self._note("permission", key, at, request_id=request_id, size=len(json.dumps(payload)))
        self.broker.open(hookevents.parse_permission(payload, request_id, at))
        try:
            return await self.broker.waiting(request_id)
        finally:
            self._note("left", key, time.time(), request_id=request_id)

    async def on_withdrawn(self, key: str, request_id: str, at: float) -> None:
        self._note("withdrawn", key, at, request_id=request_id)

    def _note(self, kind: str, key: str, at: float, **more: Any) -> None:
        if key != KEY:
            raise UnknownLaunchError
        self.seen.append({"kind": kind, "at": at, **more})


async def serve(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    sink = Sink(folder)
    sink.broker.expect_hooks()
    app = hook_app(sink)

    async def seen(_request: Request) -> Response:
        return JSONResponse(sink.seen)

    async def answer(request: Request) -> Response:
        body = AnswerBody.model_validate(await request.json())
        request_id = str(request.path_params["request_id"])
        answered = await sink.broker.answer(request_id, body, who="test", via="token", confirm_seconds=0.01)
        return JSONResponse(answered.model_dump(mode="json"))

    app.router.routes.extend([Route("/seen", seen), Route("/answer/{request_id}", answer, methods=["POST"])])
    config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[bind_tcp("127.0.0.1", port)])


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
