"""The official client's loader of credentials, its exceptions and log lines turned into our errors."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

from kubecoder.errors import ConfigError

if TYPE_CHECKING:
    from kubernetes.client import Configuration

Fill: TypeAlias = "Callable[[Any, Configuration, str], None]"
"""Fills a fresh Configuration by means of `kubernetes.config`; may write files into the folder that it is given."""


def load(fill: Fill) -> tuple[Configuration, ssl.SSLContext | None]:
    """Run the loader and read its certificate files; they hold keys and are gone when this returns.

    Returns:
        The configuration, and the TLS settings unless the server is plain HTTP.

    Raises:
        ConfigError: The credentials can't be had.
    """
    from kubernetes import config  # noqa: PLC0415 - a quarter of a second that only connecting needs
    from kubernetes.client import Configuration  # noqa: PLC0415

    configuration = Configuration()
    with TemporaryDirectory(prefix="kubecoder-") as scratch, translated():
        fill(config, configuration, scratch)
        return configuration, _tls(configuration) if configuration.host.startswith("https:") else None


def authorization(configuration: Configuration) -> str | None:
    """Give the Authorization header, its token renewed if that is due.

    Raises:
        ConfigError: The token can't be renewed, or can't be sent.
    """
    with translated():
        setting: Mapping[str, Any] = configuration.auth_settings().get("BearerToken") or {}
        value: str | None = setting.get("value")
    if value is None:
        return None
    value = value.strip()  # a token file ends with a newline
    if not (value.isascii() and value.isprintable()):
        raise ConfigError("the token of the kubeconfig holds characters that no token has")
    return value


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Python 3.13 asks of certificates what many clusters' own CAs never had, and no other client asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


@contextmanager
def translated() -> Iterator[None]:
    """Turn all that the official client raises, and what it only logs, into ConfigErrors without secrets."""
    said: list[str] = []
    try:
        with _plugin_failures(said):
            yield
    except ConfigError:
        raise
    except ssl.SSLError as error:
        raise ConfigError(
            f"a certificate or key of the kubeconfig can't be used ({getattr(error, 'reason', None) or error})",
            hint="each must be PEM, and client-key must belong to client-certificate",
        ) from None
    except OSError as error:
        raise ConfigError(f"a file that the kubeconfig names can't be used: {error}") from None
    except Exception as error:  # noqa: BLE001 - the loader and its sign-in libraries raise whatever they meet
        name = type(error).__name__
        text = _without_entries(str(error)) if name == "ConfigException" else name
        raise ConfigError(
            f"the credentials of the kubeconfig can't be used: {text}", hint="does `kubectl get ns` work with it?"
        ) from None
    if said:
        raise ConfigError(
            f"the credential plugin of the kubeconfig failed: {said[0]}",
            hint="run it by hand, or sign in again with your provider's own command",
        )


@contextmanager
def _plugin_failures(said: list[str]) -> Iterator[None]:
    """Collect what the official client only logs: that a credential plugin failed."""

    def divert(record: logging.LogRecord) -> bool:
        if record.funcName != "_load_from_exec_plugin":
            return True
        text = record.getMessage().removeprefix("exec: ")
        said.append(text if text.startswith("process returned") else _without_entries(text))
        return False

    root = logging.getLogger()
    silence = logging.NullHandler()  # without a handler, logging.error() would set up logging to stderr
    root.addFilter(divert)
    root.addHandler(silence)
    try:
        yield
    finally:
        root.removeFilter(divert)
        root.removeHandler(silence)


def _without_entries(text: str) -> str:
    """Take out what the official client puts into its messages: whole entries of the file, tokens included."""
    return re.sub(r"/?\{.*\}", "", text, flags=re.DOTALL)
