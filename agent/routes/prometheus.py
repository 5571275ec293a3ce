"""`/metrics` of the API listener: the workspace in Prometheus' words, with few labels and no names of tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent import __version__
from agent.models import Activity, Status
from agent.workspace import Workspace, workspace_of

MOST_SERVICES = 50
"""Whoever may add services must not add series without end."""


class WorkspaceCollector(Collector):
    """Reads everything at the moment of the request; what isn't known has no series."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of the workspace."""
        yield _labelled(GaugeMetricFamily, "agent_info", "The agent's version.", "version", {__version__: 1})
        yield from self._tasks()
        yield from self._usage()
        yield from self._services()

    def _tasks(self) -> Iterator[Metric]:
        shown = self._workspace.tasks.registry.list(statuses=frozenset({Status.QUEUED, Status.RUNNING})).tasks
        found = Counter(str(task.activity or task.status) for task in shown)
        # Those of running tasks before their first evidence are `starting`.
        states = {Status.QUEUED.value: 0, **dict.fromkeys((activity.value for activity in Activity), 0)}
        text = "Queued tasks, and running ones by what the conversation does."
        yield _labelled(GaugeMetricFamily, "tasks", text, "state", states | {key: found[key] for key in states})
        pending = sum(task.pending for task in shown)
        yield _plain(
            GaugeMetricFamily, "permissions_open", "Permissions and questions that wait for a person.", pending
        )
        text = "Webhooks that couldn't be sent, by what was done then: tried again, or given up."
        failures = self._workspace.engine.webhook_failures
        yield _labelled(CounterMetricFamily, "webhook_failures", text, "then", failures)

    def _usage(self) -> Iterator[Metric]:
        reading, at = self._workspace.metrics.latest()
        text = "Of the container; of the machine where the container has no limit."
        for family, name, description, value in (
            (CounterMetricFamily, "cpu_seconds", f"CPU time used. {text}", reading.cpu_seconds),
            (GaugeMetricFamily, "cpu_limit_cores", "Cores that can be used.", reading.cpu_limit),
            (GaugeMetricFamily, "memory_working_set_bytes", f"Memory used. {text}", reading.memory),
            (GaugeMetricFamily, "memory_limit_bytes", "Memory that can be used.", reading.memory_limit),
            (GaugeMetricFamily, "disk_used_bytes", "Used on the home's file system.", reading.disk),
            (GaugeMetricFamily, "disk_limit_bytes", "What the home's file system holds.", reading.disk_limit),
            (CounterMetricFamily, "network_received_bytes", "By all interfaces but loopback.", reading.received),
            (CounterMetricFamily, "network_sent_bytes", "By all interfaces but loopback.", reading.sent),
            (GaugeMetricFamily, "usage_timestamp_seconds", "When the values of use were read.", at),
        ):
            if value is not None:
                yield _plain(family, name, description, value)

    def _services(self) -> Iterator[Metric]:
        counted = self._workspace.services.counted()[:MOST_SERVICES]
        up = {name: float(is_up) for name, is_up, _ in counted}
        restarts = {name: restarts for name, _, restarts in counted}
        yield _labelled(GaugeMetricFamily, "service_up", "Whether a service runs that should.", "service", up)
        text = "How often a service ended by itself and was started again."
        yield _labelled(CounterMetricFamily, "service_restarts", text, "service", restarts)


Family = type[GaugeMetricFamily] | type[CounterMetricFamily]


def _plain(family: Family, name: str, text: str, value: float) -> Metric:
    return family(f"kubecoder_{name}", text, value=value)


def _labelled(family: Family, name: str, text: str, label: str, values: dict[str, float] | dict[str, int]) -> Metric:
    made = family(f"kubecoder_{name}", text, labels=[label])
    for key, value in values.items():
        made.add_metric([key], value)
    return made


async def metrics(request: Request) -> Response:
    """Tell how the workspace is in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(WorkspaceCollector(workspace_of(request)))
    return Response(
        generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
    )


ROUTES = (Route("/metrics", metrics),)
