"""Read what clients send: JSON objects of a bounded size, and query parameters, each as a validated model."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from agent.errors import BodyTooLargeError, InvalidBodyError

BODY_BYTES = 1024**2
Model = TypeVar("Model", bound=BaseModel)
Word = TypeVar("Word", bound=StrEnum)
PROBLEMS_SHOWN = 5
MOMENT = re.compile(r"\d{1,11}(\.\d{1,9})?", re.ASCII)
ACTION = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40})?")


async def read(request: Request, model: type[Model], *, may_be_empty: bool = False) -> Model:
    """Read the body as a model.

    Args:
        request: Whose body.
        model: What it must be.
        may_be_empty: Whether no body means an empty object.

    Raises:
        BodyTooLargeError: It has more than `BODY_BYTES`.
        InvalidBodyError: It isn't a JSON object, or not one of this kind; says which fields.
    """
    content = await _content(request)
    if may_be_empty and not content:
        content = b"{}"
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidBodyError("Invalid JSON body") from error
    if not isinstance(document, dict):
        raise InvalidBodyError("the body must be a JSON object")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidBodyError("; ".join(_sentences(error))) from error


async def _content(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES:
            raise BodyTooLargeError(f"a body has at most {BODY_BYTES} bytes")
    return bytes(content)


def _sentences(error: ValidationError) -> list[str]:
    """Say what is wrong without repeating what was sent, which may be secret."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    sentences = []
    for problem in problems[:PROBLEMS_SHOWN]:
        field = ".".join(str(part) for part in problem["loc"])[:100] or "the body"
        if problem["type"] == "missing":
            sentences.append(f"{field} is required")
        else:
            sentences.append(f"{field}: {problem['msg'].removeprefix('Value error, ')}")
    return sentences


def number(request: Request, name: str, allowed: range, default: int | None = None) -> int | None:
    """Read a whole number from the query.

    Raises:
        InvalidBodyError: It isn't one, or outside of what is allowed.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) not in allowed:
        raise InvalidBodyError(f"{name}: a number from {allowed.start} to {allowed.stop - 1}")
    return int(text)


def moment(request: Request, name: str) -> float | None:
    """Read Unix seconds from the query.

    Raises:
        InvalidBodyError: It isn't a number of seconds.
    """
    text = request.query_params.get(name)
    if text is None:
        return None
    if not MOMENT.fullmatch(text):
        raise InvalidBodyError(f"{name}: Unix seconds, such as 1767225600.25")
    return float(text)


def actions(request: Request, name: str) -> frozenset[str]:
    """Read actions of the audit log from the query: several parameters, or one with commas.

    Raises:
        InvalidBodyError: One of them couldn't be an action.
    """
    asked = frozenset(word for value in request.query_params.getlist(name) for word in value.split(",") if word)
    if not all(ACTION.fullmatch(word) for word in asked):
        raise InvalidBodyError(f"{name}: actions such as permission or task.kill, with commas between them")
    return asked


def words(request: Request, name: str, kind: type[Word]) -> frozenset[Word]:
    """Read words from the query: several parameters, or one with commas.

    Raises:
        InvalidBodyError: One of them isn't known.
    """
    asked = [word for value in request.query_params.getlist(name) for word in value.split(",") if word]
    try:
        return frozenset(kind(word) for word in asked)
    except ValueError as error:
        raise InvalidBodyError(f"{name}: some of {', '.join(kind)}") from error
