"""`kubecoder user add` writes what no default gives, once, and asks only where somebody can answer."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubecoder.cli import useradd
from kubecoder.cli.main import app
from tests.unit.fleets import API_KEY, CLIENT_SECRET, COOKIE_SECRET, DEFAULTS, OAUTH2, FleetFolder, github_app, rsa_key

JOHN = Path("users/john.yaml")
ME = ("--github", "john_doe")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FleetFolder:
    monkeypatch.chdir(tmp_path)
    return FleetFolder(Path())


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Put somebody at the terminal who gives these answers, and return the questions."""

    def sit_down(*answers: str) -> list[str]:
        questions: list[str] = []
        left = list(answers)

        def prompt(question: str, **_: Any) -> str:
            questions.append(question)
            return left.pop(0)

        monkeypatch.setattr(useradd, "can_ask", lambda: True)
        monkeypatch.setattr("typer.prompt", prompt)
        return questions

    return sit_down


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="kubecoder", input=input)


def add(*arguments: str, input: str | None = None) -> Result:
    result = run("user", "add", *arguments, input=input)
    assert result.exit_code == 0, result.output
    return result


def refused(code: int, *arguments: str) -> str:
    before = _files()
    result = run("user", "add", *arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert _files() == before
    return result.stderr


def _files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


def values(file: Path = JOHN) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(file.read_text())
    return data


def test_only_what_no_default_gives_is_written(fleet: FleetFolder) -> None:
    result = add("john", *ME, "--full-name", "John Doe", "--email", "john@company.com", "--domain", "dev.company.com")
    assert result.stdout == "users/john.yaml created\n"
    assert result.stderr == "next: kubecoder deploy john\n"
    assert values() == {
        "user": {
            "name": "john",
            "env": [
                {"name": "GIT_USER_NAME", "value": "John Doe"},
                {"name": "GIT_USER_EMAIL", "value": "john@company.com"},
            ],
        },
        "oauth2": {"githubUsers": ["john_doe"]},
    }
    assert not Path("secrets/john").exists()


def test_a_fleet_without_defaults_gets_complete_users(fleet: FleetFolder) -> None:
    fleet.write("users/_defaults.yaml", "fleetId: fleet\n")
    Path("secrets/_defaults/oauth2.yaml").unlink()
    Path("key").write_text(CLIENT_SECRET)
    add("john", *ME, "--host", "john.io", "--oauth-client-id", "Ov", "--oauth-client-secret-file", "key")
    assert values()["image"] == {"tag": "0.1.0"}
    assert values()["user"]["host"] == "john.io"
    written = values(Path("secrets/john/oauth2.yaml"))["oauth2"]
    assert {**written, "cookieSecret": len(written["cookieSecret"])} == {
        "clientId": "Ov",
        "clientSecret": CLIENT_SECRET,
        "cookieSecret": 32,
    }
    assert stat.S_IMODE(Path("secrets/john/oauth2.yaml").stat().st_mode) == 0o600
    assert run("validate").exit_code == 0


def test_a_missing_client_is_a_warning_and_never_a_placeholder(fleet: FleetFolder) -> None:
    fleet.write("secrets/_defaults/oauth2.yaml", f"oauth2: {{cookieSecret: {COOKIE_SECRET}}}\n")
    result = add("john", *ME)
    assert "warning: no GitHub OAuth App is known yet" in result.stderr
    assert list(_files()) == ["secrets/_defaults/oauth2.yaml", "users/_defaults.yaml", "users/john.yaml"]


def test_logins_keep_their_spelling(fleet: FleetFolder) -> None:
    add("john", "--github", "John-Doe,Jane", "--github", "OctoCat", "--github-org", "Acme", "--github-team", "Dev")
    assert values()["oauth2"] == {
        "githubUsers": ["John-Doe", "Jane", "OctoCat"],
        "githubOrg": "Acme",
        "githubTeam": "Dev",
    }


def test_an_allow_list_for_all_makes_a_login_unnecessary(fleet: FleetFolder) -> None:
    fleet.write("users/_defaults.yaml", DEFAULTS + "oauth2: {githubOrg: acme}\n")
    add("john")
    assert values() == {"user": {"name": "john"}}


def test_values_like_the_defaults_are_left_out(fleet: FleetFolder) -> None:
    fleet.write("users/_defaults.yaml", DEFAULTS + "oauth2: {githubOrg: acme}\nuser: {env: [{name: A, value: x}]}\n")
    add("john", "--github-org", "acme", "--namespace", "coder", "--host", "john.dev.company.com")
    assert values() == {"user": {"name": "john"}}


def test_a_schema_beside_it_is_named_for_editors(fleet: FleetFolder) -> None:
    fleet.write("users/schema.json", "{}")
    add("john", *ME)
    assert JOHN.read_text().startswith("# yaml-language-server: $schema=schema.json\nuser:\n")


def test_values_that_look_like_something_else_stay_text(fleet: FleetFolder) -> None:
    add("john", "--github", "123", "--full-name", "yes: #no", "--email", "a@b.io")
    assert values()["oauth2"]["githubUsers"] == ["123"]
    assert values()["user"]["env"][0]["value"] == "yes: #no"
    assert run("validate").exit_code == 0


def test_adding_twice_changes_nothing(fleet: FleetFolder) -> None:
    arguments = ("john", *ME, "--full-name", "John Doe", "--domain", "dev.company.com")
    add(*arguments)
    before = _files()
    assert add(*arguments).stdout == "users/john.yaml unchanged\n"
    assert add("john").stdout == "users/john.yaml unchanged\n"
    assert _files() == before


def test_a_file_that_people_wrote_is_completed_by_secrets_only(fleet: FleetFolder) -> None:
    Path("secrets/_defaults/oauth2.yaml").unlink()
    text = "# mine\nuser: {name: john}\noauth2: {githubUsers: john_doe}\n"
    fleet.write("users/john.yaml", text)
    fleet.write("secrets/john/oauth2.yaml", "oauth2: # mine\n  clientId: Ov\n")
    result = add("john", *ME)
    assert result.stdout == "secrets/john/oauth2.yaml changed\nusers/john.yaml unchanged\n"
    assert JOHN.read_text() == text
    assert "# mine\n" in Path("secrets/john/oauth2.yaml").read_text()
    assert values(Path("secrets/john/oauth2.yaml"))["oauth2"]["clientId"] == "Ov"


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["--github", "other"], "oauth2.githubUsers"),
        (["--host", "other.io"], "user.host"),
        (["--full-name", "Other"], "user.env"),
        (["--namespace", "other"], "namespace"),
    ],
)
def test_a_file_that_says_something_else_is_not_changed(fleet: FleetFolder, arguments: list[str], key: str) -> None:
    fleet.add("john")
    assert f"users/john.yaml says something else about {key}\n" in refused(2, "john", *arguments)


