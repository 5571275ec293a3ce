"""What must hold between the users of a fleet, and what is worth knowing about one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from kubecoder.errors import Problem
from kubecoder.fleet.drafts import Draft
from kubecoder.fleet.notices import Notice

# Namespaces labelled `restricted` or `baseline` refuse the pods of these modes.
# Their pods need more than Pod Security `restricted` allows (decision 16).
_MODES_WITH_PRIVILEGES = ("buildkit", "dind", "kaniko")
# The Secrets that a workspace ws-<user> makes itself.
_OWN_SECRETS = ("door", "claude", "github-app", "api", "release")


def problems(drafts: Sequence[Draft], namespace: str) -> Iterator[Problem]:
    """Find what users of one fleet can't do beside each other.

    Args:
        drafts: All users, valid or not.
        namespace: The fleet's default namespace.
    """
    yield from _shared_hosts(drafts)
    yield from _shared_certificates(drafts)
    yield from _taken_secrets(drafts)
    yield from _shared_namespaces(drafts, namespace)


def notices(draft: Draft) -> Iterator[Notice]:
    """Say what one user's values mean where that may surprise."""
    if draft.find("oauth2", "githubUsers") and draft.find("oauth2", "githubOrg"):
        yield _notice(draft, ("oauth2",), "users and organisation mean *or*: either may sign in")
    if draft.find("ingress", "gateway") and draft.find("ingress", "tls", "secretName"):
        yield _notice(draft, ("ingress", "tls", "secretName"), "has no effect beside a gateway, which owns TLS")
    if draft.find("build", "mode") != "kaniko":
        for key in ("kanikoImage", "defaultDestinationRepo"):
            if draft.find("build", key):
                yield _notice(draft, ("build", key), "has an effect only with `build.mode: kaniko`")


def _notice(draft: Draft, keys: tuple[str, ...], text: str) -> Notice:
    path = max(draft.layers.documents, key=lambda document: document.depth(keys)).path
    return Notice(path, ".".join(keys), text)


def _shared_hosts(drafts: Sequence[Draft]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for draft in drafts:
        host = draft.find("user", "host")
        if not isinstance(host, str):
            continue
        owner = owners.setdefault(host.lower(), draft.name)
        if owner != draft.name:
            yield draft.layers.problem(("user", "host"), f"{host} is {owner}'s host already", "a host of its own")


def _shared_certificates(drafts: Sequence[Draft]) -> Iterator[Problem]:
    """Refuse one TLS Secret that cert-manager would write for two hosts in turn."""
    owners: dict[tuple[str, str], str] = {}
    for draft in drafts:
        secret = draft.find("ingress", "tls", "secretName")
        if not isinstance(secret, str) or not secret or not draft.find("ingress", "tls", "clusterIssuer"):
            continue
        owner = owners.setdefault((str(draft.find("namespace")), secret), draft.name)
        if owner != draft.name:
            yield draft.layers.problem(
                ("ingress", "tls", "secretName"),
                f"{secret} gets {owner}'s certificate already",
                "leave it out for one Secret per user, or leave out clusterIssuer to share a wildcard",
            )


def _taken_secrets(drafts: Sequence[Draft]) -> Iterator[Problem]:
    own = {f"ws-{draft.name}-{part}" for draft in drafts for part in _OWN_SECRETS}
    for draft in drafts:
        for keys in (("ingress", "tls", "secretName"), ("image", "pullSecretName"), ("build", "pushSecretName")):
            secret = draft.find(*keys)
            if isinstance(secret, str) and secret in own:
                yield draft.layers.problem(keys, f"{secret} is a workspace's own Secret", "another name")


def _shared_namespaces(drafts: Sequence[Draft], namespace: str) -> Iterator[Problem]:
    used = Counter(str(draft.find("namespace") or namespace) for draft in drafts)
    for draft in drafts:
        wanted = _needs_own_namespace(draft)
        place = str(draft.find("namespace") or namespace)
        if wanted and (used[place] > 1 or place == namespace):
            yield draft.layers.problem(
                wanted,
                f"needs a namespace of the user's own; {place!r} is shared",
                "give the user's file a `namespace` that nobody else has",
            )


def _needs_own_namespace(draft: Draft) -> tuple[str, ...] | None:
    if draft.find("build", "mode") in _MODES_WITH_PRIVILEGES:
        return ("build", "mode")
    return ("quota",) if draft.find("quota") else None
