"""The audit log shows what was approved, and no secrets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tasks import excerpts

GITHUB = "ghp_" + "a1B2" * 9
ANTHROPIC = "sk-ant-api03-" + "x1Y2" * 10
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("command", "secret"),
    [
        (f"curl -H 'Authorization: Bearer {HEX[:20]}' https://x", HEX[:20]),
        (f"curl -H 'X-Api-Key: {ANTHROPIC}' https://x", ANTHROPIC),
        (f"git clone https://x-access-token:{GITHUB}@github.com/a/b", GITHUB),
        ("git clone https://user:hunter2@example.com/a", "hunter2"),
        ("mysql --password hunter2 db", "hunter2"),
        ("mysql --password=hunter2 db", "hunter2"),
        ("PGPASSWORD='correct horse' psql", "correct horse"),
        ('export API_KEY="correct horse"; x', "correct horse"),
        ('echo \'{"client_secret": "s3cr3t"}\' > x', "s3cr3t"),
        ("curl -u admin:hunter2 https://x", "hunter2"),
        (f"kubecoder --as {HEX}", HEX),
        ("curl -H 'Cookie: session=abcdef' x", "abcdef"),
        ("echo eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("cat <<E\n-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nE", "MIIabc"),
        ("AWS=AKIAIOSFODNN7EXAMPLE aws s3 ls", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(command: str, secret: str) -> None:
    shown = excerpts.excerpt({"command": command})
    assert secret not in shown
    assert excerpts.HIDDEN in shown
    assert shown[:4] == command[:4]


@pytest.mark.parametrize(
    "command",
    [
        "touch approved.txt",
        "git checkout 0123456789abcdef0123456789abcdef01234567",
        f"docker pull x@sha256:{HEX}",
        'curl -H "Authorization: Bearer $TOKEN" https://x',
        "mysql --password $PASSWORD db",
        "grep -rn tokenizer src && pytest tests/test_secrets.py",
        "ssh user@host:22 ls; curl http://localhost:8080/a@b",
    ],
)
def test_an_ordinary_command_is_shown_as_it_is(command: str) -> None:
    assert excerpts.excerpt({"command": command}) == command


def test_a_file_is_named_and_its_content_left_out() -> None:
    assert excerpts.excerpt({"content": "private", "file_path": "/home/dev/a.txt"}) == "/home/dev/a.txt"


def test_an_unknown_tool_is_shown_as_json() -> None:
    assert json.loads(excerpts.excerpt({"a": 1, "b": ["ü"]})) == {"a": 1, "b": ["ü"]}


def test_a_secret_at_the_end_of_the_excerpt_is_hidden_as_a_whole() -> None:
    padding = "x" * (excerpts.EXCERPT_CHARACTERS - 10)
    assert ANTHROPIC[:8] not in excerpts.excerpt({"command": f"{padding} {ANTHROPIC}"})


def test_the_digest_depends_on_the_whole_input_and_not_on_its_order() -> None:
    assert excerpts.digest({"a": 1, "b": "x" * 9000}) == excerpts.digest({"b": "x" * 9000, "a": 1})
    assert excerpts.digest({"b": "x" * 9000}) != excerpts.digest({"b": "x" * 8999 + "y"})


@given(st.text(max_size=6000))
def test_an_excerpt_is_short_whatever_it_is_of(text: str) -> None:
    assert len(excerpts.excerpt({"command": text})) <= excerpts.EXCERPT_CHARACTERS
