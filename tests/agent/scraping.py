"""What Prometheus makes of the agent's `/metrics`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.agent.conftest import Agent

LABELS = {"version", "state", "then", "service"}


def scraped(agent: Agent) -> dict[str, float]:
    """Scrape as Prometheus does; a series' key is its name, and the value of its one label behind a colon."""
    answer = agent.api("GET", "/metrics", agent.bearer())
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/plain; version=")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    assert {label for sample in samples for label in sample.labels} <= LABELS
    found = {":".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found
