"""What `kubecoder user add` writes: one user's file and secrets, with nothing in them that a default gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kubecoder import __version__
from kubecoder.errors import ConfigError, UsageError
from kubecoder.fleet import documents, drafts, new_secrets, schema, sources
from kubecoder.fleet.drafts import Defaults
from kubecoder.fleet.legacy import leaves
from kubecoder.fleet.loader import examine
from kubecoder.fleet.secret_files import OAUTH2, PARTS
from kubecoder.fleet.sources import DEFAULTS, Sources
from kubecoder.fleet.values import dotted
from kubecoder.fleet.writing import Action, Change
from kubecoder.models import names
from kubecoder.models.faults import InvalidValueError
from kubecoder.models.merge import find, merge_values
from kubecoder.models.user import UserFile
from kubecoder.output import yaml_text

GIT_NAME, GIT_EMAIL = "GIT_USER_NAME", "GIT_USER_EMAIL"
_MODELINE = f"# yaml-language-server: $schema={schema.FILE}\n"


@dataclass(frozen=True)
class NewUser:
    """A user to be added to a fleet.

    Attributes:
        directory: The fleet's folder.
        name: The user's name.
        values: What is wanted in the user's file.
        secrets: What is wanted in secrets files: the file's name without `.yaml`, its keys and their values.
    """

    directory: Path
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)

    def with_values(self, values: Mapping[str, Any]) -> NewUser:
        """Return the same user with more values over those known so far."""
        return replace(self, values=merge_values(self.values, values))

    @property
    def exists(self) -> bool:
        """Whether the user has a file already."""
        return self.name in self._sources.users

    @property
    def needs_login(self) -> bool:
        """Whether nobody could sign in with what is known so far."""
        oauth2 = merge_values(self._defaults.values, self.values).get("oauth2") or {}
        return not self.exists and not oauth2.get("githubUsers") and not oauth2.get("githubOrg")

    @property
    def needs_host(self) -> bool:
        """Whether neither a host nor a domain is known so far."""
        known = find(self.values, ("user", "host")) or self._defaults.values.get("domain")
        return not self.exists and not known

    @property
    def lacks_client(self) -> bool:
        """Whether no OAuth client is known, so that the workspace can't be deployed yet."""
        own = new_secrets.known(self.directory, self.name, OAUTH2)
        known = {*self._shared_secrets["oauth2"], *own, *self.secrets.get("oauth2", {})}
        return not {"clientId", "clientSecret"} <= known

    def changes(self) -> list[Change]:
        """Plan what is written, the user's file last, so that it appears with its secrets in place.

        Raises:
            ConfigError: The user would be invalid, by itself or beside the others.
            UsageError: The user exists and something else is wanted.
        """
        change = self._unchanged() if self.exists else self._created()
        return [*self._secrets_changes(), change]

    @cached_property
    def _sources(self) -> Sources:
        found = sources.read(self.directory)
        hindering = [p for p in found.problems if p.path.stem in (DEFAULTS, self.name)]
        if hindering:
            raise ConfigError.from_problems(hindering)
        return found

    @cached_property
    def _defaults(self) -> Defaults:
        assert self._sources.defaults is not None
        return drafts.read_defaults(self._sources.defaults)

    @cached_property
    def _shared_secrets(self) -> dict[str, dict[str, Any]]:
        return {part.file: new_secrets.known(self.directory, DEFAULTS, part) for part in PARTS}

    def _created(self) -> Change:
        path = sources.user_file(self.directory, self.name)
        has_schema = (path.parent / schema.FILE).exists()
        text = (_MODELINE if has_schema else "") + yaml_text(self._new_values())
        before = set(examine(self._sources).problems)
        users = {**self._sources.users, self.name: documents.parse(path, text)}
        problems = [p for p in examine(replace(self._sources, users=users)).problems if p not in before]
        if problems:
            # The file was never written, so its lines mean nothing to the reader.
            shown = [replace(problem, line=None) if problem.path == path else problem for problem in problems]
            raise ConfigError(f"{self.name} isn't added", problems=shown)
        return Change(path, Action.created, text)

    def _new_values(self) -> dict[str, Any]:
        given = _given(self._defaults, self.name)
        new = _difference(self.values, given)
        if not find(given, ("image", "tag")) and not find(new, ("image", "tag")):
            new["image"] = {**new.get("image", {}), "tag": __version__}
        new["user"] = {"name": self.name, **new.get("user", {})}
        return {key: new[key] for key in _key_order() if key in new}

    def _unchanged(self) -> Change:
        """Refuse to change a file that people may have written; what it says already is fine."""
        existing = drafts.draft(self.name, self._sources.users[self.name], self._defaults)
        if existing.user is None:
            raise ConfigError.from_problems(existing.problems)
        differing = _difference(self.values, existing.user.model_dump(by_alias=True, mode="json"))
        if differing:
            places = ", ".join(dotted(keys) for keys, _ in leaves(differing))
            raise UsageError(f"{existing.path} says something else about {places}", hint="edit the file, it is yours")
        return Change(existing.path, Action.unchanged)

    def _secrets_changes(self) -> Iterator[Change]:
        for part in PARTS:
            shared = self._shared_secrets[part.file]
            wanted = {key: value for key, value in self.secrets.get(part.file, {}).items() if shared.get(key) != value}
            if part is OAUTH2 and not {"cookieSecret"} & {*shared, *wanted}:
                own = new_secrets.known(self.directory, self.name, part)
                wanted["cookieSecret"] = own.get("cookieSecret") or new_secrets.new_cookie_secret()
            if wanted:
                yield new_secrets.change(self.directory, self.name, part, wanted)


