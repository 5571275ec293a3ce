"""What the workspace uses, on the wire; a value that is absent is unknown."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from agent.models.wire import WireModel


class MetricSample(WireModel):
    """What was used at one moment.

    Attributes:
        cpu_cores: Mean since the sample before.
        memory_bytes: Working set: without the file cache that the kernel can drop.
        disk_bytes: On the home's file system.
        received_bytes_per_second: On all interfaces but loopback; `sent_bytes_per_second` too.
    """

    at: datetime
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    received_bytes_per_second: float | None = None
    sent_bytes_per_second: float | None = None


class MetricLimits(WireModel):
    """The most that can be used: the container's limits, the machine's where the container has none."""

    cpu_cores: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None


class MetricAlert(WireModel):
    """A use that is near its limit."""

    metric: Literal["cpu", "memory", "disk"]
    level: Literal["warning", "critical"]
    percent: float


class Metrics(WireModel):
    """`GET /oauth/api/metrics`: the last 15 minutes, oldest first; the last sample is the current one."""

    interval_seconds: int
    limits: MetricLimits
    alerts: tuple[MetricAlert, ...]
    history: tuple[MetricSample, ...]
