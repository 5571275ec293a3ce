"""The App as mounted, its JWT, and when its token is renewed."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SettingsError
from agent.githubtoken import app as github_app
from agent.githubtoken import schedule
from agent.githubtoken.app import GithubApp
from agent.githubtoken.exchange import InstallationToken
from agent.githubtoken.folder import Folder
from agent.githubtoken.schedule import Retries, refresh_delay

NOW = 1_795_000_000
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)


def decoded(token: str) -> dict[str, object]:
    options = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, object] = jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=options)  # type: ignore[arg-type]
    return claims


@pytest.mark.parametrize("skew", [-120, -60, 0, 60, 120])
def test_github_takes_the_jwt_with_a_clock_that_is_two_minutes_off(skew: int) -> None:
    claims = github_app.claims("123", NOW)
    github_now = NOW + skew
    assert claims["exp"] > github_now
    assert claims["exp"] - github_now <= 600
    if skew >= -60:
        assert claims["iat"] <= github_now


def test_the_jwt_is_signed_by_the_app() -> None:
    token = GithubApp("123", "456", PEM).token(NOW)
    assert decoded(token) == {"iss": "123", "iat": NOW - 60, "exp": NOW + 480}


@pytest.mark.parametrize(
    "key", [b"", b"not a key", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"]
)
def test_a_key_that_cannot_sign_is_told_without_showing_it(key: bytes) -> None:
    with pytest.raises(SettingsError, match="private key") as caught:
        GithubApp("123", "456", key).token(NOW)
    assert "AAAA" not in str(caught.value)


def test_the_token_is_narrowed_to_names_without_their_owner() -> None:
    app = GithubApp("1", "2", PEM, ("acme/api", "web"), (("contents", "read"),))
    assert app.narrowing() == {"repositories": ["api", "web"], "permissions": {"contents": "read"}}
    assert GithubApp("1", "2", PEM).narrowing() == {}


def test_no_key_and_no_token_is_in_a_repr() -> None:
    assert "BEGIN" not in repr(GithubApp("1", "2", PEM))
    assert "ghs_x" not in repr(InstallationToken("ghs_x", datetime.now(UTC)))


def test_the_app_is_read_from_its_files(tmp_path: Path) -> None:
    (tmp_path / "github.json").write_text(
        json.dumps(
            {"appId": 123, "installationId": "456", "repositories": ["api"], "permissions": {"contents": "read"}}
        )
    )
    (tmp_path / "key").write_bytes(PEM)
    app = github_app.load(tmp_path / "github.json", tmp_path / "key")
    assert app == GithubApp("123", "456", PEM, ("api",), (("contents", "read"),))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "missing or empty"),
        ("", "missing or empty"),
        ("{", "isn't a JSON object"),
        ("[]", "isn't a JSON object"),
        ('{"installationId": "1"}', "appId"),
        ('{"appId": "1"}', "installationId"),
        ('{"appId": "1/../2", "installationId": "1"}', "appId"),
        ('{"appId": "1", "installationId": "1", "repositories": "all"}', "repositories"),
        ('{"appId": "1", "installationId": "1", "permissions": []}', None),
        ('{"appId": "1", "installationId": "1", "permissions": ["x"]}', "permissions"),
    ],
)
def test_a_malformed_file_is_told(tmp_path: Path, config: str | None, reason: str | None) -> None:
    (tmp_path / "key").write_bytes(PEM)
    if config is not None:
        (tmp_path / "github.json").write_text(config)
    if reason is None:
        assert github_app.load(tmp_path / "github.json", tmp_path / "key").permissions == ()
        return
    with pytest.raises(SettingsError, match=reason):
        github_app.load(tmp_path / "github.json", tmp_path / "key")


@pytest.mark.parametrize(
    ("lifetime", "delay"),
    [(3600, 3000), (8 * 3600, 3000), (1800, 1200), (900, 450), (60, 30), (10, 30), (0, 30), (-100, 30)],
)
def test_a_token_is_renewed_after_50_minutes_or_well_before_its_end(lifetime: float, delay: float) -> None:
    assert refresh_delay(lifetime) == delay


@given(st.floats(60, 1e6))
def test_a_token_is_always_renewed_before_its_end(lifetime: float) -> None:
    assert 0 < refresh_delay(lifetime) < lifetime


def test_failures_are_retried_soon_and_then_each_minute() -> None:
    retries = Retries()
    assert [retries.next_delay(0, 0.5) for _attempt in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]
    retries.reset()
    assert retries.next_delay(0, 0.5) == 2


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1e6))
def test_a_retry_is_never_at_once_and_never_far(failures: int, spread: float, retry_after: float) -> None:
    delay = Retries(failures).next_delay(retry_after, spread)
    assert 1 <= delay <= schedule.LONGEST_WAIT_SECONDS
    assert delay >= min(retry_after, schedule.LONGEST_WAIT_SECONDS)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_token_and_state_are_for_their_owner_alone_and_the_state_holds_no_token(folder: Folder) -> None:
    now = datetime(2026, 11, 23, 18, tzinfo=UTC)
    folder.store(InstallationToken("ghs_secret", now + timedelta(hours=1)), now=now)
    assert folder.token_file.read_text() == "ghs_secret"
    assert stat.S_IMODE(folder.token_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.state_file.stat().st_mode) == 0o600
    assert json.loads(folder.state_file.read_text()) == {
        "expires_at": "2026-11-23T19:00:00+00:00",
        "refreshed_at": "2026-11-23T18:00:00+00:00",
    }


def test_a_failure_keeps_a_valid_token_and_removes_one_that_ended(folder: Folder) -> None:
    now = datetime(2026, 11, 23, 18, tzinfo=UTC)
    end = now + timedelta(hours=1)
    folder.store(InstallationToken("ghs_secret", end), now=now)
    # The container may have been restarted meanwhile.
    folder = Folder(folder.token_file.parent)
    folder.note_failure("GitHub answered 503", now=now)
    assert folder.token_file.exists()
    state = json.loads(folder.state_file.read_text())
    assert (state["refreshed_at"], state["expires_at"]) == ("2026-11-23T18:00:00+00:00", "2026-11-23T19:00:00+00:00")
    folder.note_failure("GitHub answered 503", now=end)
    assert not folder.token_file.exists()
    state = json.loads(folder.state_file.read_text())
    assert (state["last_error"], state["expires_at"]) == ("GitHub answered 503", None)
    assert state["refreshed_at"] == "2026-11-23T18:00:00+00:00"


@pytest.mark.parametrize("state", ["", "[]", "{", '{"expires_at": 7}', '{"expires_at": "soon"}'])
def test_a_state_that_makes_no_sense_is_replaced(folder: Folder, state: str) -> None:
    folder.state_file.write_text(state)
    folder.note_failure("GitHub answered 503", now=datetime(2026, 11, 23, 18, tzinfo=UTC))
    assert json.loads(folder.state_file.read_text())["last_error"] == "GitHub answered 503"


def test_the_heartbeat_tells_whether_the_loop_turns(folder: Folder, tmp_path: Path) -> None:
    assert not folder.is_alive()
    folder.beat()
    assert folder.is_alive()
