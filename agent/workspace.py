"""What the routes of one running agent share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from agent.access.tokens import Tokens
from agent.github.clones import Clones
from agent.metrics.sampler import Sampler
from agent.models import Part
from agent.readiness import Prober
from agent.services.services import Services
from agent.services.supervisor import Supervisor
from agent.settings import Settings
from agent.tasks.engine import Engine
from agent.tasks.service import TaskService

# Each part listens beside the agent on `<part>.sock`; the slim image has none of them.
PARTS: tuple[Part, ...] = ("ide", "terminal", "browser")


@dataclass(frozen=True, slots=True)
class Workspace:
    """One running agent.

    Attributes:
        settings: As read at start.
        tokens: Of the API listener.
        prober: Behind `/ready`.
        engine: Runs the tasks.
        metrics: What is used and what was.
        services: What runs beside the agent.
        clones: Of repositories into the home.
        stopping: Set at SIGTERM; whoever streams ends then.
    """

    settings: Settings
    tokens: Tokens
    prober: Prober
    engine: Engine
    metrics: Sampler
    services: Services
    clones: Clones
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def from_settings(cls, settings: Settings) -> Workspace:
        """Build everything from the settings."""
        tokens = Tokens(admin_file=settings.admin_token_file, user_file=settings.user_token_file)
        engine = Engine(settings)
        services = Services(Supervisor(settings.supervisor_socket), changed=lambda: engine.tell("services"))
        sampler, clones = Sampler(settings.home), Clones(settings.home)
        return cls(settings, tokens, Prober(settings, tokens), engine, sampler, services, clones)

    @property
    def tasks(self) -> TaskService:
        """What clients can do with tasks."""
        return self.engine.service

    def installed_parts(self) -> tuple[Part, ...]:
        """Return what runs beside the agent, by the sockets that are there."""
        directory = self.settings.session_socket.parent
        return tuple(part for part in PARTS if (directory / f"{part}.sock").is_socket())


def workspace_of(connection: HTTPConnection) -> Workspace:
    """Return the workspace that a request was made to."""
    workspace = connection.app.state.workspace
    assert isinstance(workspace, Workspace)
    return workspace
