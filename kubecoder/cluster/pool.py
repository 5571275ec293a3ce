"""Runs a function over many items in threads; may be nested without ever waiting for itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool:
    """Threads that help the callers of `map`.

    The caller works on its own items too, and waits only for items that somebody has begun. So a `map` inside a
    `map` goes on even when all threads are busy.

    Args:
        workers: The number of threads; each is started when it is needed.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="kubecoder-cluster")

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call the function for each item; the results have the order of the items.

        When a call raises, no further item is begun, those in progress end, and the earliest item's error is raised.
        """
        work = _Work(function, items)
        count = min(self._workers, len(work.waiting) - 1)
        # A context can be entered by one thread at a time, so each helper gets a copy of its own.
        helpers = [self._executor.submit(copy_context().run, work.run) for _ in range(count)]
        try:
            work.run()
        finally:
            work.finish()
            for helper in helpers:
                helper.cancel()
        return work.results()

    def close(self) -> None:
        """Let the threads end once they have nothing to do."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Work(Generic[Item, Result]):
    """The items of one `map`, taken one by one by whoever is free."""

    def __init__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> None:
        self.waiting = deque(enumerate(items))
        self._function = function
        self._results: dict[int, Result] = {}
        self._errors: dict[int, BaseException] = {}
        self._in_progress = 0
        self._changed = threading.Condition()

    def run(self) -> None:
        while True:
            with self._changed:
                if not self.waiting or self._errors:
                    return
                index, item = self.waiting.popleft()
                self._in_progress += 1
            try:
                self._results[index] = self._function(item)
            except BaseException as error:  # noqa: BLE001 - Ctrl-C in the caller's thread must end the others' work too
                self._errors[index] = error
            finally:
                with self._changed:
                    self._in_progress -= 1
                    self._changed.notify_all()

    def finish(self) -> None:
        """Begin nothing more and wait for what is in progress."""
        with self._changed:
            self.waiting.clear()
            while self._in_progress:
                self._changed.wait()

    def results(self) -> list[Result]:
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._results[index] for index in sorted(self._results)]
