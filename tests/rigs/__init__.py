"""The real parts that the tests run: what they need, how they start, how they end.

Nothing here knows pytest; the fixtures are in the conftest modules. A part that
can't be had on this machine raises `Unavailable` with the reason and the way to get it.
"""

from __future__ import annotations


class Unavailable(Exception):  # noqa: N818 - it isn't an error of the code under test
    """This machine can't run a part; the text says why and how to get it."""


class StartError(Exception):
    """A part that should run here didn't start; the text ends with its log."""
