"""One of several HTTP servers of a process: it leaves the signals alone, writes no log, and trusts no proxy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

BACKLOG = 512


class Listener(uvicorn.Server):
    """A server that leaves the signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def configuration(app: ASGIApp, *, shutdown_seconds: int) -> uvicorn.Config:
    """Return how a listener serves an application; requests may go on for so long after it was told to end."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=shutdown_seconds,
    )