def test_a_claude_key_comes_from_a_file_or_stdin(fleet: FleetFolder) -> None:
    result = add("john", *ME, "--claude-key-file", "-", input=f"{API_KEY}\n")
    assert values(Path("secrets/john/claude.yaml")) == {"claude": {"apiKey": API_KEY}}
    assert API_KEY not in result.output
    Path("key").write_text("sk-other")
    stderr = refused(2, "john", "--claude-key-file", "key")
    assert "secrets/john/claude.yaml has another apiKey" in stderr


@pytest.mark.parametrize(
    ("code", "arguments", "what"),
    [
        (2, ["john"], "--github missing for john"),
        (2, ["--github", "x"], "whom?"),
        (2, ["../john", *ME], "'../john' can't be a user's name"),
        (2, ["_defaults", *ME], "'_defaults' can't be a user's name"),
        (2, ["base", *ME], "the name 'base' is reserved"),
        (2, ["john", *ME, "--host", "a.io", "--domain", "b.io"], "--host and --domain exclude each other"),
        (2, ["john", *ME, "--claude-key-file", "nowhere"], "nowhere can't be read"),
        (3, ["john", *ME, "--host", "https://a.io"], "user.host: 'https://a.io' isn't a bare host name"),
        (3, ["john", "--github", "@john"], "oauth2.githubUsers: '@john' is no GitHub login"),
        (3, ["john", "--github-team", "dev", *ME], "oauth2.githubTeam: a team needs its organisation"),
        (3, ["john", *ME, "--host", "jane.dev.company.com"], "user.host: jane.dev.company.com is jane's host already"),
        (3, ["john", *ME, "--namespace", "Dev"], "namespace: 'Dev' is no DNS-1123 label"),
        (3, ["john", *ME, "--from", "nowhere.yaml"], "nowhere.yaml: can't be read: No such file or directory"),
    ],
)
def test_what_cannot_be_writes_nothing(fleet: FleetFolder, code: int, arguments: list[str], what: str) -> None:
    fleet.add("jane")
    assert what in refused(code, *arguments)


