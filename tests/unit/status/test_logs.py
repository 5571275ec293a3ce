"""Following logs, with the pods and the streams of the cluster played by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import pytest

from kubecoder.cluster.pods import NoPodError, Place
from kubecoder.errors import ApiError, ConfigError, NotFoundError, UnreachableError
from kubecoder.models.manifest import Manifest
from kubecoder.status import logs
from kubecoder.status.logs import Line, Options, follow, moment, read
from tests.objects import pod, running, waiting

PLACE = Place("f1", "john", "coder")
DELETED = NotFoundError("john isn't deployed")


def at(second: int, text: str) -> bytes:
    return f"2026-01-01T10:00:{second:02}.000000000Z {text}\n".encode()


class Stream:
    """A log that ends, or breaks with an error."""

    def __init__(self, *lines: bytes, error: Exception | None = None) -> None:
        self.lines = lines
        self.error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        yield from self.lines
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Nothing is open."""


class World:
    """What the cluster shows at each look, and what was asked of it."""

    def __init__(self, *looks: Manifest | Exception, streams: tuple[Stream | Exception, ...] = ()) -> None:
        self.looks = list(looks)
        self.streams = list(streams)
        self.asked: list[dict[str, Any]] = []

    def find(self, cluster: object, place: Place) -> Manifest:
        found = self.looks.pop(0) if self.looks else DELETED
        if isinstance(found, Exception):
            raise found
        return found

    def stream(self, cluster: object, namespace: str, name: str, container: str, **options: Any) -> Stream:
        self.asked.append({"pod": name, "container": container, **options})
        found = self.streams.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        return [function(item) for item in items]


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], World]:
    def patch(world: World) -> World:
        monkeypatch.setattr("kubecoder.cluster.pods.find", world.find)
        monkeypatch.setattr("kubecoder.cluster.logs.stream", world.stream)
        monkeypatch.setattr(logs, "RETRY_SECONDS", 0.01)
        return world

    return patch


def live(uid: str, *, restarts: int = 0, name: str = "", state: dict[str, Any] | None = None) -> Manifest:
    found = pod(state or running(restarts=restarts), name=name or f"pod-{uid}")
    found["metadata"]["uid"] = uid
    return found


def followed(world: World, options: Options | None = None) -> tuple[list[str], list[str]]:
    notices: list[str] = []
    with follow(world, [PLACE], options or Options(), on_notice=notices.append) as lines:  # type: ignore[arg-type]
        return [line.text for line in lines], notices


def test_it_goes_on_when_the_container_restarts(enter: Callable[[World], World]) -> None:
    world = enter(
        World(
            live("a"),
            live("a", restarts=1),
            streams=(Stream(at(1, "one"), at(2, "two")), Stream(at(3, "three"))),
        )
    )

    texts, notices = followed(world)

    assert texts == ["one", "two", "three"]
    assert notices == ["john: attached to pod pod-a, 1 restarts", "john isn't deployed"]


def test_it_goes_on_with_another_pod_from_its_beginning(enter: Callable[[World], World]) -> None:
    world = enter(
        World(
            live("a"),
            live("b"),
            streams=(Stream(at(30, "last of a")), Stream(at(5, "first of b, whose clock is late"))),
        )
    )

    texts, _ = followed(world, Options(tail_lines=10, since_seconds=60))

    assert texts == ["last of a", "first of b, whose clock is late"]
    assert [(entry["tail_lines"], entry["since_seconds"]) for entry in world.asked] == [(10, 60), (None, None)]


def test_lines_that_were_seen_before_a_break_are_not_shown_again(enter: Callable[[World], World]) -> None:
    broken = UnreachableError("the connection broke")
    world = enter(
        World(
            live("a"),
            live("a"),
            streams=(
                Stream(at(1, "one"), at(2, "two"), error=broken),
                Stream(at(1, "one"), at(2, "two"), at(3, "three"), at(3, "at the same time")),
            ),
        )
    )

    texts, notices = followed(world)

    assert texts == ["one", "two", "three", "at the same time"]
    assert notices[0] == "the connection broke; trying again"
    assert world.asked[1]["since_seconds"] > 0


def test_a_container_that_has_ended_is_not_read_again_and_again(enter: Callable[[World], World]) -> None:
    loop = live("a", state=waiting("CrashLoopBackOff", restarts=1))
    world = enter(World(live("a", restarts=1), loop, loop, loop, streams=(Stream(at(1, "one")),)))

    texts, _ = followed(world)

    assert texts == ["one"]
    assert len(world.asked) == 1


def test_it_waits_for_a_pod_and_for_a_container_and_says_so_once(enter: Callable[[World], World]) -> None:
    creating = ApiError("container ide is waiting to start", status=400)
    world = enter(
        World(
            NoPodError("john has no pod yet"),
            NoPodError("john has no pod yet"),
            live("a"),
            live("a"),
            streams=(creating, Stream(at(1, "one"))),
        )
    )

    texts, notices = followed(world)

    assert texts == ["one"]
    assert notices == [
        "john has no pod yet; waiting",
        "container ide is waiting to start; waiting",
        "john isn't deployed",
    ]


@pytest.mark.parametrize(
    "error",
    [DELETED, ApiError("pods is forbidden", status=403), ConfigError("no credentials")],
    ids=["not deployed", "forbidden", "no credentials"],
)
def test_what_waiting_does_not_mend_is_an_error(enter: Callable[[World], World], error: Exception) -> None:
    world = enter(World(error))

    with pytest.raises(type(error)) as raised:
        followed(world)
    assert raised.value is error


def test_an_unknown_container_is_an_error(enter: Callable[[World], World]) -> None:
    with pytest.raises(NotFoundError, match="no container nope"):
        followed(enter(World(live("a"))), Options(container="nope"))


def test_several_logs_are_read_in_the_order_of_time(enter: Callable[[World], World]) -> None:
    jane = Place("f1", "jane", "coder")
    # jane's node writes its own time zone.
    hour_ahead = b"2026-01-01T11:00:02.000000000+01:00 two\n"
    world = enter(World(live("a"), live("b"), streams=(Stream(at(1, "one"), at(3, "three")), Stream(hour_ahead))))

    lines = list(read(world, [PLACE, jane], Options()))  # type: ignore[arg-type]

    assert [(line.workspace, line.text) for line in lines] == [("john", "one"), ("jane", "two"), ("john", "three")]


def test_a_line_is_read_whatever_its_bytes(enter: Callable[[World], World]) -> None:
    world = enter(World(live("a"), streams=(Stream(b"2026-01-01T10:00:01Z a b\xff\r\n", b"no-time"),)))

    lines = list(read(world, [PLACE], Options()))  # type: ignore[arg-type]

    assert lines == [Line("john", "2026-01-01T10:00:01Z", "a b\ufffd"), Line("john", "no-time", "")]
    assert moment("no-time") < moment("2026-01-01T10:00:01.123456789Z")