def check_name(name: str) -> str:
    """Check the name of a user before it becomes part of a path.

    Raises:
        UsageError: No user can have this name.
    """
    try:
        return names.check_user_name(name)
    except InvalidValueError as error:
        fault = error.faults[0]
        raise UsageError(f"{name!r} can't be a user's name: {fault.message}", hint=fault.advice) from error


def values_from(
    name: str,
    *,
    namespace: str | None = None,
    host: str | None = None,
    github_users: list[str] | None = None,
    github_org: str | None = None,
    github_team: str | None = None,
    git: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Write what the command line says in the form of a user's file; what it doesn't say is left out.

    Args:
        name: The user's name.
        namespace: Where the workspace goes.
        host: Where the workspace answers.
        github_users: Logins, spelled as GitHub spells them.
        github_org: An organisation whose members may sign in.
        github_team: The only team of it whose members may.
        git: Environment variables for git.
    """
    env = [{"name": key, "value": value} for key, value in (git or {}).items() if value]
    oauth2 = {"githubUsers": github_users, "githubOrg": github_org, "githubTeam": github_team}
    said: dict[str, Any] = {
        "namespace": namespace,
        "user": {"name": name, "host": host, "env": env},
        "oauth2": {key: value for key, value in oauth2.items() if value},
    }
    said["user"] = {key: value for key, value in said["user"].items() if value}
    return {key: value for key, value in said.items() if value}


def _given(defaults: Defaults, name: str) -> dict[str, Any]:
    """Return what a user has who says nothing."""
    probe = drafts.probe(defaults.cleaned.document, defaults)
    if probe.user is None:
        raise ConfigError.from_problems(probe.problems)
    given = probe.user.model_dump(by_alias=True, mode="json")
    domain = defaults.values.get("domain")
    given["user"] |= {"name": None, "host": f"{name}.{domain}" if domain else None}
    for keys in (("oauth2", "githubUsers"), ("image", "tag")):
        # The probe has a value of its own where the defaults have none.
        if find(defaults.values, keys) is None:
            given[keys[0]].pop(keys[1])
    return given


def _difference(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the wanted values isn't given already."""
    different: dict[str, Any] = {}
    for key, value in wanted.items():
        below = given.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            nested = _difference(value, below)
            if nested:
                different[key] = nested
        elif key == "env" and isinstance(value, list):
            missing = [entry for entry in value if entry not in (below or [])]
            if missing:
                different[key] = missing
        elif value != below:
            different[key] = value
    return different


def _key_order() -> list[str]:
    return [str(info.alias) for info in UserFile.model_fields.values()]
