"""Secrets are checked as those who will use them read them."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kubecoder.models.secrets import ClaudeSecrets, GithubAppSecrets, OAuth2Secrets, cookie_key
from tests.unit.fleets import API_KEY, COOKIE_SECRET, rsa_key

PEM_KEY = rsa_key()


@pytest.mark.parametrize(
    ("secret", "size"),
    [
        ("0123456789abcdef", 16),
        ("0123456789abcdef01234567", 24),
        # 32 URL-safe characters decode to 24 bytes; any other text is taken as it is.
        ("0123456789abcdef0123456789abcdef", 24),
        ("0123456789abcdef0123456789abcde.", 32),
        (base64.urlsafe_b64encode(b"\xff" * 32).decode(), 32),
        (base64.urlsafe_b64encode(b"\xff" * 16).decode().rstrip("="), 16),
        # `openssl rand -base64 32` with + or /: not URL-safe, so 44 raw bytes.
        (base64.b64encode(b"\xff" * 32).decode(), 44),
        ("", 0),
        ("a", 1),
    ],
)
def test_a_cookie_secret_is_read_as_oauth2_proxy_reads_it(secret: str, size: int) -> None:
    assert len(cookie_key(secret)) == size


@given(st.binary(min_size=32, max_size=32))
def test_every_url_safe_secret_of_32_bytes_is_decoded(key: bytes) -> None:
    assert cookie_key(base64.urlsafe_b64encode(key).decode()) == key


@given(st.text(max_size=60))
def test_any_text_has_a_key(secret: str) -> None:
    assert cookie_key(secret) == secret.encode() or len(cookie_key(secret)) in (16, 24, 32)


def test_what_we_make_is_accepted() -> None:
    for _ in range(50):
        OAuth2Secrets(client_id="Ov23li", client_secret="s3cr3t-value", cookie_secret=secrets.token_urlsafe(24))


def test_ids_may_be_numbers() -> None:
    app = GithubAppSecrets.model_validate({"appId": 1234567, "installationId": 12345678, "privateKey": PEM_KEY})
    assert (app.app_id, app.installation_id) == ("1234567", "12345678")


def test_an_app_may_be_named_by_its_client_id() -> None:
    GithubAppSecrets.model_validate({"appId": "Iv23liABC", "installationId": "1", "privateKey": PEM_KEY})


@pytest.mark.parametrize("model", [ClaudeSecrets, OAuth2Secrets, GithubAppSecrets])
def test_no_error_and_no_repr_shows_a_secret(model: type[ClaudeSecrets]) -> None:
    values = {
        "apiKey": f"{API_KEY} with space",
        "clientId": "id",
        "clientSecret": "secret with space",
        "cookieSecret": "short-secret",
        "appId": "my-secret-app",
        "installationId": "x",
        "privateKey": "-----BEGIN secret KEY-----",
    }
    aliases = {str(info.alias) for info in model.model_fields.values()}
    with pytest.raises(ValidationError) as raised:
        model.model_validate({key: value for key, value in values.items() if key in aliases})
    assert "secret" not in str(raised.value).replace("OAuth2Secrets", "").replace("cookieSecret", "")
    assert "sk-ant" not in str(raised.value)


def test_repr_masks_values() -> None:
    kept = OAuth2Secrets(client_id="id", client_secret="hidden-value", cookie_secret=COOKIE_SECRET)
    assert "hidden" not in repr(kept)
    assert COOKIE_SECRET not in repr(kept)
