"""Small files, written atomically."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent.files import read_small, write_atomically


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o377])
def test_the_mode_holds_whatever_the_umask_is(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "token", b"secret", mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    (tmp_path / "token").symlink_to("other")
    write_atomically(tmp_path / "token", b"secret")
    assert (tmp_path / "other").read_bytes() == b"mine"
    assert not (tmp_path / "token").is_symlink()


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "token"
    target.mkdir()
    with pytest.raises(OSError):
        write_atomically(target, b"secret")
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_small(tmp_path / "file", limit=5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_small(tmp_path / "file", limit=4)
