"""What ingress controllers are told."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.models.user import UserFile
from kubecoder.render import routes
from tests.manifest_cases import ALL, MINIMAL


def user(**values: Any) -> UserFile:
    return MINIMAL.workspace(**values).user


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("nginx", "nginx.ingress.kubernetes.io/proxy-read-timeout", "3600"),
        ("nginx-internal", "nginx.ingress.kubernetes.io/proxy-body-size", "0"),
        ("nginx", "nginx.org/websocket-services", "ws-john"),
        ("", "nginx.ingress.kubernetes.io/proxy-send-timeout", "3600"),
        ("haproxy", "haproxy.org/timeout-tunnel", "1h"),
        ("haproxy-public", "haproxy-ingress.github.io/timeout-server", "1h"),
        ("contour", "projectcontour.io/websocket-routes", "/"),
        ("alb", "alb.ingress.kubernetes.io/target-type", "ip"),
        ("azure-application-gateway", "appgw.ingress.kubernetes.io/request-timeout", "3600"),
    ],
)
def test_a_known_class_gets_its_annotations(name: str, key: str, value: str) -> None:
    assert routes.route_annotations(user(ingress={"className": name}), "ws-john")[key] == value


@pytest.mark.parametrize("name", ["traefik", "of-our-own"])
def test_other_classes_get_none(name: str) -> None:
    assert routes.route_annotations(user(ingress={"className": name}), "ws-john") == {}


def test_the_user_file_wins_over_every_annotation() -> None:
    wanted = {"nginx.ingress.kubernetes.io/proxy-body-size": "8m", "cert-manager.io/cluster-issuer": "mine"}
    ingress = {"annotations": wanted, "tls": {"clusterIssuer": "other"}}
    assert wanted.items() <= routes.route_annotations(user(ingress=ingress), "ws-john").items()


@pytest.mark.parametrize(
    ("case", "issuer"),
    [
        ("minimal", None),
        ("tls-by-annotation", "letsencrypt-production"),
        ("tls-by-lets-encrypt", "kubecoder-letsencrypt"),
        ("tls-by-shared-secret", None),
        ("tls-off", None),
        ("gateway", None),
    ],
)
def test_who_issues_the_certificate(case: str, issuer: str | None) -> None:
    assert routes.cluster_issuer(ALL[case].workspace().user) == issuer


def test_the_usual_controllers_may_reach_the_pod_by_default() -> None:
    (peer,) = routes.ingress_peers(user())
    (expression,) = peer["namespaceSelector"]["matchExpressions"]
    assert {"ingress-nginx", "traefik", "kube-system"} <= set(expression["values"])
    assert "coder" not in expression["values"]


@pytest.mark.parametrize(("gateway", "namespace"), [({"namespace": "edge"}, "edge"), ({}, "coder")])
def test_the_proxies_of_a_gateway_may_run_beside_it(gateway: dict[str, str], namespace: str) -> None:
    (peer,) = routes.ingress_peers(user(ingress={"gateway": {"name": "web", **gateway}}))
    assert namespace in peer["namespaceSelector"]["matchExpressions"][0]["values"]


def test_the_user_files_peers_replace_the_usual_ones() -> None:
    peers = [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
    assert routes.ingress_peers(user(networkPolicy={"ingressFrom": peers})) == peers
