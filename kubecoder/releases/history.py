"""What few commands need of a record, in one gzip stream: earlier revisions, and the manifests of all of them.

What the revisions have in common is stored once that way, and listing a fleet inflates nothing.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, overload

from kubecoder.errors import ClusterError
from kubecoder.models.manifest import Manifest, canonical_json
from kubecoder.releases import fields
from kubecoder.releases.fields import DamagedError, Reader
from kubecoder.releases.redaction import is_redacted
from kubecoder.releases.revision import Revision, Revisions

# Ten revisions of a workspace inflate to about 300 KB; whoever can write a record can't make us allocate much more.
_MAX_INFLATED_BYTES = 64 * 1024 * 1024


class History:
    """The stream of one record, inflated once, when first needed.

    Args:
        stream: As it is stored.

    Reading raises ClusterError when the stream isn't what we write.
    """

    def __init__(self, stream: bytes) -> None:
        self.stream = stream

    @cached_property
    def earlier(self) -> tuple[Revision, ...]:
        """All revisions but the newest."""
        try:
            items = Reader(self._document, "history").items("revisions")
            return tuple(self.attached(fields.revision(item), is_stored=item.flag("stored")) for item in items)
        except DamagedError as error:
            raise _unreadable(str(error)) from error

    def attached(self, revision: Revision, *, is_stored: bool) -> Revision:
        """Give a revision its manifests, if they are kept."""
        return replace(revision, manifests=StoredManifests(self, revision.number)) if is_stored else revision

    def manifests(self, number: int) -> list[Manifest]:
        """Read the manifests of one revision."""
        every = self._document.get("manifests")
        found = every.get(str(number)) if isinstance(every, dict) else None
        if not isinstance(found, list):
            raise _unreadable(f"the manifests of revision {number} aren't in it")
        return found

    @cached_property
    def _document(self) -> dict[str, Any]:
        try:
            # 31: a gzip header, and the largest window.
            inflater = zlib.decompressobj(wbits=31)
            raw = inflater.decompress(self.stream, _MAX_INFLATED_BYTES)
            document = json.loads(raw) if inflater.eof else None
        except (zlib.error, ValueError, RecursionError) as error:
            raise _unreadable(str(error)) from error
        if not isinstance(document, dict):
            raise _unreadable("it is cut off, too large, or not a map")
        return document


class StoredManifests(Sequence[Manifest]):
    """The manifests of one recorded revision.

    Args:
        history: What holds them.
        number: The revision.
    """

    def __init__(self, history: History, number: int) -> None:
        self._history = history
        self._number = number

    @overload
    def __getitem__(self, index: int) -> Manifest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Manifest]: ...
    def __getitem__(self, index: int | slice) -> Manifest | Sequence[Manifest]:
        """Return one manifest, or some."""
        return self._history.manifests(self._number)[index]

    def __len__(self) -> int:
        """Count the manifests."""
        return len(self._history.manifests(self._number))

    def __iter__(self) -> Iterator[Manifest]:
        """Go through the manifests."""
        return iter(self._history.manifests(self._number))

    def __bool__(self) -> bool:
        """Say that there are manifests, without inflating them."""
        return True


def deflated(revisions: Sequence[Revision]) -> bytes:
    """Put everything but the newest revision's own line in one stream; one that was read is kept while it's the same.

    Raises:
        ValueError: A manifest holds a Secret value.
    """
    if isinstance(revisions, Revisions):
        return revisions.stream
    stored = {revision.number: revision.manifests for revision in revisions if revision.manifests}
    if not stored and len(revisions) < 2:
        return b""
    for number, manifests in stored.items():
        if not isinstance(manifests, StoredManifests) and not all(map(is_redacted, manifests)):
            raise ValueError(f"revision {number} holds a Secret value")
    document = {
        "revisions": [fields.revision_document(revision) for revision in revisions[1:]],
        "manifests": {str(number): list(manifests) for number, manifests in stored.items()},
    }
    return gzip.compress(canonical_json(document), mtime=0)


def _unreadable(reason: str) -> ClusterError:
    return ClusterError(
        f"the recorded history can't be read: {reason}", hint="deploy once more; rollback works from then on"
    )
