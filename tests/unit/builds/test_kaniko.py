"""What kaniko is asked for, and what is refused before anything is sent."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from kubecoder.builds import kaniko
from kubecoder.builds.kaniko import Build
from kubecoder.errors import ConfigError, UsageError
from kubecoder.models.user import UserFile
from tests.manifest_cases import Case

PROJECT = Build(PurePosixPath("project"), PurePosixPath("Dockerfile"))


def user(**build: Any) -> UserFile:
    return Case({"build": {"mode": "kaniko", **build}}).workspace().user


def arguments(build: Build, **options: Any) -> list[str]:
    container = kaniko.pod(user(**options), build, seconds=60)["spec"]["containers"][0]
    found: list[str] = container["args"]
    return found


def test_a_build_without_a_destination_pushes_nothing() -> None:
    assert arguments(PROJECT) == [
        "--context=dir:///workspace/project",
        "--dockerfile=/workspace/project/Dockerfile",
        "--log-format=text",
        "--no-push",
    ]


def test_every_option_reaches_kaniko() -> None:
    build = Build(PurePosixPath("a"), PurePosixPath("b/C"), ("r.example.com/x:1", "r.example.com/x:2"), ("A=b c",), "t")
    assert arguments(build)[1:] == [
        "--dockerfile=/workspace/a/b/C",
        "--log-format=text",
        "--destination=r.example.com/x:1",
        "--destination=r.example.com/x:2",
        "--build-arg=A=b c",
        "--target=t",
    ]


def test_kubernetes_replaces_nothing_in_an_argument() -> None:
    build = Build(PurePosixPath("a"), PurePosixPath("b"), build_arguments=("A=$(HOME)",))
    assert arguments(build)[-1] == "--build-arg=A=$$(HOME)"


def test_the_pod_has_no_token_no_privileges_and_an_end() -> None:
    spec = kaniko.pod(user(), PROJECT, seconds=60)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] == 60
    container = spec["containers"][0]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert container["volumeMounts"] == [{"name": "home", "mountPath": "/workspace", "readOnly": True}]


def test_the_pod_goes_where_the_home_is_in_use() -> None:
    spec = kaniko.pod(user(), PROJECT, seconds=60, node="n1")["spec"]
    assert "'values': ['n1']" in str(spec["affinity"])
    assert "affinity" not in kaniko.pod(user(), PROJECT, seconds=60)["spec"]


def test_the_login_is_where_kaniko_looks_for_it() -> None:
    spec = kaniko.pod(user(pushSecretName="regcred"), PROJECT, seconds=60)["spec"]
    assert spec["containers"][0]["volumeMounts"][1]["mountPath"] == "/kaniko/.docker"
    assert spec["volumes"][1]["secret"]["items"] == [{"key": ".dockerconfigjson", "path": "config.json"}]


def test_the_image_of_the_user_file_is_used_with_its_pull_secret() -> None:
    changed = Case({"build": {"mode": "kaniko", "kanikoImage": "r.example.com/k:1"}, "image": {"pullSecretName": "p"}})
    spec = kaniko.pod(changed.workspace().user, PROJECT, seconds=60)["spec"]
    assert spec["containers"][0]["image"] == "r.example.com/k:1"
    assert spec["imagePullSecrets"] == [{"name": "p"}]


def test_tolerations_are_the_workspaces() -> None:
    taint = {"key": "dev", "operator": "Exists"}
    tolerant = Case({"build": {"mode": "kaniko"}, "tolerations": [taint]}).workspace().user
    assert kaniko.pod(tolerant, PROJECT, seconds=60)["spec"]["tolerations"] == [taint]


def test_the_policy_selects_the_build_and_nothing_else() -> None:
    policy = kaniko.policy(user(), [{"ports": [{"port": 53}]}])
    labels = kaniko.pod(user(), PROJECT, seconds=60)["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy["spec"]
    # The Service and the Deployment of the workspace select by these two.
    assert not {"kubecoder.dev/workspace"} & labels.keys()


@pytest.mark.parametrize(
    ("mode", "words", "hint"),
    [
        ("none", "build.mode is none", "build: {mode: kaniko}"),
        ("buildkit", "builds in the workspace itself", "docker build"),
        ("dind", "builds in the workspace itself", "docker build"),
    ],
)
def test_another_mode_is_refused_with_the_way(mode: str, words: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        kaniko.check_mode(Case({"build": {"mode": mode}}, own_namespace=True).workspace().user)
    assert hint in (caught.value.hint or "")


def test_kaniko_is_admitted() -> None:
    kaniko.check_mode(user())


@pytest.mark.parametrize(("path", "found"), [("project", "project"), ("/home/dev/a/b", "a/b"), (".", ".")])
def test_a_path_is_taken_from_the_home(path: str, found: str) -> None:
    assert kaniko.inside(path, kaniko.HOME, "context") == PurePosixPath(found)


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../x", "/home/dev/../x"])
def test_a_path_outside_of_the_home_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        kaniko.inside(path, kaniko.HOME, "context")


def test_a_tag_alone_needs_the_default_repository() -> None:
    assert kaniko.destinations(["1", "r/a:2"], user(defaultDestinationRepo="r.example.com/a")) == (
        "r.example.com/a:1",
        "r/a:2",
    )
    with pytest.raises(UsageError, match="names no repository"):
        kaniko.destinations(["1"], user())
