"""Holds answers of a running agent against docs/openapi.json."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from tests.rigs.raw_http import Answer

FILE = Path("docs/openapi.json")


class UndescribedError(AssertionError):
    """An answer is not as the API's description says."""


def check(method: str, path: str, answer: Answer) -> None:
    """Check an answer's status, media type and body.

    Args:
        method: Of the request.
        path: Below the API's prefix, with its query.
        answer: What came back.

    Raises:
        UndescribedError: It isn't described so.
    """
    route = urlsplit(path).path
    operation = _operation(method, route)
    if operation is None:
        if answer.status not in (404, 405):
            raise UndescribedError(f"{method} {route} isn't described, and answers {answer.status}")
        return
    described = operation["responses"].get(str(answer.status))
    if described is None:
        raise UndescribedError(f"{method} {route}: {answer.status} isn't described: {answer.text[:200]}")
    if "$ref" in described:
        described = _document()["components"]["responses"][str(answer.status)]
    media = answer.header("Content-Type").partition(";")[0]
    if media not in described["content"]:
        raise UndescribedError(f"{method} {route}: {media} isn't described for {answer.status}")
    if media == "application/json":
        _check_body(f"{method} {route} {answer.status}", described["content"][media]["schema"], answer.json())


def _operation(method: str, route: str) -> dict[str, Any] | None:
    """Return the operation of the path with the fewest parameters that fits."""
    for pattern, operations in _document_paths():
        if pattern.fullmatch(route) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    return None


@functools.cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


@functools.cache
def _document_paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    paths = sorted(_document()["paths"].items(), key=lambda entry: entry[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), operations) for path, operations in paths]


def _check_body(where: str, schema: dict[str, Any], body: Any) -> None:
    validator = Draft202012Validator({**schema, "components": _document()["components"]})
    for problem in validator.iter_errors(body):
        raise UndescribedError(f"{where}: {problem.json_path}: {problem.message}")
