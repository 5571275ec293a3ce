"""The reported activity is true at every moment, on the real Claude Code with random scripts of the model."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.agent.tasks import TaskAgent, running_task_agent
from tests.agent.truth import truth
from tests.agent.truth.acts import Script
from tests.agent.truth.driving import Driver
from tests.agent.truth.judging import Verdict, judge, quantile
from tests.agent.truth.observing import Observer
from tests.agent.truth.reporting import Reporter
from tests.agent.truth.scripts import write
from tests.rigs import claude

AT_ONCE = 6
SEED = 36
CLAUDE_LIMITS = {"CLAUDE_CODE_MAX_RETRIES": "2", "API_TIMEOUT_MS": "20000"}
LOOK_SECONDS = 0.3


@dataclass
class Outcome:
    """What became of one script."""

    script: Script
    task_id: str = ""
    failure: str = ""
    verdicts: list[Verdict] = field(default_factory=list)


def play(agent: TaskAgent, observer: Observer, reporter: Reporter, script: Script) -> Outcome:
    """Play a script and compare what was reported meanwhile with what was so."""
    outcome, driver = Outcome(script), Driver(agent, observer, reporter)
    try:
        driver.play(script)
    except Exception:  # noqa: BLE001 - told with the other scripts' failures
        outcome.failure = traceback.format_exc(limit=-3)
        driver.end()
    outcome.task_id = driver.task_id
    until = time.time()
    time.sleep(LOOK_SECONDS)
    observed = observer.observed(driver.task_id, driver.launched_at, until)
    spans = truth.spans(observed)
    outcome.verdicts = [
        judge(spans, samples) for samples in (reporter.samples(driver.task_id), reporter.events(driver.task_id))
    ]
    return outcome


def play_all(agent: TaskAgent, scripts: Sequence[Script]) -> tuple[list[Outcome], list[float]]:
    """Play scripts side by side; return what became of them, and the seconds from a hook to a client."""
    with Observer(agent.home, agent.model.log) as observer, Reporter(agent.agent) as reporter:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(lambda script: play(agent, observer, reporter, script), scripts))
        requests = [each for each in reporter.received if each.event["kind"] == "permission"]
        opened = [each for each in requests if each.event["permission"]["state"] == "open"]
        return outcomes, [each.at - each.event["permission"]["requested_at"] for each in opened]


def spread(values: Sequence[float]) -> str:
    """Say how some seconds are spread."""
    shown = (f"{name} {quantile(values, share) * 1000:.0f} ms" for name, share in (("p50", 0.5), ("p99", 0.99)))
    return f"{', '.join(shown)}, max {max(values, default=0) * 1000:.0f} ms (n={len(values)})"


def figures(outcomes: Sequence[Outcome], arrivals: Sequence[float]) -> str:
    """Say what was measured."""
    verdicts = [outcome.verdicts[0] for outcome in outcomes if outcome.verdicts]
    delays = [delay for verdict in verdicts for delay in verdict.delays]
    lines = [f"{len(outcomes)} scripts; from a hook's arrival to a client: {spread(arrivals)}"]
    for what in sorted({delay.what for delay in delays}):
        seconds = [delay.seconds for delay in delays if delay.what == what]
        lines.append(f"reported after {what!r}: {spread(seconds)}")
    unknown = Counter(detail for verdict in verdicts for _, detail in verdict.unknowns)
    lines += [f"unknown, {count} samples: {detail}" for detail, count in unknown.items()]
    return "\n".join(lines)


def problems(outcomes: Sequence[Outcome]) -> str:
    """Say what was wrong."""
    told = []
    for outcome in outcomes:
        lies = [f"  {lie}" for verdict in outcome.verdicts for lie in verdict.lies]
        if lies or outcome.failure:
            told.append("\n".join([f"{outcome.script}, {outcome.task_id}:", *lies, outcome.failure]))
    return "\n".join(told)


def check(directory: Path, version: str, scripts: Sequence[Script]) -> None:
    with running_task_agent(
        directory, version=version, settings={"MAX_TASKS": str(AT_ONCE + 1)}, variables=CLAUDE_LIMITS
    ) as agent:
        outcomes, arrivals = play_all(agent, scripts)
        print(f"{version}: {figures(outcomes, arrivals)}")
        assert not problems(outcomes), f"\n{problems(outcomes)}"


@pytest.mark.parametrize("version", claude.VERSIONS)
def test_what_is_reported_of_random_scripts_is_true_at_every_moment(tmp_path: Path, version: str) -> None:
    check(tmp_path, version, write(SEED, 40))


@pytest.mark.soak
@pytest.mark.parametrize("version", claude.VERSIONS)
def test_what_is_reported_of_two_hundred_random_scripts_is_true(tmp_path: Path, version: str) -> None:
    check(tmp_path, version, write(200, 200))
