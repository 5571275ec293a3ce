"""The output of one container, as it was and as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from kubecoder.cluster.api import Cluster
from kubecoder.cluster.failures import unreachable
from kubecoder.cluster.kinds import POD
from kubecoder.cluster.stream import BrokenConnectionError, Stream
from kubecoder.cluster.transport import ANSWER_SECONDS, Request, with_query


class LogStream:
    """Lines of a container's output, each with its newline; the last one may have none.

    Args:
        stream: The API server's answer.
        server: Its URL, for errors.
    """

    def __init__(self, stream: Stream, server: str) -> None:
        self._stream = stream
        self._server = server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines; ends with the log, with the container when following, and after `close`.

        Raises:
            UnreachableError: The connection broke.
        """
        try:
            yield from self._stream.lines()
        except BrokenConnectionError as error:
            raise unreachable(error.cause, self._server) from error

    def close(self) -> None:
        """End the stream, from any thread or signal handler."""
        self._stream.close()


def stream(  # noqa: PLR0913 - as many as `kubectl logs` has
    cluster: Cluster,
    namespace: str,
    pod: str,
    container: str = "",
    *,
    follow: bool = False,
    previous: bool = False,
    since_seconds: int | None = None,
    tail_lines: int | None = None,
    timestamps: bool = False,
) -> LogStream:
    """Open a container's log.

    Args:
        cluster: Where the pod is.
        namespace: The pod's namespace.
        pod: The pod's name.
        container: May be empty for a pod with one container.
        follow: Go on while the container runs.
        previous: The log of the run before the last restart.
        since_seconds: Only lines that are no older.
        tail_lines: Only so many of the last lines.
        timestamps: Begin each line with its RFC 3339 time and a space.

    Raises:
        ApiError: The pod or container isn't there (404), hasn't started or had no previous run (400).
    """
    query = {
        "container": container,
        "follow": "true" if follow else "",
        "previous": "true" if previous else "",
        "sinceSeconds": "" if since_seconds is None else str(max(1, since_seconds)),
        "tailLines": "" if tail_lines is None else str(tail_lines),
        "timestamps": "true" if timestamps else "",
    }
    path = with_query(POD.path(namespace, pod, "log"), query)
    # A container may well say nothing for hours; TCP keep-alive finds out when nobody is there any more.
    request = Request("GET", path, accept="*/*", timeout=None if follow else ANSWER_SECONDS)
    subject = f"log of Pod {namespace}/{pod}" + (f", container {container}" if container else "")
    return LogStream(cluster.exchange.open(request, subject=subject), cluster.server)


def tail(
    cluster: Cluster, namespace: str, pod: str, container: str = "", *, lines: int, previous: bool = False
) -> list[str]:
    """Read the last lines of a container's log, without newlines; bytes that aren't UTF-8 are replaced.

    Raises:
        ApiError: As `stream`.
        UnreachableError: The connection broke.
    """
    with stream(cluster, namespace, pod, container, tail_lines=lines, previous=previous) as log:
        return [line.decode(errors="replace").rstrip("\r\n") for line in log]
