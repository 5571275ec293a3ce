"""What runs beside the agent, on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from agent.models.wire import WireModel

ServiceState = Literal["running", "starting", "backoff", "fatal", "stopping", "stopped", "exited", "unknown"]
"""The supervisor's own words: `backoff` failed and is tried again soon, `fatal` is given up."""


class Service(WireModel):
    """One service.

    Attributes:
        wanted: Whether it should run; one that is stopped on purpose, or has ended well, isn't wanted.
        failing: Whether its last start failed, or it ended by itself three times in five minutes.
        since: Of the state, to the second; for `backoff` the last end.
        restarts: How often it ended by itself and was started again since the agent started.
        restartable: Everything but the agent itself.
        problem: Why it couldn't be started.
        exit_status: Of the last end, where it has ended.
        last_lines: Of what it printed, at most 20 of 500 characters; what goes to the container's log isn't here.
    """

    name: str
    state: ServiceState
    wanted: bool
    failing: bool
    since: datetime | None = None
    restarts: int
    restartable: bool
    problem: str | None = None
    exit_status: int | None = None
    last_lines: tuple[str, ...] = ()


class ServiceList(WireModel):
    """`GET /oauth/api/services`: in the order of their names; none where no supervisor runs, as in `local`."""

    supervised: bool
    services: tuple[Service, ...]
