"""The truth test's judge on timelines made up by hand: it finds every lie, and takes lag for lag."""

from __future__ import annotations

from tests.agent.truth.judging import Sample, Span, Verdict, judge, quantile

IDLE, WORKING, ASKED = frozenset({"idle"}), frozenset({"working", "retrying"}), frozenset({"waiting_permission"})
TURN = [
    Span(0, 10, IDLE, "rest"),
    Span(10, 20, WORKING, "work"),
    Span(20, 30, ASKED, "asked"),
    Span(30, 40, WORKING, "work"),
    Span(40, 50, IDLE, "rest"),
]


def judged(*reports: tuple[float, str], spans: list[Span] = TURN, detail: str = "") -> Verdict:
    """Judge words that hold from their second on, sampled every 50 ms."""
    samples = []
    for number in range(int(spans[-1].until / 0.05)):
        at = number * 0.05
        word = [word for since, word in reports if since <= at + 1e-9][-1]
        samples.append(Sample(at, at + 0.01, word, detail))
    return judge(spans, samples)


def test_who_tells_everything_as_it_was_has_not_lied() -> None:
    verdict = judged((0, "idle"), (10, "working"), (20, "waiting_permission"), (30, "retrying"), (40, "idle"))
    assert verdict.lies == []
    assert [round(delay.seconds, 3) for delay in verdict.delays] == [0.01, 0.01, 0.01, 0.01]


def test_what_comes_late_is_lag_and_measured() -> None:
    verdict = judged((0, "idle"), (11.5, "working"), (20.2, "waiting_permission"), (30, "working"), (41.9, "idle"))
    assert verdict.lies == []
    assert [round(delay.seconds, 2) for delay in verdict.delays] == [1.51, 0.21, 0.01, 1.91]


def test_what_comes_too_late_is_a_lie() -> None:
    verdict = judged((0, "idle"), (10, "working"), (23, "waiting_permission"), (30, "working"), (40, "idle"))
    (lie,) = verdict.lies
    assert (lie.word, round(lie.until - lie.since, 1)) == ("working", 1.0)
    assert "asked (waiting_permission) since 20.000" in str(lie)


def test_idle_in_the_middle_of_a_turn_is_a_lie_however_short() -> None:
    for at in (10.5, 15):
        verdict = judged(
            (0, "idle"), (10, "working"), (at, "idle"), (at + 0.05, "working"), (20, "waiting_permission"),
            (30, "working"), (40, "idle"),
        )  # fmt: skip
        assert [lie.word for lie in verdict.lies] == ["idle"], at


def test_idle_before_the_end_is_a_lie() -> None:
    verdict = judged((0, "idle"), (10, "working"), (20, "waiting_permission"), (30, "working"), (39, "idle"))
    assert [lie.word for lie in verdict.lies] == ["idle"]


def test_working_while_somebody_is_asked_is_a_lie() -> None:
    verdict = judged(
        (0, "idle"), (10, "working"), (20, "waiting_permission"), (25, "working"), (25.1, "waiting_permission"),
        (30, "working"), (40, "idle"),
    )  # fmt: skip
    assert [lie.word for lie in verdict.lies] == ["working"]


def test_another_request_than_the_one_that_is_open_is_a_lie() -> None:
    verdict = judged((0, "idle"), (10, "working"), (20, "waiting_question"), (30, "working"), (40, "idle"))
    assert [lie.word for lie in verdict.lies] == ["waiting_question"]


def test_what_was_over_before_it_could_be_told_may_be_left_out() -> None:
    short = [Span(0, 10, IDLE, "rest"), Span(10, 10.3, WORKING, "work"), Span(10.3, 20, IDLE, "rest")]
    assert judged((0, "idle"), spans=short).lies == []
    assert judged((0, "idle"), (11, "working"), (12, "idle"), spans=short).lies == []


def test_a_word_of_long_ago_is_no_lag() -> None:
    short = [Span(0, 10, IDLE, "rest"), Span(10, 10.3, WORKING, "work"), Span(10.3, 20, IDLE, "rest")]
    assert [lie.word for lie in judged((0, "idle"), (11, "working"), (13, "idle"), spans=short).lies] == ["working"]


def test_unknown_is_true_only_where_it_is_so_and_with_an_explanation() -> None:
    end = [Span(0, 10, IDLE, "rest"), Span(10, 20, frozenset({"unknown", "killed"}), "gone")]
    told = ((0, "idle"), (10, "unknown"), (12, "killed"))
    assert judged(*told, spans=end, detail="it has ended").lies == []
    assert judged(*told, spans=end, detail="it has ended").unknowns[0][1] == "it has ended"
    assert [lie.word for lie in judged(*told, spans=end).lies] == ["unknown"]
    assert [lie.word for lie in judged((0, "unknown"), spans=TURN[:1], detail="why not").lies] == ["unknown"]


def test_anything_is_true_where_nothing_is_known() -> None:
    spans = [Span(0, 10, IDLE, "rest"), Span(10, 20, frozenset(), "being ended")]
    assert judged((0, "idle"), (10, "working"), (15, "blocked"), spans=spans).lies == []


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert quantile([], 0.5) == 0
