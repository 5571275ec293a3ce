"""What the secrets files of one user say, `secrets/_defaults` merged under them."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from kubecoder.models.faults import InvalidValueError
from kubecoder.models.fields import is_placeholder

COOKIE_KEY_SIZES = (16, 24, 32)

_COOKIE_ADVICE = "32 letters and digits, such as `openssl rand -hex 16` prints"
_APP_ID = re.compile(r"[0-9]+|Iv[0-9A-Za-z.]+").fullmatch
_DIGITS = re.compile(r"[0-9]+").fullmatch
_URL_SAFE_BASE64 = re.compile(r"[-_A-Za-z0-9]*").fullmatch
# A few characters repeated all along are somebody's stand-in, never a random value.
_LEAST_DISTINCT = 6


class SecretSection(BaseModel):
    """A map of a secrets file: camelCase keys, unknown keys are errors, values masked in `repr`."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )


def _integer_to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_value(value: str) -> str:
    if not value.strip():
        raise InvalidValueError.of("is empty", "the value, or null to take the default's away")
    if is_placeholder(value):
        raise InvalidValueError.of("is a placeholder", "the real value")
    if value != value.strip() or any(character.isspace() for character in value):
        raise InvalidValueError.of("holds white space", "the value alone, on one line")
    return value


def _check_token(secret: SecretStr) -> SecretStr:
    _check_value(secret.get_secret_value())
    return secret


def _check_cookie_secret(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    _check_value(value)
    size = len(cookie_key(value))
    if size not in COOKIE_KEY_SIZES:
        raise InvalidValueError.of(f"is {size} bytes, not 16, 24 or 32", _COOKIE_ADVICE)
    if len(set(value)) < _LEAST_DISTINCT:
        raise InvalidValueError.of("is a few characters repeated", _COOKIE_ADVICE)
    return secret


def _check_app_id(value: str) -> str:
    _check_value(value)
    if not _APP_ID(value):
        raise InvalidValueError.of("is no id of a GitHub App", "the number on the App's settings page")
    return value


def _check_installation_id(value: str) -> str:
    _check_value(value)
    if not _DIGITS(value):
        raise InvalidValueError.of("is no installation id", "the number at the end of the installation's address")
    return value


def _check_private_key(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if is_placeholder(value) or "\n...\n" in value:
        raise InvalidValueError.of("is a placeholder", "the App's private key")
    if "\\n" in value:
        raise InvalidValueError.of(r"holds \n as two characters", "write `privateKey: |` and the lines below it")
    problem = _key_problem(value)
    if problem:
        raise InvalidValueError.of(problem, "the .pem file that GitHub gave, below `privateKey: |`")
    return secret


def cookie_key(secret: str) -> bytes:
    """Return the bytes that oauth2-proxy makes of a cookie secret.

    It takes URL-safe base64 (padding is optional) that decodes to an AES key's size, else the text itself:
    https://github.com/oauth2-proxy/oauth2-proxy/blob/v7.15.4/pkg/encryption/utils.go
    """
    text = secret.rstrip("=")
    if _URL_SAFE_BASE64(text) and len(text) % 4 != 1:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if len(decoded) in COOKIE_KEY_SIZES:
            return decoded
    return secret.encode()


@lru_cache(maxsize=64)
def _key_problem(pem: str) -> str:
    """Say why a PEM text isn't an RSA private key; cached because a fleet shares one."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - 60 ms few commands need
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        return "is encrypted"
    except Exception:  # noqa: BLE001 - OpenSSL's many errors all mean this, and may quote the key
        return "is no private key in PEM format"
    return "" if isinstance(key, RSAPrivateKey) else "is no RSA key, which GitHub Apps use"


Token = Annotated[SecretStr, AfterValidator(_check_token)]


class OAuth2Secrets(SecretSection):
    """`oauth2` of `oauth2.yaml`."""

    client_id: Annotated[str, AfterValidator(_check_value)]
    client_secret: Token
    cookie_secret: Annotated[SecretStr, AfterValidator(_check_cookie_secret)]


class ClaudeSecrets(SecretSection):
    """`claude` of `claude.yaml`."""

    api_key: Token


class GithubAppSecrets(SecretSection):
    """`github.app` of `github-app.yaml`."""

    app_id: Annotated[str, BeforeValidator(_integer_to_text), AfterValidator(_check_app_id)]
    installation_id: Annotated[str, BeforeValidator(_integer_to_text), AfterValidator(_check_installation_id)]
    private_key: Annotated[SecretStr, AfterValidator(_check_private_key)]


class Secrets(SecretSection):
    """All secrets of one user; a part that isn't configured is None."""

    oauth2: OAuth2Secrets | None = Field(default=None, alias="oauth2")
    claude: ClaudeSecrets | None = None
    github_app: GithubAppSecrets | None = None
