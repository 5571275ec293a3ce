"""The description of the Task API names everything that the routes do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route

from agent import openapi
from agent.app import CLAUDE_ROUTES, SESSION_ROUTES
from agent.errors import AgentError
from agent.routes import github, services
from agent.routes.operation import Operation


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(CLAUDE_ROUTES, SESSION_ROUTES)


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_every_route_is_described_with_its_method_and_a_summary(document: dict[str, Any]) -> None:
    for route in (*CLAUDE_ROUTES, *SESSION_ROUTES):
        assert isinstance(route, Route)
        assert isinstance(route, Operation), f"{route.path} has no description"
        described = document["paths"][route.path][route.method.lower()]
        assert described["summary"].endswith("."), route.path
        assert "200" in described["responses"] or "201" in described["responses"], route.path


def test_names_of_operations_are_unique(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found.add(value["$ref"])
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(document)
    assert found
    for reference in found:
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_the_schemas_are_json_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_what_a_token_does_not_open_says_so(document: dict[str, Any]) -> None:
    assert document["paths"]["/auth/token"]["get"]["security"] == [{"session": []}]
    assert "security" not in document["paths"]["/tasks"]["get"]


def test_every_failure_of_the_tree_is_described_somewhere(document: dict[str, Any]) -> None:
    # These are the page's own and no part of the Task API.
    pages = (*github.ROUTES, *services.ROUTES)
    text = json.dumps(document) + " ".join(error.code for route in pages for error in route.errors)

    def all_below(error: type[AgentError]) -> list[type[AgentError]]:
        return [error, *(each for child in error.__subclasses__() for each in all_below(child))]

    missing = [error.__name__ for error in all_below(AgentError) if f"{error.code}" not in text]
    assert missing == []
