"""Mounted ConfigMaps and Secrets, replaced as the kubelet does it: a new folder, then one link."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path


class Volume:
    """A folder whose files are links through `..data`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._generation = 0
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, files: Mapping[str, str]) -> None:
        """Replace the content; the folder of the earlier one goes."""
        before, self._generation = self._generation, self._generation + 1
        version = self.directory / f"..{self._generation}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_text(content)
        link = self.directory / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self.directory / "..data")
        for name in files:
            entry = self.directory / name
            if not entry.is_symlink():
                entry.unlink(missing_ok=True)
                entry.symlink_to(f"..data/{name}")
        shutil.rmtree(self.directory / f"..{before}", ignore_errors=True)
