"""Look every few seconds and keep what was seen in the last 15 minutes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from agent.logs import event
from agent.metrics.disk import DiskProbe
from agent.metrics.reading import Reading, read
from agent.models import MetricAlert, MetricLimits, Metrics, MetricSample

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 5
HISTORY_SECONDS = 15 * 60
# In percent of the limit: from here a warning, from here critical. kube-coder's numbers.
THRESHOLDS = {"cpu": (70.0, 90.0), "memory": (80.0, 95.0), "disk": (80.0, 90.0)}


class Sampler:
    """The recent use of one workspace.

    Args:
        home: Whose file system is the disk.
    """

    def __init__(self, home: Path) -> None:
        self._disk = DiskProbe(home)
        self._history: deque[MetricSample] = deque(maxlen=HISTORY_SECONDS // INTERVAL_SECONDS)
        self._last: tuple[Reading, float] | None = None

    async def run(self) -> None:
        """Look until cancelled; a look that fails is logged, and the next one comes in its time."""
        while True:
            started = time.monotonic()
            try:
                reading = await asyncio.to_thread(read, await self._disk.read())
            except Exception as error:  # noqa: BLE001 - whatever it is, the values after it are wanted
                event(log, logging.ERROR, "what is used can't be read", reason=f"{type(error).__name__}: {error}")
            else:
                self.add(reading, moment=time.monotonic(), now=datetime.now(UTC))
            await asyncio.sleep(INTERVAL_SECONDS - min(time.monotonic() - started, INTERVAL_SECONDS))

    def add(self, reading: Reading, *, moment: float, now: datetime) -> None:
        """Keep a reading.

        Args:
            reading: What was seen.
            moment: When, in seconds of a clock that nobody sets.
            now: When, for people.
        """
        before, then = self._last or (Reading(), moment)
        seconds = moment - then
        self._history.append(
            MetricSample(
                at=now,
                cpu_cores=_rate(before.cpu_seconds, reading.cpu_seconds, seconds),
                memory_bytes=reading.memory,
                disk_bytes=reading.disk,
                received_bytes_per_second=_rate(before.received, reading.received, seconds),
                sent_bytes_per_second=_rate(before.sent, reading.sent, seconds),
            )
        )
        self._last = reading, moment

    def latest(self) -> tuple[Reading, float | None]:
        """Return the last reading and when it was made, in Unix seconds."""
        reading = self._last[0] if self._last else Reading()
        return reading, self._history[-1].at.timestamp() if self._history else None

    def metrics(self) -> Metrics:
        """Return what is known now."""
        reading, _ = self.latest()
        limits = MetricLimits(
            cpu_cores=reading.cpu_limit, memory_bytes=reading.memory_limit, disk_bytes=reading.disk_limit
        )
        return Metrics(
            interval_seconds=INTERVAL_SECONDS,
            limits=limits,
            alerts=_alerts(self._history[-1], limits) if self._history else (),
            history=tuple(self._history),
        )


def _rate(before: float | None, after: float | None, seconds: float) -> float | None:
    # A counter that went back belongs to another container or interface.
    if before is None or after is None or seconds <= 0 or after < before:
        return None
    return (after - before) / seconds


def _alerts(sample: MetricSample, limits: MetricLimits) -> tuple[MetricAlert, ...]:
    used = {
        "cpu": (sample.cpu_cores, limits.cpu_cores),
        "memory": (sample.memory_bytes, limits.memory_bytes),
        "disk": (sample.disk_bytes, limits.disk_bytes),
    }
    found = []
    for metric, (warning, critical) in THRESHOLDS.items():
        value, most = used[metric]
        percent = 100 * value / most if value is not None and most else 0.0
        if percent >= warning:
            level = "critical" if percent >= critical else "warning"
            found.append(MetricAlert.model_validate({"metric": metric, "level": level, "percent": round(percent, 1)}))
    return tuple(found)