def test_a_secret_that_cannot_be_right_writes_nothing(fleet: FleetFolder) -> None:
    Path("key").write_text("two words")
    stderr = refused(3, "john", *ME, "--claude-key-file", "key")
    assert "secrets/john/claude.yaml: claude.apiKey: holds white space" in stderr
    assert "two words" not in stderr


def test_without_a_domain_a_host_is_missing_too(fleet: FleetFolder) -> None:
    fleet.write("users/_defaults.yaml", "fleetId: fleet\n")
    assert "--github and --host or --domain missing for john" in refused(2, "john")


def test_somebody_at_the_terminal_is_asked_for_what_is_missing(
    fleet: FleetFolder, answer: Callable[..., list[str]]
) -> None:
    fleet.write("users/_defaults.yaml", 'fleetId: fleet\nimage: {tag: "1"}\n')
    questions = answer("john_doe, Jane", "john.io")
    add("john")
    assert questions == [useradd.LOGIN_QUESTION, useradd.HOST_QUESTION]
    assert values() == {"user": {"name": "john", "host": "john.io"}, "oauth2": {"githubUsers": ["john_doe", "Jane"]}}


def test_nobody_is_asked_for_what_is_known(fleet: FleetFolder, answer: Callable[..., list[str]]) -> None:
    questions = answer()
    add("john", *ME)
    add("john")
    assert questions == []


def test_problems_of_other_users_do_not_hinder(fleet: FleetFolder) -> None:
    fleet.write("users/jane.yaml", "user: [")
    fleet.write("users/max.yaml", "user: {name: maxi}\n")
    add("john", *ME)
    assert JOHN.exists()


@pytest.mark.parametrize("file", ["users/_defaults.yaml", "users/john.yaml", "secrets/_defaults/oauth2.yaml"])
def test_files_that_are_needed_must_be_readable(fleet: FleetFolder, file: str) -> None:
    fleet.write(file, "a: [")
    assert f"{file}:1: isn't valid YAML" in refused(3, "john", *ME)


def test_bad_defaults_are_told_at_their_place(fleet: FleetFolder) -> None:
    fleet.write("users/_defaults.yaml", DEFAULTS + "resources: {limits: {memory: 1}}\n")
    assert "users/_defaults.yaml:5: resources.limits.memory: '1' is too little" in refused(3, "john", *ME)


def test_a_dry_run_writes_nothing(fleet: FleetFolder) -> None:
    before = _files()
    assert add("john", *ME, "--dry-run").stdout == "users/john.yaml created (dry run)\n"
    assert _files() == before


def test_a_fleet_elsewhere_is_named_in_what_is_next(fleet: FleetFolder) -> None:
    FleetFolder(Path("else where"))
    result = run("-C", "else where", "user", "add", "john", *ME)
    assert "next: kubecoder -C 'else where' deploy john" in result.stderr


