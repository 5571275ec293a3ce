"""One log line for each request: listener, who, method, path, status, time, why refused; no query."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.logs import event

log = logging.getLogger(__name__)

LONGEST_PATH = 300
QUIET_PATHS = frozenset({"/health", "/ready"})


class RequestLog:
    """Logs each request at its end; the probes only when they fail."""

    def __init__(self, app: ASGIApp, *, listener: str) -> None:
        self._app = app
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._write(scope, status or 500, time.monotonic() - started)

    def _write(self, scope: Scope, status: int, seconds: float) -> None:
        if scope["path"] in QUIET_PATHS and status < 500:
            return
        state = scope.get("state", {})
        caller = state.get("caller")
        refusal = {"refusal": state["refusal"]} if "refusal" in state else {}
        event(
            log,
            logging.INFO,
            "request",
            listener=self._listener,
            method=scope["method"],
            path=scope["path"][:LONGEST_PATH],
            status=status,
            caller=caller.name if caller else None,
            milliseconds=round(seconds * 1000, 1),
            **refusal,
        )
