"""What other modules of the agent promise to the command line."""

from __future__ import annotations

import agent
import kubecoder
from agent.models import Version


def test_the_agent_has_the_version_of_the_command_line() -> None:
    assert agent.__version__ == kubecoder.__version__


def test_a_client_ignores_fields_of_a_newer_agent() -> None:
    assert Version.model_validate({"workspace": "alice", "version": "9", "newer": True}).version == "9"
