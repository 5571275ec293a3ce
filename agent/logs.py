"""Logs as one JSON object a line on stdout; no secrets and no query strings go in."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

LEVELS = ("debug", "info", "warning", "error")


class JsonFormatter(logging.Formatter):
    """One line a record: time (RFC 3339, UTC), level, logger, message, and the fields of `event`."""

    def format(self, record: logging.LogRecord) -> str:
        """Encode one record."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure(level: str = "info") -> None:
    """Send all logging of the process to stdout as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The first two log whole addresses, queries included; the last tells the start and end of each of our two servers.
    for chatty in ("httpx", "httpcore", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def problems(logger: logging.Logger, sentences: Iterable[str]) -> None:
    """Log each thing that keeps a process from starting."""
    for sentence in sentences:
        logger.error(sentence)


def event(logger: logging.Logger, level: int, message: str, **fields: object) -> None:
    """Log a message with fields of its own beside the standard ones."""
    logger.log(level, message, extra={"fields": fields})
