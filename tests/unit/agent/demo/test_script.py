"""The language of scripts."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.script import Script, find
from agent.demo.steps import STEPS, Agent, Bash, Call, Say, ScriptError, write

STEP: st.SearchStrategy[Any] = st.one_of(
    st.text(),
    st.builds(lambda text, rate: {"say": text, "rate": rate}, st.text(), st.floats(0.1, 100)),
    st.builds(lambda text: {"think": text}, st.text()),
    st.builds(lambda command: {"bash": command}, st.text()),
    st.builds(lambda seconds: {"wait": seconds}, st.floats(0, 3600)),
    st.just({"end": True}),
    st.builds(lambda times: {"cut": True, "times": times}, st.integers(1, 1000) | st.just("always")),
    st.builds(lambda text: {"tools": [{"bash": text}, {"tool": "Write", "input": {"content": text}}]}, st.text()),
)


@given(st.lists(STEP, min_size=1, max_size=6), st.text(), st.text())
def test_a_script_is_found_in_any_text_around_it(steps: list[Any], before: str, behind: str) -> None:
    [script] = list(find(f"{before.replace('[', '')}{write(steps)}{behind.replace('[', '')}"))
    assert list(script.source) == steps


@given(st.lists(STEP, min_size=1, max_size=4))
def test_a_script_survives_pasting_and_changed_white_space(steps: list[Any]) -> None:
    text = json.dumps(steps, indent=4)
    pasted = f'\n\n<pasted_content id="86ae">\nDo it.\n[[script:\n{text}\n]]\n</pasted_content id="86ae">\n'
    [script] = list(find(pasted))
    assert script.key == Script.load(steps).key


@given(st.lists(STEP, min_size=1, max_size=3), st.lists(STEP, min_size=1, max_size=3))
def test_several_scripts_are_found_in_order(first: list[Any], second: list[Any]) -> None:
    assert [list(script.source) for script in find(f"a {write(first)} b {write(second)}")] == [first, second]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*STEPS, "x"]), inner),
    )
)
def test_any_json_is_a_script_or_a_script_error(document: Any) -> None:
    with contextlib.suppress(ScriptError):
        assert Script.load(document).steps


@given(st.text())
def test_any_text_behind_the_mark_is_answered(text: str) -> None:
    for script in find(f"[[script: {text}"):
        assert script.steps


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[script: ["a"]', "`]]` is missing"),
        ('[[script: ["a" "b"]]]', "not JSON at its character 6"),
        ('[[script: {"say": "a"}]]', "a script is a JSON list"),
        ("[[script: []]]", "no steps"),
        ('[[script: ["a", {"sya": "b"}]]]', "step 2: none of its keys sya is one of say,"),
        ('[[script: [{"say": "a", "rat": 1}]]]', "step 1: `rat`: Extra inputs"),
        ('[[script: [{"say": 1}]]]', "step 1: `say`: Input should be a valid string"),
        ("[[script: [3]]]", "step 1: a step is a text or an object, not 3"),
        ('[[script: ["a", {"error": 500}]]]', "step 2: `error` must begin a reply"),
        ('[[script: [{"tools": ["a"]}]]]', "step 1: call 1: `say` is not a tool call"),
        ('[[script: [{"agent": [{"x": 1}]}]]]', "step 1: step 1: none of its keys x"),
        ('[[script: [{"error": 200}]]]', "step 1: `error`: Input should be greater"),
        (f"[[script: {'[' * 100_000}", "nested too deep"),
    ],
)
def test_a_broken_script_says_what_is_wrong(text: str, problem: str) -> None:
    [script] = list(find(text))
    [step] = script.steps
    assert isinstance(step, Say)
    assert problem in step.say


@pytest.mark.parametrize("before", [{"bash": "ls"}, {"end": True}, {"silent": 1}, {"error": 529}])
def test_an_error_may_begin_any_reply(before: Any) -> None:
    assert len(Script.load([before, {"error": 500}]).steps) == 2


def test_a_text_without_a_script_has_none() -> None:
    assert list(find("[[scripts]] [script: []] [[ scripted ]]")) == []


def test_a_command_becomes_a_call_of_bash() -> None:
    [step] = Script.load([{"bash": "ls", "background": True, "timeout": 5}]).steps
    assert isinstance(step, Bash)
    name, given_input = step.call()
    assert name == "Bash"
    assert {"command": "ls", "run_in_background": True, "timeout": 5}.items() <= given_input.items()


def test_a_subagent_gets_a_script_of_its_own() -> None:
    inner = ["Looking.", {"agent": ["deeper"]}]
    [step] = Script.load([{"agent": inner}]).steps
    assert isinstance(step, Agent)
    [script] = list(find(step.call()[1]["prompt"]))
    assert list(script.source) == inner


def test_questions_become_the_tools_own_shape() -> None:
    [step] = Script.load([{"ask": "Which?", "options": ["A", "B"], "multi": True}]).steps
    assert isinstance(step, Call)
    name, given_input = step.call()
    assert name == "AskUserQuestion"
    [question] = given_input["questions"]
    assert question["multiSelect"] is True
    assert [option["label"] for option in question["options"]] == ["A", "B"]


def test_the_table_names_every_step() -> None:
    from agent.demo import script

    assert script.__doc__
    for verb in STEPS:
        assert f'"{verb}":' in script.__doc__
