"""A person sees exactly what a request would do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.cli.task.answers import Reply, Word, chosen, understood
from kubecoder.cli.task.requests import main_argument, questions, request_text, title_of
from tests.unit.cli.task.played import permission

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def shown(tool: str, given: dict[str, Any], **fields: Any) -> str:
    return request_text(permission(tool_name=tool, tool_input=given, **fields))


def test_a_command_is_whole_and_says_what_else_comes_with_it() -> None:
    given = {"command": "a\nb " + "x" * 500, "description": "Do it", "run_in_background": True}
    assert shown("Bash", given) == (
        f"Bash wants to run:\n    # Do it\n    a\n    b {'x' * 500}\n    (run_in_background: true)\n"
    )


def test_a_change_is_a_difference() -> None:
    given = {"file_path": "/x", "old_string": "a\nb\nc", "new_string": "a\nB\nc", "replace_all": True}
    assert shown("Edit", given, agent_type="general-purpose") == (
        "Edit wants to change /x (subagent general-purpose):\n"
        "     a\n    -b\n    +B\n     c\n    (everywhere in the file)\n    (replace_all: true)\n"
    )
    edits = [{"old_string": "a", "new_string": "b"}, {"old_string": "", "new_string": "c"}]
    assert shown("MultiEdit", {"file_path": "/x", "edits": edits}) == (
        "MultiEdit wants to change /x:\n    -a\n    +b\n    \n    +c\n    \n"
    )


def test_a_new_file_is_shown_with_its_content() -> None:
    assert shown("Write", {"file_path": "/x", "content": "a\nb"}) == "Write wants to write /x:\n    +a\n    +b\n"


def test_any_other_tool_is_shown_as_it_is() -> None:
    assert shown("mcp__x__y", {"n": 1}) == 'mcp__x__y wants to be used:\n    {\n      "n": 1\n    }\n'


def test_a_plan_is_shown_and_one_without_words_is_said() -> None:
    assert shown("ExitPlanMode", {"plan": "1. a\n2. b"}, kind="plan") == "Claude has a plan:\n    1. a\n    2. b\n"
    assert "didn't write the plan down" in shown("ExitPlanMode", {}, kind="plan")


def test_a_long_request_is_cut_only_when_asked_and_says_so() -> None:
    asked = permission(tool_input={"command": "\n".join(map(str, range(100)))})
    assert request_text(asked).count("\n") == 101
    assert request_text(asked, most_lines=40).endswith("    … 60 more lines\n")


@given(st.sampled_from(["Bash", "Edit", "MultiEdit", "Write", "AskUserQuestion", "X"]), JSON, JSON, JSON)
def test_whatever_claude_sends_is_shown_without_steering_the_terminal(
    tool: str, one: Any, two: Any, three: Any
) -> None:
    given = {"command": one, "file_path": two, "questions": three, "edits": one, "old_string": two, "content": three}
    for kind in ("permission", "question", "plan"):
        asked = permission(tool_name=tool, tool_input=given, kind=kind)
        assert all(character.isprintable() or character in "\n\t" for character in request_text(asked))
        questions(asked)
        title_of(asked)


@pytest.mark.parametrize(
    ("tool", "arguments", "main"),
    [
        ("Bash", {"command": "ls\n -l"}, "ls -l"),
        ("Read", {"file_path": "/x", "limit": 3}, "/x"),
        ("Grep", {"pattern": "p", "path": "/x"}, "/x"),
        ("Task", {"description": "d", "prompt": "p"}, "d"),
        ("X", {"a": 1, "b": "text"}, "text"),
        ("X", None, ""),
        ("ExitPlanMode", {"plan": "text"}, ""),
    ],
)
def test_a_tool_is_told_with_the_argument_that_says_most(tool: str, arguments: Any, main: str) -> None:
    assert main_argument(tool, arguments) == main


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("y", Reply(Word.ALLOW)),
        (" YES \n", Reply(Word.ALLOW)),
        ("n", Reply(Word.DENY)),
        ("no use the other one", Reply(Word.DENY, "use the other one")),
        ("s", Reply(Word.SESSION)),
        ("v", Reply(Word.SHOW)),
        ("l", Reply(Word.SKIP)),
        ("", Reply(Word.UNCLEAR)),
        ("yy", Reply(Word.UNCLEAR)),
        ("y but not that", Reply(Word.UNCLEAR)),
        ("yes please", Reply(Word.UNCLEAR)),
    ],
)
def test_only_a_clear_word_decides(line: str, reply: Reply) -> None:
    assert understood(line) == reply


ONE = {"question": "?", "options": [{"label": "Red"}, {"label": "Blue"}]}
SEVERAL = {**ONE, "multiSelect": True}


@pytest.mark.parametrize(
    ("question", "line", "answer"),
    [
        (ONE, "2", "Blue"),
        (ONE, "green, please", "green, please"),
        (ONE, "1,2", None),
        (ONE, "0", None),
        (ONE, "3", None),
        (ONE, " ", None),
        (SEVERAL, "1, 2", "Red, Blue"),
        (SEVERAL, "2,9", None),
        ({"question": "?"}, "1", None),
    ],
)
def test_numbers_stand_for_labels(question: dict[str, Any], line: str, answer: str | None) -> None:
    assert chosen(question, line) == answer
