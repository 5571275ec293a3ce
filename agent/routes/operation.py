"""A route of the Task API together with what its description in OpenAPI needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.errors import AgentError

Endpoint = Callable[[Request], Awaitable[Response]]
Media = Literal["text/plain", "text/event-stream", "application/json"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a request may carry besides its path and its body.

    Attributes:
        name: As it is sent.
        description: For the caller.
        schema: JSON Schema of its value.
        place: `query` or `header`.
    """

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: Literal["query", "header"] = "query"


class Operation(Route):
    """A route with what it takes and gives; its summary is the first line of the endpoint's docstring.

    Args:
        path: Below the API's prefix.
        endpoint: What answers.
        method: The one method; a GET answers HEAD too.
        answer: The model of a success, or the media type of one that isn't a model.
        status: Of a success.
        body: The model of the body, if the route takes one.
        body_required: Whether no body at all is an error.
        parameters: Of the query and the headers.
        errors: The failures of its own, besides those that every route has.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that OpenAPI asks for
        self,
        path: str,
        endpoint: Endpoint,
        *,
        method: str = "GET",
        answer: type[BaseModel] | Media,
        status: int = 200,
        body: type[BaseModel] | None = None,
        body_required: bool = True,
        parameters: tuple[Parameter, ...] = (),
        errors: tuple[type[AgentError], ...] = (),
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.answer = answer
        self.status = status
        self.body = body
        self.body_required = body_required
        self.parameters = parameters
        self.errors = errors
