"""`kubecoder init` makes a fleet that can deploy, and keeps what is there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubecoder.cli.main import app
from tests.unit.fleets import CLIENT_SECRET, COOKIE_SECRET

FILES = [".gitignore", "secrets/_defaults/oauth2.yaml", "users/_defaults.yaml", "users/schema.json"]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="kubecoder", input=input)


def made(*arguments: str, input: str | None = None) -> Result:
    result = run("init", *arguments, input=input)
    assert result.exit_code == 0, result.output
    return result


def files(folder: str = ".") -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def secrets() -> dict[str, str]:
    section: dict[str, str] = yaml.safe_load(Path("secrets/_defaults/oauth2.yaml").read_text())["oauth2"]
    return section


def defaults() -> dict[str, object]:
    values: dict[str, object] = yaml.safe_load(Path("users/_defaults.yaml").read_text())
    return values


def test_a_complete_fleet_needs_only_users() -> None:
    made("--domain", "dev.company.com", "--email", "admin@company.com", "--oauth-client-id", "Ov23li",
         "--oauth-client-secret-file", "-", input=f"{CLIENT_SECRET}\n")  # fmt: skip
    assert files() == FILES
    assert run("validate").exit_code == 0
    assert run("user", "add", "john", "--github", "john_doe").exit_code == 0
    result = run("validate")
    assert (result.exit_code, result.stderr) == (0, "1 user, no problems\n")


def test_what_it_writes_is_said_and_what_is_next() -> None:
    result = made("fleet", "--domain", "dev.company.com")
    assert result.stdout.splitlines() == [f"fleet/{file} created" for file in (*FILES[:2], FILES[3], FILES[2])]
    assert "callback address https://dev.company.com/oauth2/callback" in result.stderr
    assert "next: kubecoder -C fleet user add NAME --github LOGIN" in result.stderr


def test_each_fleet_has_its_own_id_and_secret() -> None:
    made("a")
    made("b")
    for name in ("users/_defaults.yaml", "secrets/_defaults/oauth2.yaml"):
        assert Path("a", name).read_text() != Path("b", name).read_text()


def test_the_secrets_are_good_and_closed() -> None:
    made("--oauth-client-id", "Ov23li")
    assert len(secrets()["cookieSecret"]) == 32
    assert set(secrets()) == {"clientId", "cookieSecret"}
    for path, mode in (("secrets", 0o700), ("secrets/_defaults", 0o700), ("secrets/_defaults/oauth2.yaml", 0o600)):
        assert stat.S_IMODE(Path(path).stat().st_mode) == mode


def test_the_image_has_the_version_of_the_tool() -> None:
    made()
    assert defaults()["image"] == {"repository": "kubecoder/workspace", "tag": "0.1.0"}
    assert "domain" not in defaults()


def test_a_second_run_changes_nothing() -> None:
    made("--domain", "a.io")
    before = {file: Path(file).read_bytes() for file in files()}
    result = made("--domain", "a.io")
    assert {file: Path(file).read_bytes() for file in files()} == before
    assert all(line.endswith(" unchanged") for line in result.stdout.splitlines())


def test_a_second_run_adds_what_the_first_was_not_told() -> None:
    made()
    text = Path("users/_defaults.yaml").read_text()
    cookie = secrets()["cookieSecret"]
    Path("secret").write_text(CLIENT_SECRET)
    result = made(
        "--domain", "a.io", "--email", "a@b.io", "--oauth-client-id", "Ov", "--oauth-client-secret-file", "secret"
    )
    assert secrets() == {"clientId": "Ov", "clientSecret": CLIENT_SECRET, "cookieSecret": cookie}
    assert (defaults()["domain"], defaults()["letsEncrypt"]) == ("a.io", {"email": "a@b.io"})
    assert all(line in Path("users/_defaults.yaml").read_text() for line in text.splitlines())
    assert "still to do" not in result.stderr


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--domain", "b.io"], "users/_defaults.yaml has another domain"),
        (["--email", "b@b.io"], "users/_defaults.yaml has another letsEncrypt"),
        (["--oauth-client-id", "Other"], "secrets/_defaults/oauth2.yaml has another clientId"),
    ],
)
def test_what_people_wrote_is_never_replaced(options: list[str], what: str) -> None:
    made("--domain", "a.io", "--email", "a@b.io", "--oauth-client-id", "Ov")
    before = {file: Path(file).read_bytes() for file in files()}
    result = run("init", *options)
    assert (result.exit_code, what in result.stderr) == (2, True)
    assert {file: Path(file).read_bytes() for file in files()} == before


@pytest.mark.parametrize(
    ("existing", "after"),
    [
        ("", "/secrets/*\n"),
        ("*.pyc\n", "*.pyc\n/secrets/*\n"),
        ("*.key", "*.key\n/secrets/*\n"),
        ("secrets/\n*.pyc", "secrets/\n*.pyc"),
        ("/secrets/*\n!/secrets/.gitkeep\n", "/secrets/*\n!/secrets/.gitkeep\n"),
    ],
)
def test_git_ignores_the_secrets_and_other_lines_stay(existing: str, after: str) -> None:
    Path(".gitignore").write_text(existing)
    made()
    assert Path(".gitignore").read_text() == after


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--domain", "https://a.io"], "--domain: 'https://a.io' isn't a bare host name"),
        (["--email", "me"], "--email: 'me' is no e-mail address"),
        (["--namespace", "kube-system"], "--namespace: 'kube-system' belongs to Kubernetes itself"),
        (["--oauth-client-secret-file", "nowhere"], "nowhere can't be read: No such file or directory"),
        (["--oauth-client-secret-file", "empty"], "empty is empty"),
        (["--oauth-client-secret-file", "binary"], "binary can't be read: it isn't UTF-8 text"),
    ],
)
def test_a_bad_option_writes_nothing(options: list[str], what: str) -> None:
    Path("empty").write_text("\n")
    Path("binary").write_bytes(b"\xff")
    result = run("init", "fleet", *options)
    assert (result.exit_code, what in result.stderr) == (2, True), result.output
    assert not Path("fleet").exists()


def test_a_secret_that_cannot_be_right_is_refused_and_not_shown() -> None:
    Path("secret").write_text("two words")
    result = run("init", "fleet", "--oauth-client-secret-file", "secret")
    assert result.exit_code == 3
    assert "oauth2.clientSecret: holds white space" in result.stderr
    assert "two words" not in result.output
    assert not Path("fleet").exists()


def test_a_dry_run_writes_nothing() -> None:
    result = made("fleet", "--dry-run")
    assert result.stdout.splitlines()[-1] == "fleet/users/_defaults.yaml created (dry run)"
    assert not Path("fleet").exists()


def test_a_file_in_the_way_is_told() -> None:
    Path("fleet").write_text("")
    result = run("init", "fleet")
    assert result.exit_code == 3
    assert "fleet" in result.stderr
    assert "Traceback" not in result.output


def test_broken_files_that_are_there_are_told() -> None:
    made()
    Path("secrets/_defaults/oauth2.yaml").write_text(f"oauth2: {COOKIE_SECRET}\n")
    result = run("init")
    assert result.exit_code == 3
    assert "secrets/_defaults/oauth2.yaml:1: oauth2: must be a map" in result.stderr
    assert COOKIE_SECRET not in result.output
