"""What every model of the wire shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """A JSON object of the API: snake_case keys, unknown ones ignored on reading."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ErrorBody(WireModel):
    """The answer to every request that fails.

    Attributes:
        error: What went wrong, for a person.
        code: A word for programs, such as `not_found`.
        hint: The next step, where there is one.
    """

    error: str
    code: str
    hint: str | None = None
