"""The private files that oauth2-proxy runs from."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.door.config import Content
from agent.door.staging import PAGES, Stage, cookie_key

CONTENT = Content(b"alpha", b"{}", b"client-secret", b"0123456789abcdef0123456789abcdef")


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_the_key_is_32_url_safe_characters(alpha: bytes, secret: bytes) -> None:
    assert re.fullmatch(rb"[-_A-Za-z0-9]{32}", cookie_key(Content(alpha, b"", b"", secret)))


def test_the_key_depends_on_the_secret_and_on_the_configuration_alone() -> None:
    key = cookie_key(CONTENT)
    assert key != cookie_key(Content(b"other", b"{}", b"client-secret", CONTENT.cookie_secret))
    assert key != cookie_key(Content(b"alpha", b"{}", b"client-secret", b"f" * 32))
    assert key == cookie_key(Content(b"alpha", b"{...}", b"another client secret", CONTENT.cookie_secret))


def test_the_files_are_private_and_whole(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.place(CONTENT) == (
        f"--alpha-config={stage.alpha}",
        f"--cookie-secret-file={stage.cookie_secret}",
        f"--custom-templates-dir={PAGES}",
    )
    stage.place(CONTENT)
    assert stage.alpha.read_bytes() == b"alpha"
    assert stage.cookie_secret.read_bytes() == cookie_key(CONTENT)
    assert stat.S_IMODE(stage.cookie_secret.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == [stage.alpha, stage.cookie_secret]
