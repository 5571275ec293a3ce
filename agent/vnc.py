"""What websockify asks before it joins a page and the screen: the page's origin. Then it has Firefox started.

websockify is in the image `full` alone, and runs this in its own process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from websockify.auth_plugins import ExpectOrigin

from agent.services.supervisor import Supervisor, SupervisorError

SUPERVISOR = Supervisor(Path("/run/kubecoder/supervisor/supervisor.sock"))
PROGRAM = "firefox"


class SameOrigin(ExpectOrigin):  # type: ignore[misc]
    """Lets pages of one origin in, which is websockify's `--auth-source`."""

    def authenticate(self, headers: Mapping[str, str], target_host: str, target_port: str) -> None:
        """Refuse pages of other origins; for the others Firefox is started, unless it runs.

        Raises:
            InvalidOriginError: It is a page of another origin.
        """
        super().authenticate(headers, target_host, target_port)
        # What hinders Firefox keeps nobody from the screen, whose menu starts it too.
        with contextlib.suppress(SupervisorError):
            SUPERVISOR.start(PROGRAM)
