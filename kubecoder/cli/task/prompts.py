"""A prompt as it is given: on the command line, in a file, or on stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kubecoder.errors import UsageError

Prompt = Annotated[str | None, typer.Argument(metavar="[PROMPT]", help="The text; - reads stdin")]
PromptFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Read the text from a file; - is stdin")
]


def read(prompt: str | None, file: Path | None) -> str | None:
    """Return the text, exactly as it is; None where none was given.

    Raises:
        UsageError: There are two, it is blank, or it can't be read.
    """
    if prompt is not None and file is not None:
        raise UsageError("a prompt and --file exclude each other")
    source = Path(prompt) if prompt == "-" else file
    text = prompt if source is None else _content(source)
    if text is not None and not text.strip():
        raise UsageError("the prompt is blank")
    return text


def required(prompt: str | None, file: Path | None) -> str:
    """Return the text.

    Raises:
        UsageError: There is none, or as `read`.
    """
    text = read(prompt, file)
    if text is None:
        raise UsageError(
            "there is no prompt", hint='write it in quotes: "fix the tests"; or --file FILE, or - for stdin'
        )
    return text


def _content(source: Path) -> str:
    try:
        content = sys.stdin.buffer.read() if str(source) == "-" else source.read_bytes()
        return content.decode()
    except OSError as error:
        raise UsageError(f"{source} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} isn't text in UTF-8") from error
