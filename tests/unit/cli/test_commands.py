"""The table of commands says what the modules say."""

from __future__ import annotations

from pathlib import Path

import pytest

import kubecoder.cli
from kubecoder.cli import commands

# Modules of the package that aren't commands.
SHARED = {"main", "commands", "context", "options"}


@pytest.mark.parametrize("entry", commands.ENTRIES, ids=lambda entry: entry.name)
def test_the_summary_is_the_first_line_of_the_docstring(entry: commands.Entry) -> None:
    assert entry.summary == commands.load(entry.name).short_help


@pytest.mark.parametrize("entry", commands.ENTRIES, ids=lambda entry: entry.name)
def test_a_summary_is_one_short_sentence(entry: commands.Entry) -> None:
    assert entry.summary.endswith(".")
    assert len(entry.summary) <= 80


def test_every_module_with_a_command_is_in_the_table() -> None:
    folder = Path(kubecoder.cli.__file__).parent
    files = {file.stem: file for file in folder.glob("*.py") if not file.stem.startswith("_")}
    files |= {file.parent.name: file for file in folder.glob("*/__init__.py")}
    exporting = {
        name
        for name in files.keys() - SHARED
        if any(line.startswith(("def command(", "app = ")) for line in files[name].read_text().splitlines())
    }
    assert exporting == {entry.name for entry in commands.ENTRIES}


def test_sections_are_contiguous() -> None:
    sections = [entry.section for entry in commands.ENTRIES]
    assert list(dict.fromkeys(sections)) == [s for i, s in enumerate(sections) if i == 0 or sections[i - 1] != s]


def test_help_keeps_the_lines_of_examples_and_shows_durations_as_they_are_written() -> None:
    command = commands.load("deploy")
    assert "\b\nExamples:\n    kubecoder deploy --all\n" in str(command.help)
    assert {option.name: option.default for option in command.params}["timeout"] == "5m"
