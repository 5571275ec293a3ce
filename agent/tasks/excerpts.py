"""What the audit log says of a tool's input: its beginning without secrets, and a digest of the whole.

The command is what was approved, so the log must show it; a command can hold a secret, and a log must not. What
looks like one is left out by its shape or by the name in front of it. That can't find everything: a digest of the
whole input proves afterwards what was approved, for whoever has the input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

EXCERPT_CHARACTERS = 500
LOOKED_AT_CHARACTERS = 4000
"""A secret that begins within the excerpt must be seen as one, also when it ends behind it."""
HIDDEN = "[hidden]"
MAIN_ARGUMENTS = ("command", "file_path", "notebook_path", "url", "plan")
"""Of these one stands for the whole: the content that a Write writes isn't for a log."""

_NAMES = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|authorization|cookie|"
    r"(?:api|access|private|auth)[_-]?key)"
)
_SECRETS = (
    re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
    re.compile(r"(?i)\b(?:bearer|basic|token)\s+(?!\$)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(
        r"\b(?:sk|pk|rk|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[a-z]|npm|pypi|hf|dop_v1|AKIA|ASIA|AIza|ya29)[-_.]?[A-Za-z0-9_-]{12,}"
    ),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(r"(?<![:0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])"),
)
_SCHEME = re.compile(r"(?i)\A(?:bearer|basic|token)\s+")
_NAMED = re.compile(
    rf"""(?ix)
    (?P<name> [\w.-]*{_NAMES}[\w.-]* ["']? \s* [:=] \s* | --?[\w-]*{_NAMES}[\w-]* \s+ | (?<!\S)(?:-u|--user) \s+ \S*?: )
    (?P<value> (?:bearer|basic|token)\s+[^\s"';&|)]+ | "(?:[^"\\]|\\.)*"? | '[^']*'? | [^\s"';&|)]+ )
    """
)


def excerpt(tool_input: Mapping[str, Any]) -> str:
    """Return the beginning of what was asked for: the command, the file, the questions."""
    main = next((tool_input[key] for key in MAIN_ARGUMENTS if isinstance(tool_input.get(key), str)), None)
    text = main if main is not None else json.dumps(tool_input, ensure_ascii=False)
    return without_secrets(text[:LOOKED_AT_CHARACTERS])[:EXCERPT_CHARACTERS]


def digest(tool_input: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an input as sorted JSON."""
    return sha256(json.dumps(tool_input, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def without_secrets(text: str) -> str:
    """Return a text with `[hidden]` for everything that looks like a secret."""
    for secret in _SECRETS:
        text = secret.sub(HIDDEN, text)
    return _NAMED.sub(_hide_value, text)


def _hide_value(found: re.Match[str]) -> str:
    value = found["value"]
    if _SCHEME.sub("", value).startswith(("$", '"$', HIDDEN)):
        # The name of a variable isn't its value.
        return found[0]
    return f"{found['name']}{HIDDEN}"
