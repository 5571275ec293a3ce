"""Write what the documentation takes from the code, or check that it is current.

python docs/generate.py            rewrites docs/commands.md, docs/openapi.json and the marked blocks of README.md
python docs/generate.py --check    exits with 1 and names the files that differ
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import configuration
from typer.testing import CliRunner

from agent import openapi
from agent.app import CLAUDE_ROUTES, SESSION_ROUTES
from kubecoder.cli import commands
from kubecoder.cli.main import app
from kubecoder.errors import KubecoderError

HERE = Path(__file__).parent
ROOT = HERE.parent
PROGRAM = "kubecoder"
BLOCK = re.compile(r"(?P<start><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)

# Codes that no error class has.
OTHER_CODES = {
    0: "Done, also when there was nothing to do",
    8: "`diff --exit-code`: there are differences",
}


def main() -> int:
    """Write the files, or with `--check` only compare them."""
    outdated = [file for file, text in generated() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for file in outdated:
            print(f"{file.relative_to(ROOT)} is not current; `nox -s golden` writes it", file=sys.stderr)
        return 1 if outdated else 0
    for file, text in generated():
        file.write_text(text, encoding="utf-8")
    return 0


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each generated file with the text that it should have."""
    yield HERE / "commands.md", commands_page()
    yield HERE / "openapi.json", f"{json.dumps(openapi.document(CLAUDE_ROUTES, SESSION_ROUTES), indent=2)}\n"
    for page in (ROOT / "README.md", *sorted(HERE.glob("*.md"))):
        if page.name != "commands.md":
            yield page, with_blocks(page.read_text(encoding="utf-8"))


def with_blocks(text: str) -> str:
    """Fill the blocks between `<!-- generated: NAME -->` and `<!-- end -->`."""
    blocks: dict[str, Callable[[], str]] = {
        "help": lambda: fenced(help_of()),
        "exit-codes": exit_codes,
        "configuration": configuration.table,
        "modules-kubecoder": lambda: modules_of("kubecoder"),
        "modules-agent": lambda: modules_of("agent"),
    }
    return BLOCK.sub(lambda match: f"{match['start']}{blocks[match['name']]()}{match['end']}", text)


def commands_page() -> str:
    """Return docs/commands.md: the help of every command, found by walking the tree."""
    parts = ["# Commands\n\nWhat `--help` says, for every command. Written by `nox -s golden`.\n"]
    parts += [f"## {' '.join([PROGRAM, *path])}\n\n{fenced(help_of(*path))}" for path in command_paths()]
    return "\n".join(parts)


def command_paths() -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, the program itself first."""
    yield ()
    for entry in commands.ENTRIES:
        yield from _paths_below((entry.name,), commands.load(entry.name))


def help_of(*path: str) -> str:
    """Return what `kubecoder PATH --help` prints on a terminal of 80 columns."""
    result = CliRunner().invoke(app, [*path, "--help"], prog_name=PROGRAM)
    assert result.exit_code == 0, result.output
    return result.stdout


def exit_codes() -> str:
    """Return the table of exit codes, each with the widest error class that has it."""
    meanings = dict(OTHER_CODES)
    for error in _errors(KubecoderError):
        meanings.setdefault(error.exit_code, (error.__doc__ or "").split("\n")[0].rstrip("."))
    meanings[KubecoderError.exit_code] = "Something failed, or some of `--all`, or a check of `test`"
    rows = "".join(f"| {code} | {meanings[code]} |\n" for code in sorted(meanings))
    return f"| code | meaning |\n|---|---|\n{rows}"


def modules_of(package: str) -> str:
    """Return a table of a package's parts, each with the first line of its docstring."""
    rows = []
    for file in sorted((ROOT / package).glob("*")):
        module = file / "__init__.py" if file.is_dir() else file
        if module.suffix == ".py" and module.exists() and file.name != "__init__.py":
            docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
            rows.append(f"| `{package}.{file.stem}` | {docstring.splitlines()[0]} |\n")
    return f"| module | what it is |\n|---|---|\n{''.join(rows)}"


def fenced(text: str) -> str:
    """Return a Markdown block that shows the text as it is."""
    return f"```text\n{text.strip()}\n```\n"


def _paths_below(path: tuple[str, ...], command: Any) -> Iterator[tuple[str, ...]]:
    yield path
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from _paths_below((*path, name), subcommand)


def _errors(parent: type[KubecoderError]) -> Iterator[type[KubecoderError]]:
    """Yield the tree breadth first, so that the widest class of a code comes first."""
    level = [parent]
    while level:
        yield from level
        level = [child for cls in level for child in cls.__subclasses__()]


if __name__ == "__main__":
    sys.exit(main())
