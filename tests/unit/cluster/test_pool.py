"""`map` in threads: order, errors, nesting."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from kubecoder.cluster.pool import Pool


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(4)
    yield made
    made.close()


def test_results_have_the_order_of_the_items(pool: Pool) -> None:
    assert pool.map(lambda n: n * n, range(50)) == [n * n for n in range(50)]
    assert pool.map(str, []) == []


def test_several_threads_work_at_once(pool: Pool) -> None:
    meeting = threading.Barrier(5, timeout=10)  # the four threads and the caller

    pool.map(lambda _: meeting.wait(), range(5))


def test_a_map_inside_a_map_inside_a_map_goes_on(pool: Pool) -> None:
    def outer(a: int) -> int:
        return sum(pool.map(lambda b: sum(pool.map(lambda c: a * b * c, range(6))), range(6)))

    assert pool.map(outer, range(8)) == [a * 15 * 15 for a in range(8)]


def test_an_error_ends_the_work_and_is_raised_after_what_was_begun(pool: Pool) -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        pool.map(work, range(10_000))

    count = len(begun)
    assert count < 10_000
    assert pool.map(lambda n: n, [1]) == [1]
    assert len(begun) == count


def test_of_several_errors_the_earliest_item_wins(pool: Pool) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def work(number: int) -> None:
        meeting.wait()
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        pool.map(work, range(3))
