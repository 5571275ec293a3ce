"""Names are what Kubernetes and DNS allow, and the advice says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.models import names
from kubecoder.models.faults import InvalidValueError


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (names.check_label, "a"),
        (names.check_label, "0"),
        (names.check_label, "a" * 63),
        (names.check_user_name, "john-doe-2"),
        (names.check_user_name, "a" * 40),
        (names.check_namespace, "coder"),
        (names.check_subdomain, "a.b-c.d"),
        (names.check_host, "john.dev.company.com"),
        (names.check_host, "xn--bcher-kva.example"),
        (names.check_label_value, ""),
        (names.check_label_value, "A_b.c-1"),
        (names.check_qualified_name, "app"),
        (names.check_qualified_name, "example.com/team"),
        (names.check_env_name, "_A.b-c"),
    ],
)
def test_a_good_name_is_returned(check: Callable[[str], str], value: str) -> None:
    assert check(value) == value


@pytest.mark.parametrize(
    ("check", "value", "message", "advice"),
    [
        (names.check_label, "", "no DNS-1123 label", "a-z"),
        (names.check_label, "a" * 64, "64 characters", "at most 63"),
        (names.check_label, "-a", "no DNS-1123 label", "both ends"),
        (names.check_label, "a\n", "no DNS-1123 label", "a-z"),
        (names.check_label, "jöhn", "no DNS-1123 label", "a-z"),
        (names.check_user_name, "a" * 41, "41 characters", "at most 40"),
        (names.check_user_name, "base", "reserved", "another"),
        (names.check_user_name, "local", "reserved", "another"),
        (names.check_user_name, "_defaults", "no DNS-1123 label", "a-z"),
        (names.check_namespace, "kube-system", "Kubernetes itself", "coder"),
        (names.check_subdomain, "a..b", "no DNS-1123 subdomain", "a-z"),
        (names.check_subdomain, "a" * 254, "254 characters", "at most 253"),
        (names.check_host, "https://john.dev.io/oauth", "bare host name", "write john.dev.io"),
        (names.check_host, "john.dev.io:8443", "bare host name", "write john.dev.io"),
        (names.check_host, "John.dev.io", "bare host name", "write john.dev.io"),
        (names.check_host, "john.dev.io.", "bare host name", "write john.dev.io"),
        (names.check_host, "10.0.0.1", "is an address", "host name"),
        (names.check_host, "*.dev.io", "no DNS-1123 subdomain", "a-z"),
        (names.check_host, f"{'a' * 64}.io", "64 characters", "at most 63"),
        (names.check_host, "[::1]", "no DNS-1123 subdomain", "a-z"),
        (names.check_label_value, "a b", "no label value", "at most 63"),
        (names.check_label_value, "a" * 64, "no label value", "at most 63"),
        (names.check_qualified_name, "example.com/", "no label or annotation key", "example.com/team"),
        (names.check_qualified_name, "Example.com/a", "no DNS-1123 subdomain", "a-z"),
        (names.check_env_name, "1A", "environment variable", "no digit first"),
        (names.check_env_name, "A=B", "environment variable", "letters"),
        (names.check_env_name, "KUBECODER_URL", "kubecoder's own", "KUBECODER_"),
    ],
)
def test_a_bad_name_comes_with_advice(check: Callable[[str], str], value: str, message: str, advice: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        check(value)
    fault = raised.value.faults[0]
    assert message in fault.message
    assert advice in fault.advice


@given(st.text(max_size=70))
def test_what_passes_as_a_host_has_only_labels(value: str) -> None:
    try:
        names.check_host(value)
    except InvalidValueError:
        return
    assert len(value) <= 253
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in value.split("."))
