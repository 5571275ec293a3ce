from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rigs import binaries
from tests.rigs.binaries import GoModule
from tests.rigs.processes import ProcessSet, start_time
from tests.rigs.waiting import wait_until

HOLD_LOCK = """
import sys, time
from pathlib import Path
from tests.rigs.binaries import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def module(tmp_path: Path) -> GoModule:
    (tmp_path / "go.mod").write_text("module example\n")
    (tmp_path / "main.go").write_text("package main\n")
    return GoModule(tmp_path, {".": "example"}, "nothing")


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "main.go", "more.go"])
def test_a_changed_source_is_another_build(module: GoModule, changed: str) -> None:
    before = module.key

    (module.directory / changed).write_text("// changed\n")

    assert module.key != before


def test_what_does_not_decide_the_build_does_not_change_its_key(module: GoModule) -> None:
    before = module.key

    (module.directory / "README.md").write_text("words")

    assert module.key == before


def test_a_module_that_is_in_the_cache_is_not_built_again(
    module: GoModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    folder = tmp_path / "cache" / "kubecoder" / "rigs" / f"{module.name}-{module.key}"
    folder.mkdir(parents=True)

    assert binaries.built(module) == folder


def test_the_folder_of_envtest_is_taken_for_the_components_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etcd").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setattr(binaries, "built", lambda module: Path("/cache"))

    assert binaries.component("etcd") == [str(tmp_path / "etcd")]
    assert binaries.component("kubelet") == ["/cache/kube", "kubelet"]


def test_a_lock_makes_the_second_process_wait_for_the_first(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", HOLD_LOCK, str(tmp_path / "part")]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(
            command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as second:
            assert second.stderr
            assert "waiting for another process" in second.stderr.readline()
            first.communicate("")
            assert second.stdout
            assert second.stdout.readline() == "held\n"
            second.communicate("")


def test_a_process_ends_with_its_set_and_so_does_what_it_started(tmp_path: Path) -> None:
    with ProcessSet(tmp_path) as processes:
        process = processes.start("parent", ["sh", "-c", "sleep 600 & echo $!; wait"])
        child = int(wait_until(process.log.read_text, what="the child's pid", seconds=10, every=0.01))
        assert start_time(child)

    assert start_time(process.pid) is None
    wait_until(lambda: start_time(child) is None, what="the child's end", seconds=10, every=0.01)


def test_this_process_has_a_start_time() -> None:
    assert start_time(os.getpid())
