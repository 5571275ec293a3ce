"""axe-core in a page: what it finds wrong for people who don't see or don't use a mouse.

axe-core has the MPL-2.0 licence. It comes from npm into the user's cache folder, runs in the tests' browser
and is no part of what we ship; `axe/package-lock.json` pins it by hash.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from playwright.sync_api import Page

from tests.rigs import StartError
from tests.rigs.binaries import cache_directory, locked, say
from tests.rigs.claude import npm_command

LOCK = Path(__file__).parent / "axe"
RUN = """async () => (await axe.run()).violations.flatMap((rule) =>
  rule.nodes.map((node) => `${rule.id} (${rule.impact}): ${node.html} ${node.failureSummary}`))"""


@cache
def program() -> str:
    """Return axe-core's source, installing it when it isn't in the cache.

    Raises:
        Unavailable: There is no npm and none can be installed.
        StartError: npm failed.
    """
    digest = sha256((LOCK / "package-lock.json").read_bytes()).hexdigest()[:16]
    target = cache_directory() / f"axe-{digest}"
    if not target.is_dir():
        with locked(target):
            if not target.is_dir():
                _install(target)
    return (target / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def _install(target: Path) -> None:
    npm = npm_command()
    say(f"rigs: installing axe-core into {target} with {npm[-1]}")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        folder = Path(temporary) / "axe"
        shutil.copytree(LOCK, folder)
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(Path(temporary) / "npm")]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if result.returncode:
            raise StartError(f"npm ci of axe-core failed\n{result.stderr[-4000:]}")
        folder.rename(target)


def problems(page: Page) -> list[str]:
    """Return everything that axe finds in the page as it is now."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        # Not by a script element, which the page's policy refuses.
        page.evaluate(program())
    found: list[str] = page.evaluate(RUN)
    return found
