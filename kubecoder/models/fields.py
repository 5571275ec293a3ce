"""The types of single values in a user file, each with its check."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from kubecoder.models import names, quantity
from kubecoder.models.faults import Fault, InvalidValueError
from kubecoder.models.merge import DELETE, DIRECTIVE, find

# GitHub's own logins have up to 39 characters and no '_'; those of managed enterprise users end in _<shortcode>.
_LOGIN = re.compile(r"[A-Za-z0-9][-_A-Za-z0-9]{0,62}").fullmatch
_TEAM = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]*").fullmatch
_REPOSITORY = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]([-._a-z0-9]*[a-z0-9])?)*").fullmatch
_TAG = re.compile(r"[A-Za-z0-9_][-.A-Za-z0-9_]{0,127}").fullmatch
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}").fullmatch
_IMAGE = re.compile(r"[^\s:@]+(:[0-9]+)?(/[^\s:@]+)*(:[^\s:@/]+)?(@sha256:[0-9a-f]{64})?").fullmatch
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+").fullmatch
_PLACEHOLDER = re.compile(
    r"placeholder|change[-_ ]?me|replace[-_ ]?(me|with)|_here\b|\byour[-_ ]|^<.*>$|\.\.\.$", re.IGNORECASE
)
_Collection = TypeVar("_Collection", bound=Sized)
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
# containerd starts no container with less than 6 MiB; VS Code alone needs far more than this.
_LEAST_MEMORY = 64 * 1024**2
_VALUE_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_IDENTITY = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))


def is_placeholder(value: str) -> bool:
    """Tell whether a value only stands for one that somebody still has to write."""
    return bool(_PLACEHOLDER.search(value.strip()))


def _number_to_text(value: object) -> object:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else value


def _logins_to_list(value: object) -> object:
    if isinstance(value, str):
        return [login.strip() for login in value.split(",") if login.strip()]
    return value


def _check_logins(logins: tuple[str, ...]) -> tuple[str, ...]:
    for login in logins:
        if is_placeholder(login):
            raise InvalidValueError.of(f"{login!r} is a placeholder", "the GitHub login of a person who may sign in")
        if not _LOGIN(login):
            raise InvalidValueError.of(f"{login!r} is no GitHub login", "for example octocat, without '@' and spaces")
    return tuple(dict.fromkeys(logins))


def _check_team(value: str) -> str:
    if not _TEAM(value):
        raise InvalidValueError.of(
            f"{value!r} is no name of a GitHub organisation or team", "the name in its address, such as acme or dev"
        )
    return value


def _check_repository(value: str) -> str:
    if not _REPOSITORY(value):
        name, colon, tag = value.rpartition(":")
        advice = f"write {name} here and {tag} as image.tag" if colon and _REPOSITORY(name) else "registry/name"
        raise InvalidValueError.of(f"{value!r} is no image repository", advice)
    return value


def _check_tag(value: str) -> str:
    if is_placeholder(value):
        raise InvalidValueError.of(f"{value!r} is a placeholder", "the tag of the workspace image")
    if not _TAG(value) and not _DIGEST(value):
        raise InvalidValueError.of(f"{value!r} is no image tag", "for example 0.1.0, or sha256:<64 hex digits>")
    return value


def _check_image(value: str) -> str:
    if not _IMAGE(value):
        raise InvalidValueError.of(f"{value!r} is no image", "registry/name:tag or registry/name@sha256:…")
    return value


def _check_cidr(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        try:
            advice = f"write {ipaddress.ip_network(value, strict=False)}"
        except ValueError:
            advice = "for example 10.0.0.0/8"
        raise InvalidValueError.of(f"{value!r} is no CIDR", advice) from error
    return value


def check_email(value: str) -> str:
    """Check an e-mail address, as far as a glance can."""
    if not _EMAIL(value):
        raise InvalidValueError.of(f"{value!r} is no e-mail address", "for example admin@company.com")
    return value


def _check_not_empty(values: _Collection) -> _Collection:
    if not values:
        raise InvalidValueError.of("is empty", "at least one entry")
    return values


def _check_string_map(check_value: Callable[[str], str] | None) -> Callable[[dict[str, str]], dict[str, str]]:
    def check(values: dict[str, str]) -> dict[str, str]:
        for key, value in values.items():
            names.check_qualified_name(key)
            if check_value:
                check_value(value)
        return values

    return check


def _check_env_entry(entry: dict[str, Any]) -> dict[str, Any]:
    unknown = [key for key in entry if key not in ("name", "value", "valueFrom")]
    if unknown or not isinstance(entry.get("name"), str):
        raise InvalidValueError.of("is no environment variable", "name and value, or name and valueFrom")
    names.check_env_name(entry["name"])
    if "value" in entry and "valueFrom" in entry:
        raise InvalidValueError.of(f"{entry['name']} has value and valueFrom", "one of them")
    if not isinstance(entry.get("value", ""), str):
        raise InvalidValueError.of(f"{entry['name']} isn't text", "put the value in quotes", "value")
    source = entry.get("valueFrom", {_VALUE_SOURCES[0]: {}})
    if not (isinstance(source, Mapping) and len(source) == 1 and next(iter(source)) in _VALUE_SOURCES):
        raise InvalidValueError.of("names no source", f"one of {', '.join(_VALUE_SOURCES)}", "valueFrom")
    return entry


def _check_env(entries: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    seen: set[str] = set()
    for entry in entries:
        if entry["name"] in seen:
            raise InvalidValueError.of(f"{entry['name']} is there twice", "each name once")
        seen.add(entry["name"])
    return entries


def _check_keys(noun: str, *allowed: str, empty: bool = False) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def check(value: dict[str, Any]) -> dict[str, Any]:
        unknown = [key for key in value if key not in allowed]
        if unknown:
            raise InvalidValueError.of(f"unknown key {unknown[0]!r} in {noun}", f"one of {', '.join(allowed)}")
        if not value and not empty:
            raise InvalidValueError.of(f"{noun} is empty", f"one of {', '.join(allowed)}")
        return value

    return check


def _check_resources(amounts: dict[str, str]) -> dict[str, str]:
    faults = [fault for name, amount in amounts.items() for fault in _resource_faults(name, amount)]
    if faults:
        raise InvalidValueError(*faults)
    return amounts


def _resource_faults(name: str, amount: str) -> Iterator[Fault]:
    known = name in _RESOURCES or "/" in name or name.startswith("hugepages-")
    if not known:
        yield Fault("is no resource of a container", f"one of {', '.join(_RESOURCES)}, or vendor.com/name", (name,))
    elif name == "memory" and quantity.parse(amount) < _LEAST_MEMORY:
        number = re.match(r"[0-9]+", amount)
        advice = f"did you mean {number[0]}Mi?" if number and amount.endswith("m") else "at least 64Mi"
        yield Fault(f"{amount!r} is too little for a workspace", advice, (name,))


def _check_merge(merge: dict[str, Any]) -> dict[str, Any]:
    for path in _IDENTITY:
        if find(merge, path) is not None:
            raise InvalidValueError.of("a patch can't rename an object", "leave it out", *path)
    for field in ("labels", "annotations"):
        ours = [key for key in find(merge, ("metadata", field)) or () if str(key).startswith("kubecoder.dev/")]
        if ours:
            raise InvalidValueError.of(f"{ours[0]!r} is kubecoder's own", "leave it out", "metadata", field)
    _check_directives(merge)
    return merge


def _check_directives(value: Any) -> None:
    if isinstance(value, Mapping):
        if value.get(DIRECTIVE, DELETE) != DELETE:
            raise InvalidValueError.of(f"unknown {DIRECTIVE} {value[DIRECTIVE]!r}", f"only {DIRECTIVE}: {DELETE}")
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            _check_directives(entry)


def _pattern(pattern: str, longest: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": longest})


Label = Annotated[str, AfterValidator(names.check_label), _pattern(names.LABEL, names.LABEL_MAX)]
Namespace = Annotated[str, AfterValidator(names.check_namespace), _pattern(names.LABEL, names.LABEL_MAX)]
UserName = Annotated[str, AfterValidator(names.check_user_name), _pattern(names.LABEL, names.USER_NAME_MAX)]
Subdomain = Annotated[str, AfterValidator(names.check_subdomain), _pattern(names.SUBDOMAIN, names.SUBDOMAIN_MAX)]
Host = Annotated[str, AfterValidator(names.check_host), _pattern(names.SUBDOMAIN, names.SUBDOMAIN_MAX)]
_quantity_schema = WithJsonSchema(
    {"anyOf": [{"type": "string", "pattern": f"^{quantity.PATTERN}$"}, {"type": "number"}]}
)
Quantity = Annotated[str, BeforeValidator(_number_to_text), AfterValidator(quantity.check_positive), _quantity_schema]
QuotaAmount = Annotated[
    str, BeforeValidator(_number_to_text), AfterValidator(quantity.check_not_negative), _quantity_schema
]
QuotaAmounts = Annotated[dict[str, QuotaAmount], AfterValidator(_check_not_empty)]
ResourceList = Annotated[dict[str, Quantity], AfterValidator(_check_resources)]
Logins = Annotated[
    tuple[str, ...],
    BeforeValidator(_logins_to_list),
    AfterValidator(_check_logins),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}),
]
Team = Annotated[str, AfterValidator(_check_team)]
Repository = Annotated[str, AfterValidator(_check_repository)]
Tag = Annotated[str, AfterValidator(_check_tag)]
ImageReference = Annotated[str, AfterValidator(_check_image)]
Cidr = Annotated[str, AfterValidator(_check_cidr)]
Email = Annotated[str, AfterValidator(check_email)]
Labels = Annotated[dict[str, str], AfterValidator(_check_string_map(names.check_label_value))]
Annotations = Annotated[dict[str, str], AfterValidator(_check_string_map(None))]
EnvEntry = Annotated[
    dict[str, Any],
    AfterValidator(_check_env_entry),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{names.ENV_NAME}$"},
                "value": {"type": "string"},
                "valueFrom": {"type": "object", "minProperties": 1, "maxProperties": 1},
            },
            "additionalProperties": False,
        }
    ),
]
Env = Annotated[tuple[EnvEntry, ...], AfterValidator(_check_env)]
Toleration = Annotated[
    dict[str, Any],
    AfterValidator(_check_keys("a toleration", "key", "operator", "value", "effect", "tolerationSeconds")),
]
Affinity = Annotated[
    dict[str, Any],
    AfterValidator(_check_keys("affinity", "nodeAffinity", "podAffinity", "podAntiAffinity", empty=True)),
]
Peer = Annotated[dict[str, Any], AfterValidator(_check_keys("a peer", "podSelector", "namespaceSelector", "ipBlock"))]
EgressRule = Annotated[dict[str, Any], AfterValidator(_check_keys("an egress rule", "to", "ports", empty=True))]
Merge = Annotated[dict[str, Any], AfterValidator(_check_merge)]
PermissionModes = Annotated[
    tuple[Literal["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"], ...],
    AfterValidator(_check_not_empty),
]
AccessLevel = Literal["read", "write", "admin"]
