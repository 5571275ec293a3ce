"""Whether the process that holds a lock is still there, judged on real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from kubecoder.releases import holder
from kubecoder.releases.holder import author, is_gone, this_process
from kubecoder.releases.record import Holder

HERE = this_process()


def of_process(pid: int) -> Holder:
    """What a process would say of itself."""
    return replace(HERE, pid=pid, started=holder._state(pid)[1])


def test_this_process_lives() -> None:
    assert HERE.pid == os.getpid()
    assert HERE.boot_id
    assert HERE.started > 0
    assert not is_gone(HERE, this_process())


def test_a_killed_process_is_gone_before_and_after_its_parent_asks() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        child = of_process(process.pid)
        assert not is_gone(child, HERE)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(child, HERE), "a zombie"
        process.wait()
    assert is_gone(child, HERE), "no process of this id"


def test_a_later_process_of_the_same_id_is_another() -> None:
    assert is_gone(replace(HERE, started=HERE.started - 1), HERE)


@pytest.mark.parametrize("elsewhere", [{"boot_id": "other"}, {"pid_namespace": "pid:[1]"}, {"boot_id": ""}])
def test_nothing_is_known_of_processes_elsewhere(elsewhere: dict[str, Any]) -> None:
    gone = replace(HERE, pid=2**23, started=1)
    assert is_gone(gone, HERE)
    assert not is_gone(replace(gone, **elsewhere), HERE)


def test_nothing_is_known_where_the_system_tells_nothing() -> None:
    blind = replace(HERE, boot_id="", pid_namespace="")
    assert not is_gone(replace(blind, pid=2**23), blind)


def test_a_process_whose_state_is_hidden_is_taken_for_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert not is_gone(replace(HERE, pid=2**23), HERE)
    assert not is_gone(HERE, HERE)


def test_the_author_is_user_at_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECODER_AUTHOR", raising=False)
    monkeypatch.setenv("LOGNAME", "jane")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    assert author() == "jane@laptop"


def test_a_ci_job_names_its_author(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECODER_AUTHOR", " jane via\x1b[31m pipeline 7\n" + "x" * 300)
    assert author().startswith("jane via[31m pipeline 7x")
    assert len(author()) == 200


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError

    monkeypatch.delenv("KUBECODER_AUTHOR", raising=False)
    monkeypatch.setattr("getpass.getuser", unknown)
    assert author().split("@")[0] == str(os.getuid())


def test_a_system_without_proc_knows_no_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "_read", lambda _path: "")
    monkeypatch.setattr("pathlib.Path.readlink", lambda _self: (_ for _ in ()).throw(FileNotFoundError()))
    assert (this_process().boot_id, this_process().pid_namespace, this_process().started) == ("", "", 0)
