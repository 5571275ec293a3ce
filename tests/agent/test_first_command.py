"""The README's first command, on a machine that has Python and nothing else of what it needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRESH_MACHINE = Path(__file__).with_name("fresh_machine.sh")
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
SECONDS = 900


def first_command() -> str:
    """Return the first command of the README."""
    found = re.search(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_it_shows_a_task_where_only_python_is(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("a copy of this machine without tmux needs root on Debian")
    source, changes = tmp_path / "kubecoder", tmp_path / "changes"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0")[:-1]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    changes.mkdir()
    command = first_command()
    assert command.endswith("kubecoder demo --once --install")

    done = subprocess.run(
        [*NAMESPACES, "sh", str(FRESH_MACHINE), str(changes), str(source), command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no npm on the PATH: installing Node" in done.stderr
    assert re.search(r"^written .*hello\.txt: Hello from kubecoder$", done.stdout, re.MULTILINE)
    assert re.search(r"^ended .*none is left", done.stdout, re.MULTILINE)