VALUES = """\
namespace: coder
user: {name: john, host: john.dev.yourdomain.com, pvcSize: 50Gi, env: [{name: GIT_USER_NAME, value: John}]}
image: {repository: registry.digitalocean.com/resourceloop/coder, tag: devlaptop-v1.6.2-browser-stealth}
ingress: {className: nginx, auth: {type: oauth2}, tls: {clusterIssuer: letsencrypt-production}}
oauth2: {githubUsers: "user1,user2", cookieSecret: PLACEHOLDER-OVERRIDE-WITH-SECRETS-FILE}
resources: {requests: {cpu: "2", memory: 3Gi}, limits: {cpu: "2", memory: 5Gi}}
build: {mode: buildkit}
"""


class TestFromKubeCoder:
    def test_a_values_file_becomes_a_user(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES)
        result = add("--from", "values.yaml")
        assert values() == {
            "user": {
                "name": "john",
                "host": "john.dev.yourdomain.com",
                "env": [{"name": "GIT_USER_NAME", "value": "John"}],
            },
            "ingress": {"tls": {"clusterIssuer": "letsencrypt-production"}},
            "oauth2": {"githubUsers": ["user1", "user2"]},
            "resources": {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"memory": "5Gi"}},
        }
        for key in ("image", "ingress.auth", "build.mode", "oauth2.cookieSecret"):
            assert f"{key} is dropped" in result.stderr
        assert run("validate").exit_code == 0

    def test_it_can_be_repeated(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES)
        add("--from", "values.yaml")
        before = _files()
        assert add("john", "--from", "values.yaml").stdout == "users/john.yaml unchanged\n"
        assert _files() == before

    def test_secrets_move_to_their_files(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES)
        fleet.write("old.yaml", OAUTH2.replace(COOKIE_SECRET, COOKIE_SECRET[::-1]) + f"claude: {{apiKey: {API_KEY}}}\n")
        fleet.write("app.yaml", github_app(rsa_key()))
        result = add("--from", "values.yaml", "--from", "old.yaml", "--from", "app.yaml")
        assert result.stdout.splitlines() == [
            "secrets/john/oauth2.yaml created",
            "secrets/john/claude.yaml created",
            "secrets/john/github-app.yaml created",
            "users/john.yaml created",
        ]
        # The client is the one for all, so only the cookie secret is john's own.
        assert values(Path("secrets/john/oauth2.yaml")) == {"oauth2": {"cookieSecret": COOKIE_SECRET[::-1]}}
        assert values(Path("secrets/john/github-app.yaml"))["github"]["app"]["privateKey"] == rsa_key()
        assert "privateKey: |\n" in Path("secrets/john/github-app.yaml").read_text()
        assert not [secret for secret in (API_KEY, CLIENT_SECRET, COOKIE_SECRET[::-1]) if secret in result.output]
        assert run("validate").exit_code == 0

    def test_options_win_over_the_file(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES)
        add("--from", "values.yaml", *ME, "--domain", "dev.company.com", "--full-name", "John Doe")
        assert "host" not in values()["user"]
        assert values()["oauth2"]["githubUsers"] == ["john_doe"]
        assert values()["user"]["env"] == [{"name": "GIT_USER_NAME", "value": "John Doe"}]

    def test_a_placeholder_login_must_be_given_anew(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES.replace("user1,user2", "GITHUB_USERNAME_HERE"))
        assert "--github missing for john" in refused(2, "--from", "values.yaml")
        add("--from", "values.yaml", *ME)
        assert values()["oauth2"] == {"githubUsers": ["john_doe"]}

    def test_the_values_of_somebody_else_are_refused(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES)
        assert "the values are of john, not of jane" in refused(2, "jane", "--from", "values.yaml")

    def test_an_unknown_key_is_told_by_line(self, fleet: FleetFolder) -> None:
        fleet.write("values.yaml", VALUES + "replicaCount: 2\n")
        assert "values.yaml:8: replicaCount: unknown key" in refused(3, "--from", "values.yaml")
