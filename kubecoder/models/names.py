"""Names as Kubernetes and DNS allow them; every check returns the value or raises InvalidValueError."""

from __future__ import annotations

import re

from kubecoder.models.faults import InvalidValueError

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
LABEL_VALUE = r"([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?"
ENV_NAME = r"[-._A-Za-z][-._A-Za-z0-9]*"
LABEL_MAX = 63
SUBDOMAIN_MAX = 253

# A pod is ws-<user>-<10>-<5> and its name is its host name, which Kubernetes cuts at 63 characters.
USER_NAME_MAX = 40
# `base` labels what a fleet's users share, `local` is the workspace of this machine.
RESERVED_USER_NAMES = frozenset({"base", "local"})

_label = re.compile(LABEL).fullmatch
_subdomain = re.compile(SUBDOMAIN).fullmatch
_label_value = re.compile(LABEL_VALUE).fullmatch
_env_name = re.compile(ENV_NAME).fullmatch
_ipv4 = re.compile(r"[0-9]+(\.[0-9]+){3}").fullmatch


def check_label(value: str) -> str:
    """Check a DNS-1123 label: a namespace, a fleet id."""
    if len(value) > LABEL_MAX:
        raise InvalidValueError.of(f"is {len(value)} characters long", f"at most {LABEL_MAX}")
    if not _label(value):
        raise InvalidValueError.of(
            f"{value!r} is no DNS-1123 label", "a-z, 0-9 and '-', with a letter or digit at both ends"
        )
    return value


def check_user_name(value: str) -> str:
    """Check a user's name, from which the names of all objects of the workspace are made."""
    check_label(value)
    if len(value) > USER_NAME_MAX:
        raise InvalidValueError.of(
            f"is {len(value)} characters long",
            f"at most {USER_NAME_MAX}, so that the names of pods stay within Kubernetes' {LABEL_MAX}",
        )
    if value in RESERVED_USER_NAMES:
        raise InvalidValueError.of(f"the name {value!r} is reserved", "choose another name")
    return value


def check_namespace(value: str) -> str:
    """Check the name of a namespace that workspaces may live in."""
    check_label(value)
    if value.startswith("kube-"):
        raise InvalidValueError.of(f"{value!r} belongs to Kubernetes itself", "for example coder")
    return value


def check_subdomain(value: str) -> str:
    """Check a DNS-1123 subdomain, the form of most object names."""
    if len(value) > SUBDOMAIN_MAX:
        raise InvalidValueError.of(f"is {len(value)} characters long", f"at most {SUBDOMAIN_MAX}")
    if not _subdomain(value):
        raise InvalidValueError.of(
            f"{value!r} is no DNS-1123 subdomain", "a-z, 0-9, '-' and '.', with a letter or digit at both ends"
        )
    return value


def check_host(value: str) -> str:
    """Check a host name as an Ingress takes it: no scheme, no port, no path, no wildcard, no address."""
    bare = re.sub(r"^[a-z]+://", "", value.strip().lower()).split("/")[0].split(":")[0].rstrip(".")
    if bare != value and _subdomain(bare):
        raise InvalidValueError.of(f"{value!r} isn't a bare host name", f"write {bare}")
    if _ipv4(value):
        raise InvalidValueError.of(f"{value!r} is an address", "a host name; routes and certificates need one")
    check_subdomain(value)
    long = next((part for part in value.split(".") if len(part) > LABEL_MAX), None)
    if long is not None:
        raise InvalidValueError.of(f"the part {long!r} is {len(long)} characters long", f"at most {LABEL_MAX}")
    return value


def check_label_value(value: str) -> str:
    """Check the value of a label."""
    if len(value) > LABEL_MAX or not _label_value(value):
        raise InvalidValueError.of(
            f"{value!r} is no label value", f"at most {LABEL_MAX} of A-Z, a-z, 0-9, '-', '_' and '.'"
        )
    return value


def check_qualified_name(value: str) -> str:
    """Check the key of a label or an annotation: `name` or `prefix/name`."""
    prefix, slash, name = value.rpartition("/")
    if slash:
        check_subdomain(prefix)
    if not name:
        raise InvalidValueError.of(f"{value!r} is no label or annotation key", "for example example.com/team")
    check_label_value(name)
    return value


def check_env_name(value: str) -> str:
    """Check the name of an environment variable; names that steer our own server are ours."""
    if not _env_name(value):
        raise InvalidValueError.of(
            f"{value!r} is no name of an environment variable",
            "letters, digits, '_', '-' and '.', with no digit first",
        )
    if value.startswith("KUBECODER_"):
        raise InvalidValueError.of(f"{value!r} is kubecoder's own", "a name that doesn't begin with KUBECODER_")
    return value
