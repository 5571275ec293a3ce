"""The images that the node runs, made from packages and our own sources: no registry is needed."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kubecoder.image import Target
from tests.rigs import StartError
from tests.rigs.binaries import PAUSE, built, cache_directory, locked, say
from tests.rigs.cli import Cli
from tests.rigs.processes import ProcessSet, run

PAUSE_IMAGE = "rigs.kubecoder.dev/pause:1"
SUITE = "bookworm"
BASE_OPTIONS = (
    "--variant=minbase",
    "--mode=root",
    "--include=ca-certificates,netbase,tzdata,python3,python3-pip",
    # Where Docker Hub's image has its Python.
    '--customize-hook=ln -s /usr/bin/python3 "$1/usr/local/bin/python3"',
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/*',
)
BASE_KEY = hashlib.sha256(repr((SUITE, BASE_OPTIONS)).encode()).hexdigest()[:16]
BASE_IMAGE = f"rigs.kubecoder.dev/python:{BASE_KEY}"
WORKSPACE_TAG = "rig"
FULL_TAG = "rig-full"
WORKSPACE_REPOSITORY = "docker.io/kubecoder/workspace"
AGENT = Path(__file__).parents[2] / "agent"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
BUILD_SECONDS = 3600
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """An image that can be made here.

    Attributes:
        name: The whole reference, as containerd knows it.
        key: A digest of everything that decides its content.
        write: Writes it as a docker-archive.
    """

    name: str
    key: str
    write: Callable[[Path], None]


def pause() -> Image:
    """Return the image that holds a pod's namespaces."""
    return Image(PAUSE_IMAGE, PAUSE.key, _write_pause)


def base() -> Image:
    """Return the stand-in for Docker Hub's Python image, made of Debian's packages (so its Python is Debian's)."""
    return Image(BASE_IMAGE, BASE_KEY, _write_base)


def workspace(target: Target = Target.slim) -> Image:
    """Return a workspace image of this working tree, built by `kubecoder image build`."""
    name = f"{WORKSPACE_REPOSITORY}:{WORKSPACE_TAG if target == Target.slim else FULL_TAG}"
    content = hashlib.sha256(f"{BASE_KEY} {target}".encode())
    for file in sorted(AGENT.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            content.update(str(file.relative_to(AGENT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return Image(name, content.hexdigest()[:16], partial(_write_workspace, name, target))


def workspace_defaults(tag: str = WORKSPACE_TAG) -> dict[str, object]:
    """Return what `users/_defaults.yaml` needs so that workspaces of that image fit on the node."""
    return {
        "image": {"tag": tag, "pullPolicy": "IfNotPresent"},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    }


def _write_workspace(name: str, target: Target, archive: Path) -> None:
    """Build with buildah, whose layers of earlier builds stay, so that a change of our Python takes seconds."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        _load_base_into_buildah(Path(folder))
        npmrc = Path(folder) / "npmrc"
        npmrc.write_text(f"cafile={CERTIFICATES}\n")
        options = [
            f"--build-arg=BASE={BASE_IMAGE}",
            *("--pull-never", "--layers", "--isolation=chroot", "--network=host"),
            # The machine may trust authorities of its own; none of them gets into the image.
            f"--volume={CERTIFICATES}:{CERTIFICATES}:ro",
            f"--volume={npmrc}:/root/.npmrc:ro",
        ]
        _build_with_buildah(name, target, options)
    run(["buildah", "push", "--quiet", name, f"docker-archive:{archive}:{name}"], seconds=900)


def _build_with_buildah(name: str, target: Target, options: Sequence[str]) -> None:
    with ProcessSet(cache_directory() / "logs") as processes:
        which = ("--builder=buildah", f"--target={target}", f"--tag={name}")
        build = processes.start("workspace-image", Cli.command("image", "build", *which, "--", *options))
        say(f"rigs: building the workspace image {target}, 8 minutes at first, later what has changed; see {build.log}")
        if build.popen.wait(BUILD_SECONDS):
            raise StartError(f"the workspace image wasn't built\n{build.log_tail()}")


def _load_base_into_buildah(folder: Path) -> None:
    if not run(["buildah", "images", "--quiet", f"--filter=reference={BASE_IMAGE}"]).strip():
        archive = folder / "base.tar"
        _write_base(archive)
        run(["buildah", "pull", "--quiet", f"docker-archive:{archive}"], seconds=300)


def _write_pause(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        layer = Path(folder) / "layer.tar"
        with tarfile.open(layer, "w") as archive:
            archive.add(built(PAUSE) / "pause", "pause")
        write_archive(target, PAUSE_IMAGE, layer, {"Entrypoint": ["/pause"]})


def _write_base(target: Path) -> None:
    path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    write_archive(target, BASE_IMAGE, base_layer(), {"Cmd": ["python3"], "Env": [f"PATH={path}"]})


def base_layer() -> Path:
    """Return the base image's file system; it stays in the cache, since the network is slow and mirrors change."""
    target = cache_directory() / f"base-{BASE_KEY}.tar"
    with locked(target):
        if not target.exists():
            say("rigs: making a base image by mmdebstrap, about half a minute")
            with tempfile.TemporaryDirectory(prefix=".base-", dir=target.parent) as folder:
                temporary = Path(folder) / "layer.tar"
                sources = [str(file) for file in debian_sources()]
                run(["mmdebstrap", *BASE_OPTIONS, SUITE, str(temporary), *sources], seconds=900)
                temporary.rename(target)
    return target


def debian_sources() -> list[Path]:
    """Return the machine's own apt sources of the suite, which reach a mirror where the public one isn't reachable.

    Empty means mmdebstrap's default, the public mirror.
    """
    apt = Path("/etc/apt")
    files = [apt / "sources.list", apt / "sources.list.d" / "debian.sources"]
    return [file for file in files if file.is_file() and SUITE in file.read_text()]


def write_archive(target: Path, name: str, layer: Path, settings: dict[str, list[str]]) -> None:
    """Write an image of one layer as `docker save` does: manifest.json, the configuration, the layer."""
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    config = json.dumps(
        {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": settings,
            # buildah refuses to build on a layer that no line of the history names.
            "history": [{"created_by": "kubecoder's test rig"}],
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(target, "w") as archive:
        for path, text in (("manifest.json", manifest), (config_name, config)):
            information = tarfile.TarInfo(path)
            information.size = len(text)
            archive.addfile(information, io.BytesIO(text))
        archive.add(layer, "layer.tar")
