"""Log lines are JSON, one each."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from agent.logs import JsonFormatter, event


def test_a_record_is_one_line_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        event(logging.getLogger("agent.test"), logging.INFO, "two\nlines", path="/oauth/", status=200)
    line = JsonFormatter().format(caplog.records[0])
    assert "\n" not in line
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "info", "logger": "agent.test", "message": "two\nlines", "path": "/oauth/", "status": 200}


def test_an_exception_stays_on_the_line() -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        record = logging.LogRecord("agent", logging.ERROR, "", 0, "failed", None, sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "ValueError: wrong" in json.loads(line)["exception"]
