"""What a real agent says about the use of the machine or container that it runs in."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.agent.conftest import Agent, door_headers
from tests.agent.scraping import scraped
from tests.rigs.waiting import wait_until


def test_the_agent_samples_what_is_used(shared_agent: Agent) -> None:
    def metrics() -> dict[str, Any]:
        answer = shared_agent.session("GET", "/oauth/api/metrics", door_headers())
        assert answer.status == 200
        found: dict[str, Any] = json.loads(answer.body)
        return found if len(found["history"]) > 1 else {}

    found = wait_until(metrics, what="two samples", seconds=30)
    last, limits = found["history"][-1], found["limits"]
    assert 0 < last["cpu_cores"] <= limits["cpu_cores"] * 1.5
    assert 0 < last["memory_bytes"] <= limits["memory_bytes"]
    assert 0 < last["disk_bytes"] <= limits["disk_bytes"]


def test_prometheus_gets_use_and_limits(shared_agent: Agent) -> None:
    found = wait_until(lambda: usage(shared_agent), what="a sample", seconds=30)
    assert found["kubecoder_cpu_seconds_total"] > 0
    assert 0 < found["kubecoder_memory_working_set_bytes"] <= found["kubecoder_memory_limit_bytes"]
    assert 0 < found["kubecoder_disk_used_bytes"] <= found["kubecoder_disk_limit_bytes"]
    assert 0 <= time.time() - found["kubecoder_usage_timestamp_seconds"] < 30


def usage(agent: Agent) -> dict[str, float]:
    found = scraped(agent)
    return found if "kubecoder_usage_timestamp_seconds" in found else {}
