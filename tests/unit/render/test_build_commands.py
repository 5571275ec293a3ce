"""The commands that `build.mode` puts into a workspace, run by a real shell with a buildctl that tells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kubecoder import render
from tests.manifest_cases import MINIMAL, fleet

BUILDCTL = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    for manifest in render.base(fleet(MINIMAL.workspace())).manifests:
        mode = manifest["metadata"]["name"].removeprefix("kubecoder-")
        for name, text in manifest.get("data", {}).items():
            write(folder / mode / name, text)
    write(folder / "buildkit" / "buildctl", BUILDCTL)
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    for file in ("Dockerfile", "app/Dockerfile", "app/my file"):
        (tmp_path / file).touch()
    return tmp_path


def run(commands: Path, mode: str, project: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    path = f"{commands / mode}:{os.environ['PATH']}"
    return subprocess.run(argv, cwd=project, env={"PATH": path}, capture_output=True, text=True, check=False)


def built(commands: Path, project: Path, *argv: str) -> list[str]:
    done = run(commands, "buildkit", project, *argv)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == ["build", "--frontend", "dockerfile.v0"]
    return lines[3:]


def local(context: str, folder: str, file: str = "Dockerfile") -> list[str]:
    return ["--local", f"context={context}", "--local", f"dockerfile={folder}", "--opt", f"filename={file}"]


@pytest.mark.parametrize(
    "argv", [["docker", "build"], ["docker", "buildx", "build"], ["docker", "image", "build"], ["docker-build"]]
)
def test_docker_build_becomes_buildctl(commands: Path, project: Path, argv: list[str]) -> None:
    assert built(commands, project, *argv, ".") == local(".", ".")


def test_the_result_that_goes_nowhere_is_announced(commands: Path, project: Path) -> None:
    assert "stays in BuildKit's cache" in run(commands, "buildkit", project, "docker-build", ".").stderr


def test_push_names_every_tag(commands: Path, project: Path) -> None:
    argv = ["docker", "build", "-t", "r.example.com/a:1", "--tag=r.example.com/a:2", "--push", "app"]
    assert built(commands, project, *argv) == [
        *local("app", "app"),
        "--output",
        'type=image,"name=r.example.com/a:1,r.example.com/a:2",push=true',
    ]


@pytest.mark.parametrize(
    ("options", "translated"),
    [
        (["--build-arg", "A=b c"], ["--opt", "build-arg:A=b c"]),
        (["--build-arg=A=b=c"], ["--opt", "build-arg:A=b=c"]),
        (["--label", "a=b"], ["--opt", "label:a=b"]),
        (["--target", "x"], ["--opt", "target=x"]),
        (["--platform=linux/arm64"], ["--opt", "platform=linux/arm64"]),
        (["--progress=plain"], ["--progress", "plain"]),
        (["--secret", "id=a,src=b"], ["--secret", "id=a,src=b"]),
        (["--ssh", "default"], ["--ssh", "default"]),
        (["--cache-from", "type=registry,ref=a"], ["--import-cache", "type=registry,ref=a"]),
        (["--cache-to=type=inline"], ["--export-cache", "type=inline"]),
        (["--no-cache", "--pull"], ["--no-cache", "--opt", "image-resolve-mode=pull"]),
    ],
)
def test_options_are_translated(commands: Path, project: Path, options: list[str], translated: list[str]) -> None:
    assert built(commands, project, "docker", "build", *options, ".") == [*translated, *local(".", ".")]


def test_an_output_is_passed_on(commands: Path, project: Path) -> None:
    assert built(commands, project, "docker-build", "-o", "type=tar,dest=a.tar", ".")[-2:] == [
        "--output",
        "type=tar,dest=a.tar",
    ]


def test_a_dockerfile_elsewhere_with_a_blank(commands: Path, project: Path) -> None:
    assert built(commands, project, "docker", "build", "-f", "app/my file", ".") == local(".", "app", "my file")


def test_a_context_on_the_net(commands: Path, project: Path) -> None:
    url = "https://github.com/acme/app.git#main"
    argv = ["docker", "build", "-f", "x/Dockerfile", url]
    assert built(commands, project, *argv) == ["--opt", f"context={url}", "--opt", "filename=x/Dockerfile"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["docker", "ps"], "only 'docker build' works here"),
        (["docker"], "only 'docker build' works here"),
        (["docker", "build"], "a context is missing"),
        (["docker", "build", "-"], "standard input isn't supported"),
        (["docker", "build", "gone"], "the context gone is no folder"),
        (["docker", "build", "-f", "gone", "."], "there is no gone"),
        (["docker", "build", "a", "b"], "one context, not a and b"),
        (["docker", "build", "-t"], "-t needs a value"),
        (["docker", "build", "--push", "."], "--push needs --tag"),
        (["docker", "build", "--squash", "."], "--squash isn't supported"),
        (["docker", "build", "--add-host", "a:1", "."], "--add-host isn't supported"),
    ],
)
def test_what_cannot_be_done_is_said(commands: Path, project: Path, argv: list[str], words: str) -> None:
    done = run(commands, "buildkit", project, *argv)
    assert done.returncode == 125
    assert words in done.stderr
    assert not done.stdout


def test_kaniko_names_the_admins_command(commands: Path, project: Path) -> None:
    done = run(commands, "kaniko", project, "docker-build", "-t", "x", ".")
    assert done.returncode == 1
    assert "kubecoder build NAME" in done.stderr


def test_an_image_without_buildctl_is_named(commands: Path, project: Path) -> None:
    write(project / "bin" / "docker-build", (commands / "buildkit" / "docker-build").read_text())
    done = run(project, "bin", project, "docker-build", ".")
    assert done.returncode == 125
    assert "this workspace's image has no buildctl" in done.stderr
