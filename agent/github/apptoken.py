"""What the `github-token` container tells of the GitHub App's token; the token itself isn't read here."""

from __future__ import annotations

from pathlib import Path

from agent.files import read_small
from agent.models import AppToken

STATE_BYTES = 20_000


def state(directory: Path) -> AppToken:
    """Return the state; without a GitHub App, `configured` is false.

    Args:
        directory: The memory volume of the container.
    """
    try:
        content = read_small(directory / "state.json", limit=STATE_BYTES)
    except OSError:
        return AppToken(configured=directory.is_dir())
    try:
        return AppToken.model_validate_json(content)
    except ValueError:
        return AppToken(configured=True, last_error="the token's state can't be read")
