"""The agent's process: its listeners and its tasks in one event loop, ended within a bound by SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from pathlib import Path

from starlette.types import ASGIApp

from agent import __version__
from agent.app import api_app, local_app, session_app
from agent.errors import SettingsError
from agent.files import read_small, write_atomically
from agent.hooks.app import hook_app
from agent.listening import BACKLOG, Listener, configuration
from agent.logs import event
from agent.settings import Settings
from agent.workspace import Workspace

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
HOOKS_SHUTDOWN_SECONDS = 1
# Beyond uvicorn's own bound, for what neither ends nor can be cancelled.
LAST_SECONDS = 3


async def serve(settings: Settings) -> None:
    """Serve all listeners until SIGTERM or SIGINT; the tasks' sessions go on after that.

    Raises:
        SettingsError: An address or a path can't be listened on.
    """
    workspace = Workspace.from_settings(settings)
    await asyncio.to_thread(_prepare_user_token, workspace)
    api_socket = bind_tcp(settings.api_host, settings.api_port)
    session_socket = bind_unix(settings.session_socket)
    hooks_socket = bind_hooks(settings)
    workspace.engine.hooks.port = hooks_socket.getsockname()[1]
    listeners = {
        _listener(api_app(workspace), settings.shutdown_seconds): api_socket,
        _listener(session_app(workspace), settings.shutdown_seconds): session_socket,
        # Hooks that wait for a decision come again to the next agent.
        _listener(hook_app(workspace.engine.sink), HOOKS_SHUTDOWN_SECONDS): hooks_socket,
    }
    if settings.local_port is not None:
        local_socket = bind_tcp(LOOPBACK, settings.local_port)
        listeners[_listener(local_app(workspace, settings.local_port), settings.shutdown_seconds)] = local_socket
    _stop_on_signals(workspace, list(listeners))
    event(
        log,
        logging.INFO,
        "the agent serves",
        version=__version__,
        workspace=settings.workspace,
        api=f"{settings.api_host}:{api_socket.getsockname()[1]}",
        session=str(settings.session_socket),
    )
    try:
        await _run(listeners, workspace, settings.shutdown_seconds)
    finally:
        with contextlib.suppress(OSError):
            settings.session_socket.unlink()
    event(log, logging.INFO, "the agent has ended")


async def _run(listeners: dict[Listener, socket.socket], workspace: Workspace, shutdown_seconds: int) -> None:
    # Before any listener, so that no client and no hook meets an agent that doesn't know its tasks yet.
    await workspace.engine.start()
    engine = asyncio.create_task(workspace.engine.run())
    watching = [asyncio.create_task(each.run()) for each in (workspace.metrics, workspace.services)]
    running = [asyncio.create_task(listener.serve(sockets=[bound])) for listener, bound in listeners.items()]
    stopping = asyncio.create_task(workspace.stopping.wait())
    # A part that ends by itself takes the others along: half a workspace helps nobody.
    await asyncio.wait([*running, engine, stopping], return_when=asyncio.FIRST_COMPLETED)
    _stop(workspace, list(listeners))
    await stopping
    await workspace.clones.end()
    for task in (engine, *watching):
        task.cancel()
    _done, late = await asyncio.wait(running, timeout=shutdown_seconds + LAST_SECONDS)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*running, engine, *watching, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def _listener(app: ASGIApp, shutdown_seconds: int) -> Listener:
    return Listener(configuration(app, shutdown_seconds=shutdown_seconds))


def _stop_on_signals(workspace: Workspace, listeners: list[Listener]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, workspace, listeners)


def _stop(workspace: Workspace, listeners: list[Listener]) -> None:
    workspace.stopping.set()
    for listener in listeners:
        listener.should_exit = True


def _prepare_user_token(workspace: Workspace) -> None:
    """Make the user's token; a home that can't be written shows in `/ready`, the agent still starts."""
    try:
        workspace.tokens.ensure_user_token()
    except OSError as error:
        event(log, logging.ERROR, "the user's token can't be written", reason=error.strerror)


def bind_tcp(host: str, port: int) -> socket.socket:
    """Listen on an address of the pod.

    Raises:
        SettingsError: The address is taken or isn't ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise SettingsError([f"can't listen on {host}:{port}: {error.strerror}"]) from error
    return bound


def bind_hooks(settings: Settings) -> socket.socket:
    """Listen for hooks, whose address stands in the settings of sessions that outlive us.

    A free port is kept for the agents to come. Connections wait in the backlog until the tasks are known.

    Raises:
        SettingsError: The port is taken.
    """
    kept = settings.state_directory / "hooks-port"
    port = settings.hooks_port
    if port == 0:
        with contextlib.suppress(OSError, ValueError):
            port = int(read_small(kept, limit=10))
    bound = bind_tcp(LOOPBACK, port)
    bound.listen(BACKLOG)
    if settings.hooks_port == 0:
        with contextlib.suppress(OSError):
            settings.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(kept, str(bound.getsockname()[1]).encode())
    return bound


def bind_unix(path: Path) -> socket.socket:
    """Listen on a Unix socket that only our own user can open, from its first moment on.

    A socket that a killed agent left is replaced; one that answers is another agent's.

    Raises:
        SettingsError: The socket is in use, or can't be made.
    """
    if _answers(path):
        raise SettingsError([f"another agent listens on {path}"])
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_socket():
            path.unlink()
        mask = os.umask(0o177)
        try:
            bound.bind(str(path))
        finally:
            os.umask(mask)
    except OSError as error:
        bound.close()
        raise SettingsError([f"can't listen on {path}: {error.strerror or error}"]) from error
    return bound


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
