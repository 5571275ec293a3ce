"""The README's command for the example fleet, from a copy of what git has: it is valid and renders without secrets."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The tracked files of the example fleet, with the program where the command expects it."""
    tree = tmp_path / "clone"
    listed = ["git", "ls-files", "-z", "users", "secrets"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs git and a clone: https://git-scm.com/downloads")
    for name in filter(None, done.stdout.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    program = tree / ".venv" / "bin" / "kubecoder"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m kubecoder "$@"\n')
    program.chmod(0o755)
    return tree


def test_the_command_of_the_readme_renders_the_example_fleet(clone: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (commands,) = [
        block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "validate --no-secrets" in block
    ]
    done = subprocess.run(["sh", "-c", commands], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = sorted((clone / "build" / "manifests").iterdir())
    assert [file.name for file in files] == ["base.yaml", "gerard.yaml", "imran.yaml"]
    assert all(list(yaml.safe_load_all(file.read_text())) for file in files)
