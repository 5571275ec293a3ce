"""Shells complete commands, options and user names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kubecoder.cli.main import app


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(shell: str) -> None:
    result = CliRunner().invoke(app, ["completion", shell], prog_name="kubecoder")
    assert result.exit_code == 0
    assert f"_KUBECODER_COMPLETE=complete_{shell}" in result.stdout


def test_another_shell_is_a_usage_error_that_lists_the_choices() -> None:
    result = CliRunner().invoke(app, ["completion", "tcsh"], prog_name="kubecoder")
    assert result.exit_code == 2
    assert all(shell in result.stderr for shell in ("bash", "zsh", "fish"))


def test_bash_completes_a_command_with_the_printed_script(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    program = tmp_path / "kubecoder"
    program.write_text(f"#!{sys.executable}\nfrom kubecoder.cli.main import main\nmain()\n")
    program.chmod(0o755)
    script = (
        f"export PATH={tmp_path}:$PATH\n"
        "source <(kubecoder completion bash)\n"
        "COMP_WORDS=(kubecoder vers) COMP_CWORD=1\n"
        "_kubecoder_completion kubecoder\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    finished = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert finished.stdout == "version\n"
