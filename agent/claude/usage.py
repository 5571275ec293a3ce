"""What a conversation has used, from its transcript: each message of the model counted once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.models import Usage

KEYS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
SYNTHETIC = "<synthetic>"
"""The model of lines that Claude Code writes itself."""
COST_KEY = "totalCostUSD"
LARGEST_COST = 1e9
"""More is nonsense, and so is what isn't a number."""


class UsageCounter:
    """Adds up lines; a message has a line for each of its blocks, all with the same usage, and the last one counts."""

    def __init__(self) -> None:
        self._messages: dict[str, tuple[str, dict[str, int]]] = {}
        self._cost: float | None = None
        self._sum: Usage | None = None

    def add(self, line: Mapping[str, Any]) -> None:
        """Take a line of a transcript."""
        self._sum = None
        if line.get("type") == "cost-state":
            self._cost = _amount(line.get(COST_KEY), self._cost)
        message = line.get("message")
        if line.get("type") != "assistant" or not isinstance(message, Mapping):
            return
        usage, identity, model = message.get("usage"), message.get("id"), message.get("model")
        if isinstance(usage, Mapping) and isinstance(identity, str) and isinstance(model, str) and model != SYNTHETIC:
            self._messages[identity] = model, {key: _count(usage.get(key)) for key in KEYS}

    def usage(self) -> Usage:
        """Return the sums; the cost is Claude's own figure, which it writes when a session ends."""
        if self._sum is None:
            self._sum = self._added_up()
        return self._sum

    def _added_up(self) -> Usage:
        totals = dict.fromkeys(KEYS, 0)
        by_model: dict[str, dict[str, int]] = {}
        for model, counts in self._messages.values():
            of_model = by_model.setdefault(model, dict.fromkeys(KEYS, 0))
            for key, count in counts.items():
                totals[key] += count
                of_model[key] += count
        return Usage(**totals, cost_usd=self._cost, by_model=by_model)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _amount(value: Any, known: float | None) -> float | None:
    is_amount = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST_COST
    return float(value) if is_amount else known
