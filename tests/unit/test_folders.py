"""Completing a folder below the home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent import folders


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("project/src", "project/share", "photos", ".cache", "<b>"):
        (tmp_path / "home" / name).mkdir(parents=True)
    (tmp_path / "home" / "profile.txt").touch()
    (tmp_path / "outside").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("", ("<b>/", "photos/", "project/")),
        ("p", ("photos/", "project/")),
        (".c", (".cache/",)),
        ("project/", ("project/share/", "project/src/")),
        ("project/sr", ("project/src/",)),
        ("absent/x", ()),
        ("profile.txt/x", ()),
        ("../out", ()),
        ("project/../../out", ()),
        ("/", ()),
        ("nul\0/", ()),
    ],
)
def test_it_completes_below_the_home_only(home: Path, start: str, found: tuple[str, ...]) -> None:
    assert folders.completions(home, start) == found


def test_a_link_out_of_the_home_is_not_followed(home: Path) -> None:
    (home / "link").symlink_to(home.parent)
    assert folders.completions(home, "link/") == ()


def test_many_are_cut_and_what_is_no_text_is_left_out(home: Path) -> None:
    for number in range(folders.SHOWN + 5):
        (home / f"many{number:03}").mkdir()
    (home / os.fsdecode(b"many\xff")).mkdir()
    found = folders.completions(home, "many")
    assert found == tuple(f"many{number:03}/" for number in range(folders.SHOWN))
