"""The Task API's description: OpenAPI 3.1, built from the routes and the models that they really use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from agent import __version__
from agent.errors import (
    AgentError,
    BodyTooLargeError,
    ForeignOriginError,
    InvalidBodyError,
    JsonOnlyError,
    NotAdmittedError,
    NotSignedInError,
    UnauthorizedError,
    UnavailableError,
    WrongHostError,
)
from agent.models import ErrorBody, TaskEvent
from agent.routes.operation import Operation

VERSION = "3.1.0"
REFERENCE = "#/components/schemas/{model}"
PATH_PARAMETER = re.compile(r"{(\w+)}")
EVERYWHERE: tuple[type[AgentError], ...] = (
    UnauthorizedError,
    NotSignedInError,
    NotAdmittedError,
    WrongHostError,
    ForeignOriginError,
    UnavailableError,
    AgentError,
)
OF_BODIES: tuple[type[AgentError], ...] = (InvalidBodyError, BodyTooLargeError, JsonOnlyError)
SECURITY_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The user's or the admin's API token, below /api/claude.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-kubecoder",
        "description": "The sign-in at the workspace's door, below /oauth/api/claude; for the workspace's own page.",
    },
}
SERVERS = (
    {"url": "/api/claude", "description": "with a token"},
    {"url": "/oauth/api/claude", "description": "with a session"},
)


def document(shared: Sequence[Operation], session_only: Sequence[Operation]) -> dict[str, Any]:
    """Return the description of all operations.

    Args:
        shared: Those of both listeners.
        session_only: Those that a token doesn't open.
    """
    operations = (*shared, *session_only)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _described(operation)
        if operation in session_only:
            described |= {"security": [{"session": []}], "servers": [SERVERS[1]]}
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": VERSION,
        "info": {"title": "kubecoder Task API", "version": __version__},
        "servers": list(SERVERS),
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "responses": {str(status): _failure(status, codes) for status, codes in COMMON.items()},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.endpoint.__name__,
        "summary": (operation.endpoint.__doc__ or "").partition("\n")[0],
        "parameters": _parameters(operation),
        "responses": {str(operation.status): _success(operation), **_failures(operation)},
    }
    if operation.body is not None:
        described["requestBody"] = {"required": operation.body_required, "content": _content(operation.body)}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PATH_PARAMETER.findall(operation.path)
    ]
    others = [
        {"name": each.name, "in": each.place, "description": each.description, "schema": dict(each.schema)}
        for each in operation.parameters
    ]
    return in_path + others


def _success(operation: Operation) -> dict[str, Any]:
    description = HTTPStatus(operation.status).phrase
    if operation.answer == "text/event-stream":
        description = "Server-Sent Events; the data of each is a TaskEvent."
    return {"description": description, "content": _content(operation.answer)}


def _content(what: type[BaseModel] | str) -> dict[str, Any]:
    if not isinstance(what, str):
        return {"application/json": {"schema": {"$ref": REFERENCE.format(model=what.__name__)}}}
    return {what: {"schema": {"type": "object" if what == "application/json" else "string"}}}


def _failures(operation: Operation) -> dict[str, Any]:
    of_bodies = OF_BODIES if operation.body is not None else ()
    found = _codes((*EVERYWHERE, *of_bodies, *operation.errors))
    return {str(status): _failure_or_common(status, codes) for status, codes in sorted(found.items())}


def _failure_or_common(status: int, codes: Sequence[str]) -> dict[str, Any]:
    if COMMON.get(status) == codes:
        return {"$ref": f"#/components/responses/{status}"}
    return _failure(status, codes)


def _failure(status: int, codes: Sequence[str]) -> dict[str, Any]:
    """Describe the failures of one status by the words that their `code` can be."""
    return {"description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}", "content": _content(ErrorBody)}


def _codes(errors: Iterable[type[AgentError]]) -> dict[int, list[str]]:
    by_status: dict[int, list[str]] = {}
    for error in errors:
        codes = by_status.setdefault(error.status, [])
        if error.code not in codes:
            codes.append(error.code)
    return by_status


COMMON = _codes(EVERYWHERE)


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    taken = {operation.body for operation in operations if operation.body is not None}
    given = {operation.answer for operation in operations if not isinstance(operation.answer, str)}
    models: list[type[BaseModel]] = [*taken, *given, ErrorBody, TaskEvent]
    models.sort(key=lambda model: model.__name__)
    modes = [(model, "validation" if model in taken else "serialization") for model in models]
    _, schemas = models_json_schema(modes, ref_template=REFERENCE)  # type: ignore[arg-type] # the words are its modes
    found: dict[str, Any] = schemas["$defs"]
    return found
