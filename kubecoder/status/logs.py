"""The logs of workspaces: several at once, and followed across restarts and replaced pods."""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from kubecoder.cluster import Cluster, logs, pods
from kubecoder.cluster.logs import LogStream
from kubecoder.cluster.pods import NoPodError, Place
from kubecoder.errors import ApiError, KubecoderError, NotFoundError, UnreachableError
from kubecoder.models.pod import containers

RETRY_SECONDS = 1.0
QUEUED_LINES = 1000
SKEW_SECONDS = 60
"""How far our clock and a node's may differ without a line getting lost on attaching again."""


@dataclass(frozen=True, slots=True)
class Options:
    """What of a log is wanted, as kubectl has it; an empty container means the workspace's own."""

    container: str = ""
    previous: bool = False
    since_seconds: int | None = None
    tail_lines: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its newline; `time` as the kubelet wrote it, RFC 3339 with nanoseconds."""

    workspace: str
    time: str
    text: str


Arrived: TypeAlias = "queue.Queue[Line | KubecoderError | None]"


def read(cluster: Cluster, places: Sequence[Place], options: Options) -> Iterator[Line]:
    """Yield what the logs hold now, in the order of time.

    Raises:
        KubecoderError: A workspace has no pod or no such container.
        ApiError: The container has no log, such as that of a previous run.
    """
    with ExitStack() as stack:
        opened = cluster.map(lambda place: _open(cluster, place, options), places)
        for stream in opened:
            stack.enter_context(stream)
        lines = [_lines(place.name, stream) for place, stream in zip(places, opened, strict=True)]
        yield from heapq.merge(*lines, key=lambda line: moment(line.time))


def moment(time: str) -> datetime:
    """Parse a line's time; nodes write it in their own time zones."""
    try:
        return datetime.fromisoformat(time)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _open(cluster: Cluster, place: Place, options: Options) -> LogStream:
    pod = pods.find(cluster, place)
    return logs.stream(
        cluster,
        place.namespace,
        pod["metadata"]["name"],
        pods.choose_container(pod, options.container),
        previous=options.previous,
        since_seconds=options.since_seconds,
        tail_lines=options.tail_lines,
        timestamps=True,
    )


def _lines(workspace: str, stream: LogStream) -> Iterator[Line]:
    for raw in stream:
        time, _, text = raw.decode(errors="replace").rstrip("\r\n").partition(" ")
        yield Line(workspace, time, text)


@contextmanager
def follow(
    cluster: Cluster, places: Sequence[Place], options: Options, *, on_notice: Callable[[str], None]
) -> Iterator[Iterator[Line]]:
    """Give the lines of several workspaces as they come, until all are deleted or the block is left.

    Args:
        cluster: Where they are.
        places: The workspaces.
        options: `tail_lines` and `since_seconds` are for the first attachment.
        on_notice: Hears what happens to the pods, from other threads.

    Raises:
        KubecoderError: From the iterator: a workspace isn't deployed or has no such container.
    """
    tails = [Tail(cluster, place, options, on_notice) for place in places]
    arrived: Arrived = queue.Queue(QUEUED_LINES)
    for tail in tails:
        threading.Thread(target=tail.run, args=(arrived,), name=f"logs-{tail.place.name}", daemon=True).start()
    try:
        yield _received(arrived, len(tails))
    finally:
        for tail in tails:
            tail.stop()


def _received(arrived: Arrived, count: int) -> Iterator[Line]:
    while count:
        item = arrived.get()
        if item is None:
            count -= 1
        elif isinstance(item, KubecoderError):
            raise item
        else:
            yield item


class Tail:
    """Follows one container of one workspace; attaches again when its stream ends."""

    def __init__(self, cluster: Cluster, place: Place, options: Options, on_notice: Callable[[str], None]) -> None:
        self.place = place
        self._cluster = cluster
        self._options = options
        self._on_notice = on_notice
        self._stopped = threading.Event()
        self._stream: LogStream | None = None
        self._instance: _Instance | None = None
        self._is_complete = False
        self._last_time = ""
        self._told = ""

    def stop(self) -> None:
        """End the thread, from any other."""
        self._stopped.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def run(self, arrived: Arrived) -> None:
        """Put lines, at last an error if there is one, and None."""
        try:
            while not self._stopped.is_set():
                self._try(arrived)
                self._stopped.wait(RETRY_SECONDS)
        except NotFoundError as error:
            if self._instance is None:
                self._put(arrived, error)
            else:
                self._tell(error.message)
        except KubecoderError as error:
            self._put(arrived, error)
        finally:
            self._put(arrived, None)

    def _try(self, arrived: Arrived) -> None:
        try:
            self._attach(arrived)
        except NoPodError as error:
            self._tell(f"{error.message}; waiting")
        except ApiError as error:
            # 400 is a container that hasn't started, 404 a pod that has just gone; the rest is a kubelet out of reach.
            if error.status not in (400, 404, 500, 502, 503, 504):
                raise
            self._tell(f"{error.message}; waiting")
        except UnreachableError as error:
            self._tell(f"{error.message}; trying again")

    def _attach(self, arrived: Arrived) -> None:
        pod = pods.find(self._cluster, self.place)
        container = pods.choose_container(pod, self._options.container)
        status = next(status for status in containers(pod) if status.name == container)
        instance = _Instance(pod["metadata"]["uid"], status.restarts)
        before, is_first = self._instance, self._instance is None
        if instance == before and self._is_complete and status.state != "running":
            return
        if before is None or instance.pod_uid != before.pod_uid:
            self._last_time = ""
        with logs.stream(
            self._cluster,
            self.place.namespace,
            pod["metadata"]["name"],
            container,
            follow=True,
            since_seconds=self._options.since_seconds if is_first else self._seconds_since_last(),
            tail_lines=self._options.tail_lines if is_first else None,
            timestamps=True,
        ) as stream:
            self._instance, self._stream, self._is_complete = instance, stream, False
            if not is_first and instance != before:
                self._tell(f"{self.place.name}: attached to pod {pod['metadata']['name']}, {status.restarts} restarts")
            if not self._stopped.is_set():
                self._receive(stream, arrived)
            self._is_complete = True

    def _receive(self, stream: LogStream, arrived: Arrived) -> None:
        resumed_after = self._last_time
        for line in _lines(self.place.name, stream):
            # After a break the log is read again from a little earlier.
            if line.time > resumed_after:
                self._last_time, self._told = line.time, ""
                self._put(arrived, line)

    def _seconds_since_last(self) -> int | None:
        if not self._last_time:
            return None
        return int((datetime.now(UTC) - moment(self._last_time)).total_seconds()) + SKEW_SECONDS

    def _put(self, arrived: Arrived, item: Line | KubecoderError | None) -> None:
        while not self._stopped.is_set():
            try:
                arrived.put(item, timeout=RETRY_SECONDS)
            except queue.Full:
                continue
            return

    def _tell(self, text: str) -> None:
        if text != self._told and not self._stopped.is_set():
            self._told = text
            self._on_notice(text)


@dataclass(frozen=True, slots=True)
class _Instance:
    """One run of a container."""

    pod_uid: str
    restarts: int
