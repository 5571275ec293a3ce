"""Files are written whole or not at all, and what people wrote in them stays."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.errors import ConfigError
from kubecoder.fleet import documents, writing
from kubecoder.fleet.writing import SECRET_MODE, Action, Change
from kubecoder.models.merge import merge_values
from kubecoder.output import yaml_text

PATH = Path("a.yaml")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask() -> Any:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_secrets_and_their_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "john" / "oauth2.yaml"
    writing.write([Change(file, Action.created, "a: 1\n", SECRET_MODE)])
    assert file.read_text() == "a: 1\n"
    assert [mode(path) for path in (file, file.parent, file.parent.parent)] == [0o600, 0o700, 0o700]


def test_other_files_follow_the_umask_and_keep_their_mode(tmp_path: Path) -> None:
    new, old = tmp_path / "users" / "new.yaml", tmp_path / "old.yaml"
    old.write_text("x")
    old.chmod(0o664)
    writing.write([Change(new, Action.created, "a"), Change(old, Action.changed, "b")])
    assert [mode(path) for path in (new, new.parent, old)] == [0o644, 0o755, 0o664]
    assert old.read_text() == "b"


def test_what_is_unchanged_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("mine")
    writing.write([Change(file, Action.unchanged, "ours")])
    assert file.read_text() == "mine"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("old")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    writing.write([Change(tmp_path / "link.yaml", Action.changed, "new")])
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "new"


def test_nothing_appears_when_one_file_cannot_be_prepared(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    changes = [
        Change(tmp_path / "first.yaml", Action.created, "a"),
        Change(tmp_path / "file" / "second.yaml", Action.created, "b"),
    ]
    with pytest.raises(ConfigError, match="can't be written"):
        writing.write(changes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device", str(file))

    monkeypatch.setattr("kubecoder.fleet.writing.os.fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        writing.write([Change(file, Action.changed, "new")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]
    assert file.read_text() == "old"


def test_a_kill_between_two_files_leaves_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace
    done: list[Path] = []

    def killed_at_the_second(source: Path, target: Path) -> Path:
        if done:
            raise KeyboardInterrupt
        done.append(target)
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", killed_at_the_second)
    names = ("a.yaml", "b.yaml")
    with pytest.raises(KeyboardInterrupt):
        writing.write([Change(tmp_path / name, Action.created, "whole") for name in names])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.yaml": "whole"}


def test_the_content_of_a_change_is_never_shown() -> None:
    assert repr(Change(PATH, Action.created, "hidden")) == "Change('a.yaml', created)"


def added(text: str, keys: tuple[str, ...], values: dict[str, Any]) -> str:
    return writing.with_values(documents.parse(PATH, text), keys, values)


def test_comments_and_order_stay_when_a_value_is_added() -> None:
    text = "# mine\noauth2:\n    # the app\n    clientId: a # id\n"
    assert added(text, ("oauth2",), {"clientSecret": "b"}) == (
        "# mine\noauth2:\n    # the app\n    clientSecret: b\n    clientId: a # id\n"
    )


def test_a_section_that_is_missing_is_appended() -> None:
    assert added("", ("oauth2",), {"clientId": "a"}) == "oauth2:\n  clientId: a\n"
    assert added("# mine\na: 1", ("b",), {"c": "x"}) == "# mine\na: 1\nb:\n  c: x\n"


@pytest.mark.parametrize(
    "text", ["oauth2: {clientId: a}\n", "oauth2:\n", "oauth2: null\n", "{oauth2: {clientId: a}}\n"]
)
def test_a_form_that_takes_no_lines_is_written_anew(text: str) -> None:
    wanted = merge_values(documents.parse(PATH, text).data, {"oauth2": {"clientSecret": "b"}})
    assert documents.parse(PATH, added(text, ("oauth2",), {"clientSecret": "b"})).data == wanted


keys = st.sampled_from("abcd")
trees = st.recursive(
    st.sampled_from(["", "x", "1", "yes", "#", "a: b", "é\n"]) | st.integers(0, 3),
    lambda below: st.dictionaries(keys, below, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(keys, trees, max_size=3), st.lists(keys, max_size=2), st.dictionaries(keys, trees, min_size=1))
def test_whatever_is_added_is_there_and_the_rest_is_too(
    data: dict[str, Any], place: list[str], values: dict[str, Any]
) -> None:
    document = documents.parse(PATH, yaml_text(data))
    nested: dict[str, Any] = values
    for key in reversed(place):
        nested = {key: nested}
    text = writing.with_values(document, tuple(place), values)
    assert documents.parse(PATH, text).data == merge_values(data, nested)
