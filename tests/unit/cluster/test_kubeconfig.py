"""What is wrong with a kubeconfig is said precisely, before anything is sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.cluster import kubeconfig
from kubecoder.errors import ConfigError


def document(**changes: Any) -> dict[str, Any]:
    return {
        "current-context": "prod",
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}],
        "users": [{"name": "u", "user": {"token": "t0ken-value"}}],
        "contexts": [
            {"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "coder"}},
            {"name": "bare", "context": {"cluster": "c"}},
        ],
        **changes,
    }


def written(tmp_path: Path, content: object, name: str = "config") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def cluster(**entry: Any) -> dict[str, Any]:
    return document(clusters=[{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **entry}}])


def user(**entry: Any) -> dict[str, Any]:
    return document(users=[{"name": "u", "user": entry}])


def test_the_current_context_is_chosen(tmp_path: Path) -> None:
    found = kubeconfig.select([written(tmp_path, document())], None)

    assert (found.context, found.namespace, found.user_name) == ("prod", "coder", "u")


def test_a_named_context_is_chosen_and_its_namespace_is_default(tmp_path: Path) -> None:
    found = kubeconfig.select([written(tmp_path, document())], "bare")

    assert (found.context, found.namespace, found.user_name) == ("bare", "default", "")


def test_files_merge_and_the_first_wins(tmp_path: Path) -> None:
    first = written(tmp_path, {"current-context": "bare", "users": []}, "first")
    second = written(tmp_path, document(), "second")

    assert kubeconfig.select([first, second], None).context == "bare"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [1", ":1: isn't valid YAML"),
        ("a: b: c", ":1: isn't valid YAML"),
        ("", "isn't a kubeconfig"),
        ("[]", "isn't a kubeconfig"),
        (document(clusters="x"), "clusters: must be a list of named entries"),
        (document(users=[{"user": {}}]), "users: must be a list of named entries"),
        (document(contexts=[]), "there is no context 'prod'"),
        (document(clusters=[]), "there is no cluster 'c'"),
        (document(users=[]), "there is no user 'u'"),
        (document(contexts=[{"name": "prod", "context": {}}]), "names no cluster"),
        (document(contexts=[{"name": "prod", "context": "x"}]), "contexts[prod].context: must be a map"),
        ({**document(), "current-context": ""}, "no current context is set"),
        (cluster(server=""), "clusters[c].cluster.server: '' isn't the address of a server"),
        (cluster(server="10.0.0.1:6443"), "isn't the address of a server"),
        (cluster(server="https://10.0.0.1:bad"), "isn't the address of a server"),
        (cluster(**{"proxy-url": "socks5://10.0.0.2:1080"}), "only proxies with http://"),
        (cluster(**{"certificate-authority": "ca.crt"}), "ca.crt doesn't exist"),
        (cluster(**{"certificate-authority-data": "a"}), "certificate-authority-data: isn't valid base64"),
        (user(**{"client-certificate": "/no/such.crt"}), "the file /no/such.crt doesn't exist"),
        (user(**{"client-key": "/no/such.key"}), "the file /no/such.key doesn't exist"),
        (user(tokenFile="/no/such.token"), "users[u].user.tokenFile: the file /no/such.token doesn't exist"),
    ],
)
def test_each_fault_is_named_with_its_file(tmp_path: Path, content: object, says: str) -> None:
    path = written(tmp_path, content)

    with pytest.raises(ConfigError) as caught:
        kubeconfig.select([path], None)

    text = "\n".join([caught.value.message, *map(str, caught.value.problems)])
    assert says in text
    assert str(path) in text
    assert "t0ken-value" not in text


def test_an_unknown_context_lists_the_choices(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no context 'dev'") as caught:
        kubeconfig.select([written(tmp_path, document())], "dev")

    assert caught.value.hint == "choose one of: prod, bare"


def test_certificate_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").touch()

    kubeconfig.select([written(tmp_path, cluster(**{"certificate-authority": "ca.crt"}))], None)


def test_a_file_that_cant_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        kubeconfig.select([tmp_path], None)


def test_text_that_isnt_text_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff\xfe\x00a: \x80")

    with pytest.raises(ConfigError):
        kubeconfig.select([path], None)


def test_a_named_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="doesn't exist") as caught:
        kubeconfig.paths(str(tmp_path / "none"))
    assert caught.value.hint == "correct --kubeconfig"

    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ConfigError) as caught:
        kubeconfig.paths(None)
    assert caught.value.hint == "correct KUBECONFIG"


def test_of_several_named_files_those_that_exist_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = written(tmp_path, document())
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "none"), str(there)]))

    assert kubeconfig.paths(None) == [there]


def test_the_home_folder_is_the_last_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig.paths(None) == []

    (tmp_path / ".kube").mkdir()
    there = written(tmp_path / ".kube", document())
    assert kubeconfig.paths(None) == [there]


def test_a_path_that_no_file_can_have_is_told_with_the_reason(tmp_path: Path) -> None:
    name = "x" * 300
    with pytest.raises(ConfigError) as caught:
        kubeconfig.select(kubeconfig.paths(str(tmp_path / name)), None)
    assert f"{name}: can't be read (File name too long)" in str(caught.value)

    there = written(tmp_path, cluster(**{"certificate-authority": name}))
    with pytest.raises(ConfigError) as caught:
        kubeconfig.select([there], None)
    assert f"{name} can't be used: File name too long" in str(caught.value.problems[0])


KEYS = st.sampled_from(
    ["clusters", "contexts", "users", "current-context", "name", "cluster", "context", "user", "server", "tokenFile"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["c", "u", "prod"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "config"


def complaint(path: Path) -> str | None:
    """Give what is wrong with the file; anything but a ConfigError is a bug."""
    try:
        kubeconfig.select([path], None)
    except ConfigError as error:
        return "\n".join([error.message, *map(str, error.problems)])
    return None


@given(content=st.binary(max_size=60) | VALUES.map(lambda value: yaml.safe_dump(value).encode()))
def test_no_content_gives_anything_but_a_config_error(scratch: Path, content: bytes) -> None:
    scratch.write_bytes(content)

    assert str(scratch) in str(complaint(scratch))


@given(changes=st.dictionaries(KEYS, VALUES, max_size=3), entry=st.dictionaries(KEYS, VALUES, max_size=3))
def test_no_change_of_a_good_file_gives_anything_but_a_config_error(
    scratch: Path, changes: dict[str, Any], entry: dict[str, Any]
) -> None:
    scratch.write_text(yaml.safe_dump({**cluster(**entry), **changes}))

    said = complaint(scratch)
    assert said is None or str(scratch) in said
