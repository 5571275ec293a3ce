"""This process's own side of a remote command: its stdin, its terminal and its signals."""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Final, TypeAlias

from kubecoder.cluster.channels import Channels
from kubecoder.errors import InterruptedRunError, UnreachableError

CHUNK: Final = 32768
STOP: Final = 0
"""No signal has this number."""
ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

Handler: TypeAlias = Callable[[int, FrameType | None], object]


class _Feeder:
    """Reads a file descriptor, sends what it has, and hears of signals.

    A thread that is about to wait in a system call may miss that a signal has come: Python's handlers run between two
    bytecodes of the main thread, which waits for the other side most of the time. So the interpreter writes signals
    into a pipe, and this thread reads them there.
    """

    def __init__(self, channels: Channels, channel: int, descriptor: int, on_resize: Callable[[], None] | None) -> None:
        self._channels = channels
        self._channel = channel
        self._descriptor = descriptor
        self._on_resize = on_resize
        self._woken, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        self._thread = threading.Thread(target=self._run, name="kubecoder-exec-stdin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, whatever it waits for."""
        os.write(self.waker, bytes((STOP,)))
        self._channels.interrupt()
        self._thread.join()
        os.close(self.waker)
        os.close(self._woken)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        with suppress(UnreachableError):  # whoever reads the other side hears of it too, and tells
            while True:
                ready = dict(poll.poll())
                if self._woken in ready and not self._hear(os.read(self._woken, 1)[0]):
                    return
                if self._descriptor in ready and not self._pass_on():
                    poll.unregister(self._descriptor)

    def _hear(self, number: int) -> bool:
        """Act on a signal; False ends the thread."""
        if number == signal.SIGWINCH and self._on_resize is not None:
            self._on_resize()
        elif number in ENDING:
            self._channels.interrupt()
        return number != STOP

    def _pass_on(self) -> bool:
        """Send a piece; False at the end, which is passed on too."""
        try:
            data = os.read(self._descriptor, CHUNK)
        except OSError:  # the terminal is gone
            data = b""
        if data:
            self._channels.send(self._channel, data)
        else:
            self._channels.close_channel(self._channel)
        return bool(data)


@contextmanager
def feeding(
    channels: Channels, channel: int, descriptor: int, *, on_resize: Callable[[], None] | None = None
) -> Iterator[None]:
    """Send what a file descriptor has on a channel, by a thread of its own, until its end or that of the block.

    Args:
        channels: The connection; interrupted at the end of the block, and by a signal that is to end this process.
        channel: Where the data goes.
        descriptor: Read in pieces.
        on_resize: Called by the thread when the terminal's size has changed.
    """
    feeder = _Feeder(channels, channel, descriptor, on_resize)
    with ExitStack() as stack:
        stack.callback(feeder.close)
        if threading.current_thread() is threading.main_thread():
            stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(feeder.waker, warn_on_full_buffer=False))
            if on_resize is not None:
                stack.enter_context(_handled({signal.SIGWINCH: lambda *_: None}))  # unhandled, it would be ignored
        yield


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Put the terminal into raw mode and restore it, also when a signal ends this process.

    Raises:
        InterruptedRunError: A signal came.
    """
    saved = termios.tcgetattr(descriptor)

    def end(number: int, _: FrameType | None) -> None:
        raise InterruptedRunError(f"ended by {signal.Signals(number).name}")

    with _handled({signal.SIGTERM: end, signal.SIGHUP: end}):
        try:
            tty.setraw(descriptor)
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, saved)


@contextmanager
def _handled(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
