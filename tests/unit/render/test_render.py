"""What rendering promises to those who apply the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from kubecoder import render
from kubecoder.errors import ConfigError
from kubecoder.fleet import Workspace
from kubecoder.models.manifest import Manifest, ref_of
from kubecoder.models.secrets import ClaudeSecrets, Secrets
from kubecoder.render import Rendered
from tests.manifest_cases import ALL, CLAUDE, EVERYTHING, GITHUB_APP, MINIMAL, OAUTH2, Case, fleet

FULL = Case(secrets=Secrets(oauth2=OAUTH2, claude=CLAUDE, github_app=GITHUB_APP))


def of(workspace: Workspace, **options: Any) -> Rendered:
    return render.workspace(fleet(workspace), workspace, **options)


def by_name(rendered: Rendered) -> dict[str, Manifest]:
    return {f"{ref.kind} {ref.name}": manifest for manifest in rendered.manifests for ref in [ref_of(manifest)]}


def changed(before: Rendered, after: Rendered) -> set[str]:
    first, second = by_name(before), by_name(after)
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}


@pytest.mark.parametrize("name", ALL)
def test_every_object_says_whose_it_is(name: str) -> None:
    rendered = of(ALL[name].workspace())
    for manifest in rendered.manifests:
        metadata = manifest["metadata"]
        assert metadata["namespace"] == rendered.namespace
        assert metadata["name"] == "ws-john" or metadata["name"].startswith("ws-john-")
        assert metadata["annotations"]["kubecoder.dev/owner"] == "acme-1a2b3c/john"
        assert {
            "app.kubernetes.io/name": "workspace",
            "app.kubernetes.io/instance": "ws-john",
            "app.kubernetes.io/managed-by": "kubecoder",
            "app.kubernetes.io/part-of": "kubecoder",
            "kubecoder.dev/fleet": "acme-1a2b3c",
            "kubecoder.dev/workspace": "john",
        }.items() <= metadata["labels"].items()


def test_base_objects_say_whose_they_are() -> None:
    rendered = render.base(fleet(ALL["tls-by-lets-encrypt"].workspace()))
    assert (rendered.name, rendered.namespace, rendered.record_name) == ("base", "coder", "kubecoder-base-release")
    for manifest in rendered.manifests:
        assert manifest["metadata"]["annotations"]["kubecoder.dev/owner"] == "acme-1a2b3c/base"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "base"
        assert manifest["metadata"]["labels"]["kubecoder.dev/workspace"] == "base"


def test_objects_come_in_an_order_in_which_they_can_be_applied() -> None:
    kinds = [manifest["kind"] for manifest in of(EVERYTHING.workspace()).manifests]
    assert list(dict.fromkeys(kinds)) == [
        "ServiceAccount",
        "NetworkPolicy",
        "ResourceQuota",
        "Secret",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
        "Ingress",
    ]
    assert render.base(fleet(MINIMAL.workspace())).manifests[0]["kind"] == "Namespace"


def test_only_what_a_cluster_may_lack_is_optional() -> None:
    shared = fleet(ALL["tls-by-lets-encrypt"].workspace(), ALL["gateway"].workspace())
    manifests = [*render.base(shared).manifests]
    for workspace in shared.workspaces:
        manifests += render.workspace(shared, workspace).manifests
    optional = {
        manifest["kind"]
        for manifest in manifests
        if manifest["metadata"]["annotations"].get("kubecoder.dev/optional") == "true"
    }
    assert optional == {"ClusterIssuer", "HTTPRoute"}


def test_rendered_names_the_release_record() -> None:
    rendered = of(ALL["quota"].workspace())
    assert (rendered.name, rendered.namespace, rendered.record_name) == ("john", "ws-john", "ws-john-release")


def test_a_rotated_claude_key_changes_the_pod() -> None:
    rotated = replace(
        FULL, secrets=FULL.secrets.model_copy(update={"claude": ClaudeSecrets(api_key=SecretStr("sk-2"))})
    )
    assert changed(of(FULL.workspace()), of(rotated.workspace())) == {"Secret ws-john-claude", "Deployment ws-john"}


def test_the_pod_template_gives_no_claude_key_away() -> None:
    deployment = by_name(of(FULL.workspace()))["Deployment ws-john"]
    assert CLAUDE.api_key.get_secret_value() not in str(deployment)


def test_a_rotated_door_secret_leaves_the_pod_alone() -> None:
    update = {"client_secret": SecretStr("another-secret"), "cookie_secret": SecretStr("fedcba9876543210")}
    oauth2 = OAUTH2.model_copy(update=update)
    rotated = replace(FULL, secrets=FULL.secrets.model_copy(update={"oauth2": oauth2}))
    assert changed(of(FULL.workspace()), of(rotated.workspace())) == {"Secret ws-john-door", "Secret ws-john-api"}


def test_a_changed_allow_list_leaves_the_pod_alone_and_ends_the_sessions() -> None:
    after = of(FULL.workspace(oauth2={"githubUsers": ["john_doe", "jane"]}))
    assert changed(of(FULL.workspace()), after) == {
        "ConfigMap ws-john-door",
        "ConfigMap ws-john-agent",
        "Secret ws-john-door",
    }


def test_another_order_of_the_allow_list_ends_no_session() -> None:
    one = of(FULL.workspace(oauth2={"githubUsers": ["a", "b"]}))
    other = of(FULL.workspace(oauth2={"githubUsers": ["b", "a"]}))
    assert "Secret ws-john-door" not in changed(one, other)


def test_a_new_generation_changes_only_the_admin_token() -> None:
    assert changed(of(FULL.workspace()), of(FULL.workspace(api={"generation": 2}))) == {"Secret ws-john-api"}


def test_a_rotated_github_app_key_leaves_the_pod_alone() -> None:
    app = GITHUB_APP.model_copy(update={"private_key": SecretStr("another")})
    rotated = replace(FULL, secrets=FULL.secrets.model_copy(update={"github_app": app}))
    assert changed(of(FULL.workspace()), of(rotated.workspace())) == {"Secret ws-john-github-app"}


def test_without_secrets_no_value_is_written() -> None:
    rendered = of(EVERYTHING.workspace(), with_secrets=False)
    secrets = [manifest for manifest in rendered.manifests if manifest["kind"] == "Secret"]
    assert len(secrets) == 4
    assert all(set(secret) == {"apiVersion", "kind", "metadata", "type"} for secret in secrets)
    for value in (OAUTH2.client_secret, OAUTH2.cookie_secret, CLAUDE.api_key, GITHUB_APP.private_key):
        assert value.get_secret_value() not in str(rendered)
    assert changed(of(EVERYTHING.workspace()), rendered) == {
        f"Secret {secret['metadata']['name']}" for secret in secrets
    }


def test_a_fleet_that_has_no_secrets_renders_without_them_and_says_what_is_missing() -> None:
    workspace = replace(MINIMAL, secrets=Secrets()).workspace()
    rendered = of(workspace, with_secrets=False)
    assert rendered.notices == ("john: no OAuth client in secrets/, so clientID in ConfigMap ws-john-door is empty",)
    assert changed(of(MINIMAL.workspace(), with_secrets=False), rendered) == {"ConfigMap ws-john-door"}
    with pytest.raises(ConfigError, match="john: the door has no OAuth client"):
        of(workspace)


def test_the_input_digest_covers_values_templates_images_and_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace = MINIMAL.workspace()
    digests = [render.input_digest(fleet(workspace), workspace)]
    digests.append(render.input_digest(fleet(workspace), replace(workspace, input_digest="2")))
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "more.yaml.j2").write_text("")
    digests.append(render.input_digest(fleet(workspace, template_dir=tmp_path), workspace))
    monkeypatch.setattr(render, "PINNED", {"dind": "docker:0"})
    digests.append(render.input_digest(fleet(workspace), workspace))
    monkeypatch.undo()
    monkeypatch.setattr(render, "__version__", "9.9.9")
    digests.append(render.input_digest(fleet(workspace), workspace))
    assert len(set(digests)) == len(digests)


def test_the_recorded_digest_is_the_one_that_needs_no_rendering() -> None:
    workspace = MINIMAL.workspace()
    shared = fleet(workspace)
    assert render.workspace(shared, workspace).input_digest == render.input_digest(shared, workspace)
    assert render.base(shared).input_digest == render.base_input_digest(shared)


def test_the_base_digest_changes_with_namespaces_and_not_with_other_values() -> None:
    base = render.base_input_digest(fleet(MINIMAL.workspace()))
    assert render.base_input_digest(fleet(MINIMAL.workspace(image={"tag": "0.2.0"}))) == base
    assert render.base_input_digest(fleet(MINIMAL.workspace(namespace="other"))) != base
    assert render.base_input_digest(fleet(ALL["tls-by-lets-encrypt"].workspace())) != base


def test_the_version_of_kubecoder_is_in_no_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(EVERYTHING.workspace()).manifests
    monkeypatch.setattr(render, "__version__", "9.9.9")
    assert of(EVERYTHING.workspace()).manifests == before


def test_several_addresses_for_lets_encrypt_are_an_error() -> None:
    one = ALL["tls-by-lets-encrypt"].workspace()
    other = MINIMAL.workspace(letsEncrypt={"email": "other@company.com"})
    with pytest.raises(ConfigError, match=r"several e-mail addresses for Let's Encrypt: admin@.*, other@"):
        render.base(fleet(one, other))


def test_the_default_namespace_is_used_but_never_created() -> None:
    rendered = render.base(fleet(MINIMAL.workspace(namespace="default")))
    namespaces = [m["metadata"]["name"] for m in rendered.manifests if m["kind"] == "Namespace"]
    assert namespaces == ["coder"]
    assert {m["metadata"].get("namespace") for m in rendered.manifests if m["kind"] == "ConfigMap"} == {
        "coder",
        "default",
    }


@pytest.mark.parametrize("name", ALL)
def test_a_namespace_admits_what_the_fleet_puts_into_it(name: str) -> None:
    case = ALL[name]
    workspace = case.workspace()
    labels = {
        manifest["metadata"]["name"]: manifest["metadata"]["labels"]
        for manifest in render.base(fleet(workspace)).manifests
        if manifest["kind"] == "Namespace"
    }
    assert labels[workspace.user.namespace]["pod-security.kubernetes.io/enforce"] == case.pod_security
    assert labels.get("coder", {}).get("pod-security.kubernetes.io/enforce") == "restricted"
