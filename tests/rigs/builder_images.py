"""Stand-ins for the images of BuildKit and Docker in Docker: the same programs on Debian's packages."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.rigs.binaries import BUILDKIT, COMPOSE, GoModule, built, say
from tests.rigs.images import SUITE, Image, debian_sources, write_archive
from tests.rigs.processes import run

BUILDKIT_IMAGE = "rigs.kubecoder.dev/buildkit:rootless"
DIND_IMAGE = "rigs.kubecoder.dev/docker:dind"
# Where Docker's own image has its plugins, and why `docker compose` works.
PLUGINS = "/usr/local/libexec/docker/cli-plugins"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHROOT = 'chroot "$1"'
# As in moby's rootless image: the file capabilities do what the setuid bit can't in a container without SYS_ADMIN.
BUILDKIT_OPTIONS = (
    "--include=ca-certificates,fuse-overlayfs,git,libcap2-bin,runc,uidmap",
    f"--customize-hook={CHROOT} useradd --uid 1000 --create-home user",
    '--customize-hook=echo user:100000:65536 | tee "$1/etc/subuid" > "$1/etc/subgid"',
    f"--customize-hook={CHROOT} chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap",
    f"--customize-hook={CHROOT} setcap cap_setuid+ep /usr/bin/newuidmap",
    f"--customize-hook={CHROOT} setcap cap_setgid+ep /usr/bin/newgidmap",
    "--skip=cleanup/run",
    '--customize-hook=install -d -o 1000 -g 1000 -m 0700 "$1/run/user/1000" "$1/home/user/.local/tmp"',
)
BUILDKIT_ENVIRONMENT = (
    *(PATH, "USER=user", "HOME=/home/user"),
    *("XDG_RUNTIME_DIR=/run/user/1000", "TMPDIR=/home/user/.local/tmp"),
)
DIND_OPTIONS = ("--include=ca-certificates,docker.io,iptables,kmod",)


def buildkit() -> Image:
    """Return the stand-in for `moby/buildkit:*-rootless`."""
    programs = {"/usr/bin": (BUILDKIT, ("buildkitd", "buildctl", "rootlesskit"))}
    return _image(BUILDKIT_IMAGE, BUILDKIT_OPTIONS, programs, BUILDKIT_ENVIRONMENT)


def dind() -> Image:
    """Return the stand-in for `docker:*-dind`: Debian's older Docker, with compose where Docker's image has it."""
    return _image(DIND_IMAGE, DIND_OPTIONS, {PLUGINS: (COMPOSE, ("docker-compose",))}, (PATH,))


def _image(
    name: str,
    options: Sequence[str],
    programs: Mapping[str, tuple[GoModule, Sequence[str]]],
    environment: Sequence[str],
) -> Image:
    keys = [module.key for module, _ in programs.values()]
    key = hashlib.sha256(repr((SUITE, options, keys, programs.keys(), environment)).encode()).hexdigest()[:16]
    return Image(name, key, partial(_write, name, options, programs, environment))


def _write(
    name: str,
    options: Sequence[str],
    programs: Mapping[str, tuple[GoModule, Sequence[str]]],
    environment: Sequence[str],
    archive: Path,
) -> None:
    copies = [f'--customize-hook=mkdir -p "$1{folder}"' for folder in programs]
    for folder, (module, names) in programs.items():
        copies.append(
            f"--customize-hook=copy-in {' '.join(str(built(module) / program) for program in names)} {folder}"
        )
    say(f"rigs: making {name} by mmdebstrap, about half a minute")
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        layer = Path(folder) / "layer.tar"
        sources = [str(file) for file in debian_sources()]
        first = ("--variant=minbase", "--mode=root")
        run(["mmdebstrap", *first, *options, *copies, SUITE, str(layer), *sources], seconds=900)
        write_archive(archive, name, layer, {"Env": list(environment)})
