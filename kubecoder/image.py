"""The workspace image: a build context out of the running distribution, built by whichever builder is there."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from kubecoder import __version__
from kubecoder.errors import KubecoderError, NotFoundError, UsageError

DOCKERFILE = Path("agent") / "image" / "Dockerfile"
DEFAULT_REPOSITORY = "kubecoder/workspace"
PROBE_SECONDS = 20


class Builder(StrEnum):
    """The programs that can build, in the order in which they are looked for."""

    docker = "docker"
    podman = "podman"
    buildah = "buildah"


class Target(StrEnum):
    """The images that the Dockerfile makes: `full`, and `slim` without VS Code, terminal and Firefox in the browser."""

    full = "full"
    slim = "slim"


@dataclass(frozen=True, slots=True)
class Build:
    """What to build.

    Attributes:
        reference: Repository and tag, with the registry's name.
        target: Which of the Dockerfile's images.
        arguments: Passed on to the builder as they are, such as `--build-arg=BASE=…`.
    """

    reference: str
    target: Target = Target.full
    arguments: tuple[str, ...] = ()


def reference(tag: str | None) -> str:
    """Complete a tag to a reference that means the same to every builder and to Kubernetes.

    Podman and buildah take a name without a registry for one of `localhost`, Kubernetes for one of Docker Hub.

    Args:
        tag: `TAG` or `REPOSITORY:TAG`; None means the running version.

    Raises:
        UsageError: It names a repository without a tag.
    """
    tag = tag or __version__
    repository, colon, name = tag.rpartition(":")
    if "/" in name or (not colon and "/" in tag):
        raise UsageError(f"{tag} has no tag", hint=f"write {tag}:{__version__}")
    repository = repository or DEFAULT_REPOSITORY
    first = repository.partition("/")[0]
    is_registry = "/" in repository and ("." in first or ":" in first or first == "localhost")
    return f"{repository}:{name}" if is_registry else f"docker.io/{repository}:{name}"


def find_builder(chosen: Builder | None = None) -> Builder:
    """Find a builder that works on this machine.

    Raises:
        NotFoundError: The chosen one isn't installed, or there is none.
    """
    if chosen is not None:
        if shutil.which(chosen) is None:
            raise NotFoundError(f"{chosen} isn't installed", hint="choose another --builder, or install it")
        return chosen
    for builder in Builder:
        if shutil.which(builder) is not None and (builder is not Builder.docker or _has_docker_daemon()):
            return builder
    raise NotFoundError(
        "no program that builds images was found (docker with its daemon, podman, buildah)",
        hint="install one, or take the context of `kubecoder image context DIR` to a machine that has one",
    )


def _has_docker_daemon() -> bool:
    command = [Builder.docker, "version", "--format", "{{.Server.Version}}"]
    try:
        return subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def write_context(directory: Path) -> Path:
    """Write the files that a build needs, and return the Dockerfile.

    Raises:
        KubecoderError: The folder isn't empty or can't be written, or the distribution lacks the files.
    """
    source = _agent_package()
    target = directory / "agent"
    if directory.is_dir() and any(directory.iterdir()):
        raise KubecoderError(f"{directory} isn't empty", hint="name a new folder")
    try:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    except OSError as error:
        raise KubecoderError(f"{directory} can't be written: {error}", hint="name another folder") from error
    return directory / DOCKERFILE


def _agent_package() -> Path:
    spec = importlib.util.find_spec("agent")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in map(Path, folders):
        if (folder.parent / DOCKERFILE).is_file():
            return folder
    raise KubecoderError("this installation of kubecoder lacks the image's files", hint="install kubecoder again")


def build(builder: Builder, wanted: Build, *, log: IO[str]) -> None:
    """Build an image; what the builder says goes to `log`, a real file.

    Raises:
        KubecoderError: The builder failed.
    """
    with tempfile.TemporaryDirectory(prefix="kubecoder-image-") as folder:
        context = Path(folder)
        dockerfile = write_context(context)
        _run(build_command(builder, wanted, dockerfile, context), log, "the image wasn't built")


def build_command(builder: Builder, wanted: Build, dockerfile: Path, context: Path) -> list[str]:
    """Return the argv that builds."""
    options = [f"--file={dockerfile}", f"--target={wanted.target}", f"--tag={wanted.reference}"]
    return [builder, "build", *options, *wanted.arguments, str(context)]


def push(builder: Builder, name: str, *, log: IO[str]) -> None:
    """Push a built image to its registry, with the login that the builder has.

    Raises:
        KubecoderError: The builder failed.
    """
    _run([builder, "push", name], log, f"{name} wasn't pushed")


def _run(command: Sequence[str], log: IO[str], failure: str) -> None:
    log.flush()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    except OSError as error:
        raise KubecoderError(f"{failure}: {command[0]} can't be run: {error.strerror}") from error
    if done.returncode:
        raise KubecoderError(
            f"{failure}: {command[0]} {command[1]} ended with exit code {done.returncode}",
            hint="its messages above say why",
        )
