"""The two tokens of the API listener."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.access.tokens import Tokens, bearer_token
from agent.errors import UnavailableError

ADMIN = "a" * 43


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    admin = tmp_path / "admin-token"
    admin.write_text(ADMIN)
    return admin, tmp_path / "home" / ".kubecoder" / "api-token"


@pytest.fixture
def tokens(files: tuple[Path, Path]) -> Tokens:
    return Tokens(admin_file=files[0], user_file=files[1])


def test_both_tokens_are_known_by_name(tokens: Tokens) -> None:
    tokens.ensure_user_token()
    assert tokens.identify(ADMIN.encode()) == "admin"
    assert tokens.identify(tokens.user_token().encode()) == "user"
    assert tokens.identify(b"nobody's" * 6) is None


def test_a_token_is_made_once_and_only_its_owner_reads_it(tokens: Tokens, files: tuple[Path, Path]) -> None:
    tokens.ensure_user_token()
    first = tokens.user_token()
    files[1].chmod(0o660)
    tokens.ensure_user_token()
    assert tokens.user_token() == first
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[1].parent.stat().st_mode) == 0o700


def test_the_old_token_is_invalid_at_once(tokens: Tokens) -> None:
    tokens.ensure_user_token()
    old = tokens.user_token()
    new = tokens.rotate_user_token()
    assert tokens.identify(old.encode()) is None
    assert tokens.identify(new.encode()) == "user"


def test_a_changed_file_counts_at_the_next_use(tokens: Tokens, files: tuple[Path, Path]) -> None:
    files[0].write_text("b" * 43 + "\n")
    assert tokens.identify(ADMIN.encode()) is None
    assert tokens.identify(b"b" * 43) == "admin"


@pytest.mark.parametrize("content", ["", "\n", "short", "x" * 31, " " * 64])
def test_an_empty_or_short_file_is_no_token(tokens: Tokens, files: tuple[Path, Path], content: str) -> None:
    files[0].write_text(content)
    assert tokens.identify(content.encode()) is None
    assert tokens.identify(content.strip().encode()) is None
    assert not tokens.has_admin_token()


def test_missing_files_admit_nobody(tmp_path: Path) -> None:
    tokens = Tokens(admin_file=tmp_path / "none", user_file=tmp_path)
    assert tokens.identify(b"") is None
    assert tokens.identify(b"x" * 43) is None
    with pytest.raises(UnavailableError):
        tokens.user_token()


@given(presented=st.binary(max_size=200))
def test_any_bytes_are_compared(presented: bytes) -> None:
    tokens = Tokens(admin_file=Path(__file__), user_file=Path("/nonexistent"))
    assert tokens.identify(presented) is None


@pytest.mark.parametrize(
    ("values", "token"),
    [
        ([b"Bearer abc"], b"abc"),
        ([b"bearer  abc "], b"abc"),
        ([b"BEARER \xe4\xf6\xfc"], b"\xe4\xf6\xfc"),
        ([b"Bearer"], b""),
        ([b"Bearer "], b""),
        ([b"Basic abc"], b""),
        ([b"abc"], b""),
        ([b""], b""),
        ([], b""),
        ([b"Bearer abc", b"Bearer abc"], b""),
    ],
)
def test_the_one_authorization_header_is_read(values: list[bytes], token: bytes) -> None:
    assert bearer_token(values) == token
