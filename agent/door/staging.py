"""What oauth2-proxy reads: a private copy of one consistent state of the mounted files.

The kubelet updates each volume by itself. A sign-in by an old allow-list, made after the
new cookie secret arrived, must not outlive the moment in which the new list arrives too:
so the cookies' key depends on the configuration that the proxy runs with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

from agent.door.config import Content
from agent.files import write_atomically

KEY_CHARACTERS = 32
# oauth2-proxy's own page for a person who isn't on the list is "500 Oops! Something went wrong".
PAGES = Path(__file__).parent / "pages"


def cookie_key(content: Content) -> bytes:
    """Derive the cookies' key from the mounted secret and the configuration: 32 URL-safe characters."""
    digest = hmac.digest(content.cookie_secret, b"door\0" + content.alpha, hashlib.sha256)
    return base64.urlsafe_b64encode(digest)[:KEY_CHARACTERS]


class Stage:
    """A folder of the watcher's own, in memory, with the files of the proxy's next run."""

    def __init__(self, directory: Path) -> None:
        self.alpha = directory / "alpha.yaml"
        self.cookie_secret = directory / "cookie-secret"

    def place(self, content: Content) -> tuple[str, ...]:
        """Write the files and return the arguments that name them and our pages.

        Raises:
            OSError: The folder can't be written.
        """
        write_atomically(self.alpha, content.alpha)
        write_atomically(self.cookie_secret, cookie_key(content))
        return (
            f"--alpha-config={self.alpha}",
            f"--cookie-secret-file={self.cookie_secret}",
            f"--custom-templates-dir={PAGES}",
        )
