"""From the files to the fleet: everything is read and checked, then there is a fleet or all its problems."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubecoder.errors import ConfigError, NotFoundError, Problem
from kubecoder.fleet import drafts, rules, sources, tracking
from kubecoder.fleet.drafts import Defaults, Draft
from kubecoder.fleet.fleet import Fleet, Workspace
from kubecoder.fleet.notices import Notice, summarize
from kubecoder.fleet.secret_files import Kept, SecretFiles
from kubecoder.fleet.sources import Sources
from kubecoder.models.manifest import canonical_json
from kubecoder.models.user import UserFile

TEMPLATES = "manifests"


@dataclass
class Review:
    """What was found in a fleet's user files.

    Attributes:
        drafts: All users whose files could be read, in the order of the sources: of two with one host the later one
            is told.
        defaults: None where `_defaults.yaml` is missing or broken; then there are no drafts.
    """

    drafts: list[Draft] = field(default_factory=list)
    defaults: Defaults | None = None
    problems: list[Problem] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """The fleet's default namespace."""
        return str(self.default("namespace") or UserFile.model_fields["namespace"].default)

    def default(self, key: str) -> Any:
        """Return a top-level value of `_defaults.yaml`, or None."""
        return self.defaults.values.get(key) if self.defaults else None


def load(directory: Path, *, require_secrets: bool = True, names: Collection[str] | None = None) -> Fleet:
    """Read and check a whole fleet.

    The fleet always has all users, and all user files are checked. 1,000 users take less than a second.

    Args:
        directory: The fleet's folder.
        require_secrets: Whether missing or bad secrets are problems; otherwise they are left out.
        names: Whose secrets are required; None means everybody's.

    Raises:
        ConfigError: With all problems of the fleet's files.
        NotFoundError: `names` has a user that the fleet hasn't.
    """
    found = sources.read(directory)
    _check_names(found, names)
    review = examine(found)
    files = SecretFiles(directory)
    kept = {draft.name: files.of(draft.name) for draft in review.drafts}
    review.notices += files.notices(set(kept))
    problems = list(review.problems)
    if require_secrets:
        problems += [problem for name in kept if names is None or name in names for problem in kept[name].problems]
        tracked, unignored = tracking.findings(directory)
        problems += tracked
        review.notices += unignored
    if problems:
        raise ConfigError.from_problems(sorted(dict.fromkeys(problems), key=_order))
    return _fleet(directory, review, kept)


def examine(found: Sources) -> Review:
    """Check all user files of a fleet, each by itself and beside the others."""
    review = Review(problems=list(found.problems))
    if found.defaults is None:
        return review
    review.defaults = drafts.read_defaults(found.defaults)
    review.problems += review.defaults.problems
    review.notices += review.defaults.cleaned.notices
    review.drafts = [drafts.draft(name, document, review.defaults) for name, document in found.users.items()]
    for draft in review.drafts or [drafts.probe(found.defaults, review.defaults)]:
        review.problems += draft.problems
        review.notices += draft.notices
    review.problems += rules.problems(review.drafts, review.namespace)
    for draft in review.drafts:
        review.notices += rules.notices(draft)
    return review


def _check_names(found: Sources, names: Collection[str] | None) -> None:
    unknown = sorted(set(names or ()) - set(found.names))
    if unknown:
        raise NotFoundError(f"no user {', '.join(unknown)} in this fleet", hint=sources.choices(found.names))


def _fleet(directory: Path, review: Review, kept: dict[str, Kept]) -> Fleet:
    fleet_id = str(review.default("fleetId"))
    templates = directory / TEMPLATES
    drafts_by_name = sorted(review.drafts, key=lambda draft: draft.name)
    return Fleet(
        directory=directory,
        fleet_id=fleet_id,
        namespace=review.namespace,
        context=review.default("context"),
        workspaces=tuple(_workspace(draft, kept[draft.name], fleet_id) for draft in drafts_by_name),
        notices=summarize(review.notices),
        template_dir=templates if templates.is_dir() else None,
    )


def _workspace(draft: Draft, kept: Kept, fleet_id: str) -> Workspace:
    assert draft.user is not None
    return Workspace(
        user=draft.user,
        secrets=kept.secrets,
        file=draft.path,
        secret_files=kept.files,
        input_digest=_input_digest(draft, kept, fleet_id),
    )


def _input_digest(draft: Draft, kept: Kept, fleet_id: str) -> str:
    """Digest values and secrets, keyed so that nobody who reads a record can test guesses of a secret."""
    oauth2 = kept.secrets.oauth2
    key = oauth2.cookie_secret.get_secret_value() if oauth2 else fleet_id
    content = canonical_json({"values": draft.merged, "secrets": kept.merged})
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()[:32]


def _order(problem: Problem) -> tuple[str, int, str]:
    return str(problem.path), problem.line or 0, problem.key
