"""How the workspace image is built: its context, its name, and which builder."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kubecoder import __version__, image
from kubecoder.errors import KubecoderError, NotFoundError, UsageError
from kubecoder.image import Build, Builder

ROOT = Path(__file__).parent.parent.parent
IMAGE = ROOT / "agent" / "image"


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (None, f"docker.io/kubecoder/workspace:{__version__}"),
        ("v1", "docker.io/kubecoder/workspace:v1"),
        ("team/workspace:1", "docker.io/team/workspace:1"),
        ("registry.company.com/workspace:1", "registry.company.com/workspace:1"),
        ("localhost:5000/workspace:1", "localhost:5000/workspace:1"),
        ("localhost/workspace:1", "localhost/workspace:1"),
    ],
)
def test_a_tag_becomes_a_reference_that_all_builders_understand_alike(tag: str | None, expected: str) -> None:
    assert image.reference(tag) == expected


@pytest.mark.parametrize("tag", ["team/workspace", "localhost:5000/workspace"])
def test_a_repository_without_a_tag_is_refused(tag: str) -> None:
    with pytest.raises(UsageError, match="no tag"):
        image.reference(tag)


def test_the_first_builder_that_works_is_taken(path: Path) -> None:
    program(path, "docker", "exit 1")
    program(path, "buildah", "exit 0")
    assert image.find_builder() is Builder.buildah
    program(path, "docker", "echo 27.0")
    assert image.find_builder() is Builder.docker
    assert image.find_builder(Builder.buildah) is Builder.buildah


def test_without_a_builder_the_error_says_what_to_do(path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        image.find_builder()
    assert "image context" in str(caught.value.hint)
    with pytest.raises(NotFoundError, match="podman isn't installed"):
        image.find_builder(Builder.podman)


def test_the_context_holds_what_the_dockerfile_copies_and_no_caches(tmp_path: Path) -> None:
    dockerfile = image.write_context(tmp_path / "context")
    sources = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile.read_text(), re.MULTILINE)
    assert sources
    for source in sources:
        assert (tmp_path / "context" / source).exists(), source
    assert not list((tmp_path / "context").rglob("__pycache__"))


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(KubecoderError, match="isn't empty"):
        image.write_context(tmp_path)


def test_the_builder_gets_its_options_and_its_failure_is_told(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program(path, "podman", f'printf "%s\\n" "$@" > {tmp_path}/out')
    wanted = Build("docker.io/kubecoder/workspace:1", arguments=("--build-arg=BASE=mirror/python",))
    image.build(Builder.podman, wanted, log=sys.stderr)
    arguments = (tmp_path / "out").read_text().splitlines()
    assert arguments[0] == "build"
    assert arguments[2:5] == [
        "--target=full",
        "--tag=docker.io/kubecoder/workspace:1",
        "--build-arg=BASE=mirror/python",
    ]
    assert arguments[1] == f"--file={arguments[5]}/agent/image/Dockerfile"
    assert not Path(arguments[5]).exists(), "the context is left behind"
    program(path, "podman", "echo no space >&2; exit 7")
    with pytest.raises(KubecoderError, match="exit code 7"):
        image.build(Builder.podman, wanted, log=sys.stderr)
    with pytest.raises(KubecoderError, match="wasn't pushed"):
        image.push(Builder.podman, wanted.reference, log=sys.stderr)


def requirements(name: str) -> dict[str, Requirement]:
    lines = (IMAGE / name).read_text().splitlines()
    found = [Requirement(line.rstrip("\\ ")) for line in lines if line and line[0] not in "# "]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize("name", ["requirements.txt", "services.txt", "tools.txt"])
def test_every_python_package_of_the_image_is_pinned_with_hashes(name: str) -> None:
    text = (IMAGE / name).read_text()
    blocks = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+==[^\s;]+ ", block), block
        assert "--hash=sha256:" in block
    assert "://" not in text


def test_the_image_has_what_the_agent_extra_asks_for() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["agent"]
    pinned = requirements("requirements.txt")
    for wanted in map(Requirement, extras):
        (specifier,) = pinned[canonicalize_name(wanted.name)].specifier
        assert wanted.specifier.contains(specifier.version), wanted


@pytest.mark.parametrize("name", ["npm/package-lock.json", "oauth2-proxy/go.mod", "Dockerfile"])
def test_nothing_in_the_image_names_a_registry(name: str) -> None:
    assert '"resolved"' not in (IMAGE / name).read_text()
    assert "https://" not in re.sub(r'"(url|funding|homepage)":.*', "", (IMAGE / name).read_text())
