"""Wait for something outside this process, with a limit and without a busy loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    probe: Callable[[], Value],
    *,
    what: str,
    seconds: float,
    every: float = 0.1,
) -> Value:
    """Call `probe` until it returns something true, and return that.

    Args:
        probe: Looks once; an exception of it ends the wait.
        what: What is awaited, for the message.
        seconds: The limit.
        every: Seconds between two looks.

    Raises:
        TimeoutError: It wasn't true within the limit.
    """
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= end:
            message = f"{what}: not within {seconds:g} s"
            raise TimeoutError(message)
        time.sleep(every)
