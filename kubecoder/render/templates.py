"""The templates of a fleet: the package's, and the fleet's own over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from traceback import walk_tb
from typing import Any, Literal, NamedTuple, TypeAlias

import yaml
from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kubecoder.errors import TemplateError
from kubecoder.models.manifest import Manifest
from kubecoder.render.filling import Values, fill, parse, to_base64, to_json

Group: TypeAlias = Literal["base", "workspace"]
GROUPS: tuple[Group, ...] = ("base", "workspace")
SUFFIX = ".yaml.j2"
_VALUES = "_values"


class Source(NamedTuple):
    """One template file: its text, and its name for error messages."""

    file: str
    text: str


class Sourced(NamedTuple):
    """A rendered object and the template file that it came from."""

    file: str
    manifest: Manifest


class Templates:
    """All templates, read once.

    Args:
        own: The fleet's own `manifests/` folder: a file replaces the built-in one of the same name, a new name adds.

    Raises:
        TemplateError: A file of the folder can't be read or would be ignored for its name.
    """

    def __init__(self, own: Path | None = None) -> None:
        self._sources = {**_built_in(), **(_own(own) if own else {})}
        # The templates are the fleet's and may come from elsewhere: they compute text, they don't run code.
        self._environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._load),
            undefined=StrictUndefined,
            finalize=_token,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=-1,
        )
        self._environment.filters.update(json=to_json, b64=to_base64)
        self._shapes: dict[str, list[Any]] = {}

    @cached_property
    def digest(self) -> str:
        """Digest of all names and texts."""
        content = hashlib.sha256()
        for name, source in sorted(self._sources.items()):
            content.update(f"{name}\0{len(source.text)}\0{source.text}".encode())
        return content.hexdigest()[:32]

    def render(self, group: Group, variables: Mapping[str, Any]) -> Iterator[Sourced]:
        """Render a group's templates in the order of their names.

        Raises:
            TemplateError: Naming file and line.
        """
        for name, source in sorted(self._sources.items()):
            if name.startswith(f"{group}/"):
                for document in self._documents(name, variables):
                    yield Sourced(source.file, _checked(source.file, document))

    def _documents(self, name: str, variables: Mapping[str, Any]) -> list[Any]:
        values = Values()
        try:
            text = self._environment.get_template(name).render({**variables, _VALUES: values})
            shapes = self._shapes.get(text)
            if shapes is None:
                shapes = self._shapes[text] = parse(text)
            return [fill(shape, values) for shape in shapes if shape is not None]
        except TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename}:{error.lineno}: {error.message}") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            file = self._sources[name].file
            raise TemplateError(f"{file}: line {line} of the rendered text is no YAML: {error.problem}") from error
        except Exception as error:  # a template may fail in any way that Python can
            raise TemplateError(f"{self._place(name, error)}: {error}") from error

    def _place(self, name: str, error: Exception) -> str:
        """Name file and line of an error; Jinja puts template lines into tracebacks."""
        files = {source.file for source in self._sources.values()}
        frames = ((frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__))
        places = [f"{file}:{line}" for file, line in frames if file in files]
        return places[-1] if places else self._sources[name].file

    def _load(self, name: str) -> tuple[str, str, None] | None:
        source = self._sources.get(name)
        return (source.text, source.file, None) if source else None


@pass_context
def _token(context: Context, value: Any) -> str:
    values: Values = context[_VALUES]
    return values.token(value)


def _checked(file: str, document: Any) -> Manifest:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
    if not named or not all(isinstance(document.get(key), str) for key in ("apiVersion", "kind")):
        raise TemplateError(f"{file} renders to something without apiVersion, kind and metadata.name")
    manifest: Manifest = document
    return manifest


def _built_in() -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for group in GROUPS:
        for entry in resources.files("manifests").joinpath(group).iterdir():
            if entry.name.endswith(SUFFIX):
                name = f"{group}/{entry.name}"
                sources[name] = Source(f"manifests/{name}", entry.read_text(encoding="utf-8"))
    return sources


def _own(folder: Path) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for group in GROUPS:
        for file in sorted((folder / group).glob("*")):
            if file.name.endswith(SUFFIX):
                sources[f"{group}/{file.name}"] = Source(str(file), _read(file))
            elif file.suffix in (".yaml", ".yml", ".j2"):
                raise TemplateError(f"{file} isn't a template by its name", hint=f"end its name in {SUFFIX}")
    return sources


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{file} can't be read: {error}", hint="a template is a UTF-8 text file") from error
