"""`python -m agent.demo [--port N] [--log FILE]`: serve the scripted model on loopback until SIGTERM.

Prints one JSON line with its address as soon as it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.demo.server import serving


def main(argv: Sequence[str] | None = None) -> int:
    """Serve, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m agent.demo", description="Serve the scripted model on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write what the model sees, one JSON line an event")
    options = parser.parse_args(argv)
    try:
        asyncio.run(_serve(options.port, options.log))
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


async def _serve(port: int, log: Path | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with serving(port, log) as running:
        sys.stdout.write(json.dumps({"address": running.address}) + "\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    sys.exit(main())
