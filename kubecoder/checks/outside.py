"""Look at a workspace's doors from outside: through a forwarded port, and at its public address."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime

from kubecoder.checks import verdicts
from kubecoder.cluster import Cluster
from kubecoder.cluster.portforward import Forward
from kubecoder.errors import KubecoderError
from kubecoder.models.check import Check, failed, skipped
from kubecoder.models.user import UserFile

ANSWER_SECONDS = 10.0
CONNECT_SECONDS = 5.0
DOOR_PATHS = ("/", "/oauth/", "/oauth/ide/", "/oauth/terminal/", "/oauth/browser/", "/oauth/api/metrics")


def door(cluster: Cluster, namespace: str, pod: str, host: str) -> Check:
    """Ask the sign-in proxy for every page without a session."""
    try:
        answers = _ask(cluster, namespace, pod, verdicts.DOOR_PORT, host, DOOR_PATHS)
    except (KubecoderError, OSError, http.client.HTTPException) as error:
        return failed("door", f"port {verdicts.DOOR_PORT} doesn't answer: {error}")
    return verdicts.door(host, answers)


def api(cluster: Cluster, namespace: str, pod: str, host: str) -> list[Check]:
    """Ask the API port without a token."""
    try:
        answers = _ask(cluster, namespace, pod, verdicts.API_PORT, host, ("/health", "/api/claude/tasks"))
    except (KubecoderError, OSError, http.client.HTTPException) as error:
        return [failed("api-health", f"port {verdicts.API_PORT} doesn't answer: {error}")]
    return verdicts.api(answers["/health"][0], answers["/api/claude/tasks"][0])


def certificate(user: UserFile) -> Check:
    """Look at the certificate that the workspace's address shows to this machine."""
    host = user.user.host
    if not user.ingress.tls.enabled and user.ingress.gateway is None:
        return skipped("certificate", "ingress.tls is off")
    try:
        with (
            socket.create_connection((host, 443), timeout=CONNECT_SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured,
        ):
            peer = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return failed(
            "certificate", f"{host}: {error.verify_message}", "kubecoder status shows its state in the cluster"
        )
    except OSError as error:
        return skipped("certificate", f"{host} isn't reachable from here: {error.strerror or error}")
    left = ssl.cert_time_to_seconds(str(peer["notAfter"])) - datetime.now(UTC).timestamp()
    return verdicts.certificate(host, left / 86400)


def _ask(
    cluster: Cluster, namespace: str, pod: str, port: int, host: str, paths: Iterable[str]
) -> dict[str, tuple[int, str]]:
    """GET each path as the ingress would; give status and `Location`."""
    answers = {}
    with Forward(cluster, namespace, pod, port) as forward:
        for path in paths:
            connection = http.client.HTTPConnection("127.0.0.1", forward.port, timeout=ANSWER_SECONDS)
            try:
                connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
                answer = connection.getresponse()
                answers[path] = (answer.status, answer.getheader("Location") or "")
            finally:
                connection.close()
    return answers
