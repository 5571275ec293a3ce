"""A fleet is loaded whole: values over defaults, secrets over secrets, digests that follow both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubecoder import fleet as fleets
from kubecoder.errors import ConfigError, NotFoundError
from kubecoder.fleet import Fleet
from tests.unit.fleets import API_KEY, COOKIE_SECRET, DEFAULTS, OAUTH2, FleetFolder, github_app, refusal, rsa_key, user


def load(folder: FleetFolder, **options: Any) -> Fleet:
    return fleets.load(folder.directory, **options)


def test_a_fleet_has_its_users_in_the_order_of_their_names(folder: FleetFolder) -> None:
    fleet = load(folder.add("john", "jane-2", "jane"))
    assert [workspace.name for workspace in fleet.workspaces] == ["jane", "jane-2", "john"]
    assert (fleet.fleet_id, fleet.namespace, fleet.context, fleet.template_dir) == ("fleet", "coder", None, None)
    assert fleet.workspace("john").file == folder.directory / "users" / "john.yaml"
    assert fleet.notices == ()


def test_what_the_fleet_shares_stands_in_the_defaults(folder: FleetFolder) -> None:
    folder.write("users/_defaults.yaml", DEFAULTS + "namespace: dev\ncontext: production\n")
    folder.write("manifests/workspace/service.yaml.j2", "")
    fleet = load(folder)
    assert (fleet.namespace, fleet.context, fleet.workspaces) == ("dev", "production", ())
    assert fleet.template_dir == folder.directory / "manifests"


def test_a_user_without_a_host_gets_one_below_the_domain(folder: FleetFolder) -> None:
    folder.add("john").write("users/jane.yaml", user("jane").replace("jane\noauth2", "jane\n  host: jane.io\noauth2"))
    fleet = load(folder)
    assert fleet.workspace("john").user.user.host == "john.dev.company.com"
    assert fleet.workspace("jane").user.user.host == "jane.io"


def test_values_lie_over_defaults_and_defaults_over_what_is_built_in(folder: FleetFolder) -> None:
    folder.write("users/_defaults.yaml", DEFAULTS + "resources: {limits: {memory: 8Gi}}\nuser: {env: [{name: A}]}\n")
    more = "resources: {limits: {cpu: null}, requests: {cpu: 1}}\n"
    folder.write("users/john.yaml", user("john", more).replace("oauth2", "  env: [{name: B, value: x}]\noauth2"))
    values = load(folder).workspace("john").user
    assert values.resources.limits == {"memory": "8Gi"}
    assert values.resources.requests == {"cpu": "1", "memory": "512Mi"}
    assert list(values.user.env) == [{"name": "A"}, {"name": "B", "value": "x"}]


def test_a_variable_of_the_user_that_is_wrong_is_told_in_the_users_file(folder: FleetFolder) -> None:
    folder.write("users/_defaults.yaml", DEFAULTS + "user: {env: [{name: A}, {name: B}]}\n")
    folder.write("users/john.yaml", user("john").replace("oauth2", "  env:\n    - {name: C, value: 1}\noauth2"))
    with pytest.raises(ConfigError) as raised:
        load(folder)
    [problem] = raised.value.problems
    assert (problem.path.name, problem.line, problem.key) == ("john.yaml", 4, "user.env[0].value")


def test_secrets_of_a_user_lie_over_those_for_all(folder: FleetFolder) -> None:
    folder.add("john", "jane")
    folder.write("secrets/john/oauth2.yaml", "oauth2:\n  clientId: johns\n")
    folder.write("secrets/_defaults/claude.yaml", f"claude: {{apiKey: {API_KEY}}}\n")
    folder.write("secrets/jane/claude.yaml", "claude: null\n")
    folder.write("secrets/jane/github-app.yaml", github_app(rsa_key()))
    fleet = load(folder)
    john, jane = fleet.workspace("john").secrets, fleet.workspace("jane").secrets
    assert john.oauth2 is not None
    assert (john.oauth2.client_id, john.oauth2.cookie_secret.get_secret_value()) == ("johns", COOKIE_SECRET)
    assert john.claude is not None
    assert john.github_app is None
    assert jane.claude is None
    assert jane.github_app is not None
    assert jane.github_app.private_key.get_secret_value() == rsa_key()
    files = fleet.workspace("john").secret_files
    assert [path.parent.name for path in files["oauth2"]] == ["john", "_defaults"]


def test_secrets_are_left_out_where_they_are_not_required(folder: FleetFolder) -> None:
    folder.add("john").write("secrets/_defaults/oauth2.yaml", OAUTH2.replace(COOKIE_SECRET, "short"))
    folder.write("secrets/_defaults/claude.yaml", f"claude: {{apiKey: {API_KEY}}}\n")
    secrets = load(folder, require_secrets=False).workspace("john").secrets
    assert secrets.oauth2 is None
    assert secrets.claude is not None


def test_only_the_named_users_need_their_secrets(folder: FleetFolder) -> None:
    folder.add("john", "jane").write("secrets/jane/claude.yaml", "claude: {apiKey: ''}\n")
    assert len(load(folder, names=["john"]).workspaces) == 2
    with pytest.raises(ConfigError):
        load(folder, names=["jane"])


def test_a_user_who_is_not_there_is_named_with_the_choices(folder: FleetFolder) -> None:
    folder.add("john", "jane")
    with pytest.raises(NotFoundError, match="no user max") as raised:
        load(folder, names=["max", "john"])
    assert raised.value.hint == "users: jane, john"
    with pytest.raises(NotFoundError, match="no user max"):
        load(folder).workspace("max")


def test_an_empty_fleet_says_how_to_add_a_user(folder: FleetFolder) -> None:
    with pytest.raises(NotFoundError) as raised:
        load(folder).workspace("max")
    assert raised.value.hint == "add one with `kubecoder user add`"


class TestInputDigest:
    @staticmethod
    def digests(folder: FleetFolder) -> dict[str, str]:
        return {workspace.name: workspace.input_digest for workspace in load(folder).workspaces}

    def test_it_stays_as_long_as_nothing_changes(self, folder: FleetFolder) -> None:
        assert self.digests(folder.add("john")) == self.digests(folder)

    def test_a_comment_is_no_change(self, folder: FleetFolder) -> None:
        before = self.digests(folder.add("john"))
        folder.write("users/john.yaml", "# hello\n" + user("john"))
        assert self.digests(folder) == before

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("users/john.yaml", user("john", "api: {generation: 2}\n")),
            ("secrets/john/claude.yaml", f"claude: {{apiKey: {API_KEY}}}\n"),
            ("secrets/john/oauth2.yaml", "oauth2: {clientId: other}\n"),
        ],
    )
    def test_a_change_of_one_user_changes_that_user_alone(self, folder: FleetFolder, file: str, content: str) -> None:
        before = self.digests(folder.add("john", "jane"))
        folder.write(file, content)
        after = self.digests(folder)
        assert before["john"] != after["john"]
        assert before["jane"] == after["jane"]

    def test_nobody_can_compute_it_without_the_cookie_secret(self, folder: FleetFolder) -> None:
        before = self.digests(folder.add("john"))
        folder.write("secrets/_defaults/oauth2.yaml", OAUTH2.replace(COOKIE_SECRET, COOKIE_SECRET[::-1]))
        assert self.digests(folder) != before


class TestNotices:
    def test_users_and_organisation_mean_or(self, folder: FleetFolder) -> None:
        folder.write("users/john.yaml", user("john", "  githubOrg: acme\n"))
        file = folder.directory / "users" / "john.yaml"
        assert load(folder).notices == (f"{file}: oauth2: users and organisation mean *or*: either may sign in",)

    def test_keys_that_the_predecessor_never_used_are_accepted(self, folder: FleetFolder) -> None:
        more = 'ssh: {enabled: true}\ningress: {auth: {type: oauth2}}\nclaude: {apiKey: ""}\n'
        more += "build: {kanikoImage: 'gcr.io/kaniko-project/executor:v1.23.2', pushSecretName: regcred}\n"
        folder.write("users/john.yaml", user("john", more))
        told = [notice.split(": ")[1] for notice in load(folder).notices]
        assert told == ["ssh", "ingress.auth", "claude.apiKey", "build.kanikoImage"]

    def test_one_notice_about_many_files_is_one_line(self, folder: FleetFolder) -> None:
        for number in range(20):
            folder.write(f"users/u{number}.yaml", user(f"u{number}", "ssh: {}\n"))
        [notice] = load(folder).notices
        assert "u0.yaml and 19 more: ssh: has no effect" in notice

    def test_a_secret_name_beside_a_gateway_has_no_effect(self, folder: FleetFolder) -> None:
        folder.write("users/john.yaml", user("john", "ingress: {gateway: {name: g}, tls: {secretName: wild}}\n"))
        assert "ingress.tls.secretName: has no effect beside a gateway" in load(folder).notices[0]

    def test_secrets_of_nobody_are_named(self, folder: FleetFolder) -> None:
        folder.write("secrets/gone/claude.yaml", "")
        assert load(folder).notices == (f"{folder.directory}/secrets/gone: belongs to no user",)


SECTIONS = (
    "user",
    "oauth2",
    "image",
    "ingress",
    "tls",
    "gateway",
    "resources",
    "requests",
    "limits",
    "patches",
    "quota",
)
LEAVES = ("name", "host", "env", "value", "valueFrom", "githubUsers", "githubOrg", "githubTeam", "tag", "clusterIssuer")
OTHERS = (
    "secretName",
    "cpu",
    "memory",
    "kind",
    "merge",
    "hard",
    "ssh",
    "claude",
    "apiKey",
    "app",
    "build",
    "mode",
    "domain",
)
keys = st.sampled_from((*SECTIONS, *LEAVES, *OTHERS))
texts = st.sampled_from(["", "john", "1Gi", "dind", "a.io", "x y", "é"])
scalars = st.none() | st.booleans() | st.integers(-2, 2) | texts
trees = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=5), max_leaves=20
)
maps = st.dictionaries(keys, trees, max_size=6)


@given(values=maps, defaults=maps, secrets=maps)
def test_any_values_are_a_fleet_or_problems_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, values: Any, defaults: Any, secrets: Any
) -> None:
    folder = FleetFolder(tmp_path_factory.getbasetemp() / "any-fleet")
    folder.write("users/_defaults.yaml", yaml.safe_dump({"fleetId": "fleet", **defaults}))
    folder.write("users/john.yaml", yaml.safe_dump(values))
    folder.write("secrets/john/claude.yaml", yaml.safe_dump(secrets))
    folder.write("secrets/john/github-app.yaml", yaml.safe_dump({"github": secrets}))
    error = refusal(lambda: load(folder))
    assert error is None or error.problems
    assert error is None or all(problem.path.is_relative_to(folder.directory) for problem in error.problems)


def test_a_fleet_that_cannot_be_read_is_no_traceback(folder: FleetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("kubecoder.fleet.sources.os.scandir", refuse)
    with pytest.raises(ConfigError, match="users can't be read: Permission denied"):
        load(folder)
