"""Reads kubeconfig files far enough to say what is wrong with them; the official client does the rest."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import yaml

from kubecoder.errors import ConfigError, Problem

DEFAULT_PATH = "~/.kube/config"
FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")

Entry: TypeAlias = tuple[Path, Mapping[str, Any]]
"""A named entry and the file that it stands in."""


@dataclass(frozen=True, slots=True)
class Selected:
    """One context of the merged kubeconfig files.

    Attributes:
        context: Its name.
        namespace: Its default namespace.
        user_name: The name of its user entry; empty when it has none.
        user: The user entry; holds credentials.
        has_proxy: Whether the cluster entry names a proxy.
    """

    context: str
    namespace: str
    user_name: str
    user: Mapping[str, Any]
    has_proxy: bool


def paths(kubeconfig: str | None) -> list[Path]:
    """Find the kubeconfig files: the argument, else `KUBECONFIG`, else `~/.kube/config`.

    Args:
        kubeconfig: Paths separated as in `PATH`.

    Returns:
        Those that exist; empty when nobody named any and the default isn't there.

    Raises:
        ConfigError: Files were named, and none of them exists.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG")
    candidates = [Path(part).expanduser() for part in (named or DEFAULT_PATH).split(os.pathsep) if part]
    found = [path for path in candidates if _may_be_there(path)]
    if named and not found:
        source = "--kubeconfig" if kubeconfig else "KUBECONFIG"
        raise ConfigError(f"the kubeconfig {named} doesn't exist", hint=f"correct {source}")
    return found


def _may_be_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # Its folder can't be entered, or its name is too long: reading it says so.
        return True


def select(files: Sequence[Path], context: str | None) -> Selected:
    """Read the files as kubectl merges them (the first that names a thing wins) and pick a context.

    Args:
        files: At least one.
        context: Its name, or None for the current one.

    Raises:
        ConfigError: A file is broken, or the context or what it points to isn't there.
    """
    documents = [(path, _read(path)) for path in files]
    name = context or next((str(d["current-context"]) for _, d in documents if d.get("current-context")), None)
    if name is None:
        where = ", ".join(map(str, files))
        raise ConfigError(f"{where}: no current context is set", hint=f"use --context: {_names(documents, 'contexts')}")
    path, found = _entry(documents, "context", name)
    cluster_name, user_name = str(found.get("cluster") or ""), str(found.get("user") or "")
    if not cluster_name:
        raise _broken(path, f"context {name!r} names no cluster", f"contexts[{name}].context.cluster")
    cluster_file, cluster = _entry(documents, "cluster", cluster_name)
    _check_server(cluster_file, cluster_name, cluster)
    _check_material(cluster_file, f"clusters[{cluster_name}].cluster", cluster)
    user: Mapping[str, Any] = {}
    if user_name:
        user_file, user = _entry(documents, "user", user_name)
        _check_material(user_file, f"users[{user_name}].user", user)
    return Selected(name, str(found.get("namespace") or "default"), user_name, user, bool(cluster.get("proxy-url")))


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        text = getattr(error, "problem", None) or "not text in UTF-8"
        raise ConfigError.from_problems([Problem(path, f"isn't valid YAML: {text}", line)]) from None
    if not isinstance(document, dict):
        raise _broken(path, "isn't a kubeconfig: it must be a map with clusters, contexts and users")
    for section in ("clusters", "contexts", "users"):
        entries = document.get(section) or []
        if not isinstance(entries, list) or not all(isinstance(e, dict) and "name" in e for e in entries):
            raise _broken(path, "must be a list of named entries", section)
    return document


def _entry(documents: Sequence[tuple[Path, Mapping[str, Any]]], kind: str, name: str) -> Entry:
    for path, document in documents:
        for entry in document.get(f"{kind}s") or []:
            if entry["name"] == name:
                value = entry.get(kind) or {}
                if not isinstance(value, dict):
                    raise _broken(path, "must be a map", f"{kind}s[{name}].{kind}")
                return path, value
    where = ", ".join(str(path) for path, _ in documents)
    raise ConfigError(f"{where}: there is no {kind} {name!r}", hint=f"choose one of: {_names(documents, kind + 's')}")


def _names(documents: Sequence[tuple[Path, Mapping[str, Any]]], section: str) -> str:
    names = [str(entry["name"]) for _, document in documents for entry in document.get(section) or []]
    return ", ".join(dict.fromkeys(names)) or "(none)"


def _check_server(path: Path, name: str, cluster: Mapping[str, Any]) -> None:
    key = f"clusters[{name}].cluster"
    server = str(cluster.get("server") or "")
    try:
        parts = urlsplit(server)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise _broken(
            path, f"{server!r} isn't the address of a server", f"{key}.server", "such as https://10.0.0.1:6443"
        )
    proxy = cluster.get("proxy-url")
    if proxy and urlsplit(str(proxy)).scheme != "http":
        raise _broken(path, "only proxies with http:// are supported", f"{key}.proxy-url")


def _check_material(path: Path, key: str, entry: Mapping[str, Any]) -> None:
    """Find the files and base64 texts of an entry that can't be used; values are never shown."""
    for name in FILE_KEYS:
        if not entry.get(name) or entry.get(f"{name}-data") or (name == "tokenFile" and entry.get("token")):
            continue
        file = path.absolute().parent / str(entry[name])
        try:
            reason = "" if file.is_file() else "doesn't exist"
        except OSError as error:
            reason = f"can't be used: {error.strerror}"
        if reason:
            raise _broken(path, f"the file {file} {reason}", f"{key}.{name}")
    for name in (n for n in entry if str(n).endswith("-data")):
        try:
            base64.b64decode(str(entry[name]).encode(), validate=False)
        except (binascii.Error, ValueError):
            raise _broken(path, "isn't valid base64", f"{key}.{name}") from None


def _broken(path: Path, message: str, key: str = "", advice: str = "") -> ConfigError:
    return ConfigError.from_problems([Problem(path, message, None, key, advice)])
