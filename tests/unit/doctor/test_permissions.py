from kubecoder.doctor.permissions import Permission, Purpose, judge, purposes
from kubecoder.models.check import Outcome
from tests.fleets import user


def asked(*users: object, namespaces: tuple[str, ...] = ("coder",)) -> dict[str, set[str]]:
    found = purposes(users, namespaces)  # type: ignore[arg-type]
    return {purpose.name: {str(permission) for permission in purpose.permissions} for purpose in found}


def test_shell_and_forward_need_both_verbs() -> None:
    wanted = asked()

    assert wanted["may-shell"] == {"get pods/exec", "create pods/exec"}
    assert wanted["may-forward"] == {"get pods/portforward", "create pods/portforward"}


def test_deploy_asks_for_what_the_users_need_and_no_more() -> None:
    plain = asked(user("john"))["may-deploy"]
    gateway = asked(user("john", ingress={"tls": {"enabled": False}, "gateway": {"name": "g"}}))["may-deploy"]
    quota = asked(user("john", namespace="john", quota={"hard": {"pods": "3"}}))["may-deploy"]

    assert {"update secrets", "watch deployments.apps", "patch ingresses.networking.k8s.io"} <= plain
    assert "patch httproutes.gateway.networking.k8s.io" not in plain
    assert "patch httproutes.gateway.networking.k8s.io" in gateway
    assert "patch ingresses.networking.k8s.io" not in gateway
    assert "patch resourcequotas" not in plain
    assert "patch resourcequotas" in quota


def test_every_namespace_is_asked_for() -> None:
    [shell] = [purpose for purpose in purposes([], ["a", "b"]) if purpose.name == "may-shell"]

    assert {permission.namespace for permission in shell.permissions} == {"a", "b"}


def test_what_is_refused_is_named_once_with_its_namespaces() -> None:
    permissions = tuple(Permission("patch", "apps", "deployments", namespace=name) for name in ("a", "b"))

    check = judge(Purpose("may-deploy", permissions), permissions)

    assert check.outcome is Outcome.FAIL
    assert check.evidence == "not allowed in a, b: patch deployments.apps"


def test_what_the_fleet_works_without_is_a_warning() -> None:
    permission = Permission("create", "", "namespaces")

    assert judge(Purpose("may-base", (permission,), "by hand"), [permission]).outcome is Outcome.WARN
    assert judge(Purpose("may-base", (permission,), "by hand"), []).outcome is Outcome.PASS
