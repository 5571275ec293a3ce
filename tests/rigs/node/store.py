"""containerd's folder with the images already unpacked, made once and cloned for each node.

Unpacking a workspace image takes longer than starting the whole node; a clone is
hard links, since nothing ever writes into an unpacked layer.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.rigs import leftovers
from tests.rigs.binaries import CONTAINERD, cache_directory, locked, say
from tests.rigs.images import Image
from tests.rigs.node.containerd import Containerd
from tests.rigs.node.sandbox import Sandbox
from tests.rigs.processes import ProcessSet, run

CONTENTS = "images.json"


def clone_to(target: Path, images: Sequence[Image]) -> None:
    """Make `target` a root folder for containerd that holds these images, and maybe others."""
    store = cache_directory() / f"images-{CONTAINERD.key}"
    with locked(store):
        present = _contents(store)
        missing = [image for image in images if present.get(image.name) != image.key]
        if missing:
            _add(missing, store)
        _clone(store, target)


def _add(images: Sequence[Image], store: Path) -> None:
    """Import the images into a clone, so that only layers that changed are unpacked, and put it in place."""
    directory = leftovers.new_directory("images")
    root = directory / "containerd" / "root"
    if store.exists():
        _clone(store, root)
    sandbox = Sandbox(directory / "sandbox", directory / "logs")
    try:
        with ProcessSet(directory / "logs") as processes:
            sandbox.start()
            leftovers.record(directory, sandbox=sandbox.pid)
            containerd = Containerd(sandbox, directory / "containerd", processes)
            containerd.start()
            for image in images:
                _load(image, containerd, directory)
            sandbox.stop()
        contents = {**_contents(root), **{image.name: image.key for image in images}}
        (root / CONTENTS).write_text(json.dumps(contents))
        if store.exists():
            store.rename(directory / "before")
        root.rename(store)
    finally:
        sandbox.stop()
        leftovers.remove(directory)


def _load(image: Image, containerd: Containerd, directory: Path) -> None:
    say(f"rigs: making and unpacking the image {image.name}")
    archive = directory / "image.tar"
    image.write(archive)
    containerd.load(archive)
    archive.unlink()


def _contents(root: Path) -> dict[str, str]:
    """Return the images of a root folder, name → key; none where there is no folder yet."""
    if not (root / CONTENTS).exists():
        return {}
    contents: dict[str, str] = json.loads((root / CONTENTS).read_text())
    return contents


def _clone(store: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "--archive", "--link", str(store), str(target)])
    # These are the only files that are written in place.
    for file in [target / CONTENTS, *target.glob("*/*.db")]:
        file.unlink()
        shutil.copy2(store / file.relative_to(target), file)
