"""Which templates count, and how their errors are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubecoder import render
from kubecoder.errors import TemplateError
from kubecoder.models.manifest import Manifest
from kubecoder.render.templates import Templates
from tests.manifest_cases import ALL, MINIMAL, fleet

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: coder}\n"


def write(folder: Path, text: str, name: str = "workspace/service.yaml.j2") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def rendered(folder: Path) -> tuple[Manifest, ...]:
    workspace = MINIMAL.workspace()
    return render.workspace(fleet(workspace, template_dir=folder), workspace).manifests


def error(folder: Path) -> str:
    with pytest.raises(TemplateError) as caught:
        rendered(folder)
    return str(caught.value)


def test_a_file_of_the_fleet_replaces_the_built_in_one_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, "apiVersion: v1\nkind: Service\nmetadata: {name: {{ name }}, namespace: {{ namespace }}}\n")
    services = [manifest for manifest in rendered(tmp_path) if manifest["kind"] == "Service"]
    assert [set(service) for service in services] == [{"apiVersion", "kind", "metadata"}]


def test_a_file_of_another_name_adds_an_object_which_is_marked_as_ours(tmp_path: Path) -> None:
    write(tmp_path, f"{HEAD}data: {{host: {{{{ user.host }}}}}}\n", "workspace/extra.yaml.j2")
    extra = next(manifest for manifest in rendered(tmp_path) if manifest["metadata"]["name"] == "extra")
    assert extra["data"] == {"host": "john.dev.company.com"}
    assert extra["metadata"]["annotations"] == {"kubecoder.dev/owner": "acme-1a2b3c/john"}
    assert extra["metadata"]["labels"]["kubecoder.dev/workspace"] == "john"


def test_an_empty_template_takes_an_object_away(tmp_path: Path) -> None:
    write(tmp_path, "{# none #}\n", "workspace/ingress.yaml.j2")
    assert "Ingress" not in {manifest["kind"] for manifest in rendered(tmp_path)}


def test_a_template_cannot_disown_its_object(tmp_path: Path) -> None:
    labels = "labels: {kubecoder.dev/workspace: jane}, annotations: {kubecoder.dev/owner: other/jane}"
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: extra, namespace: coder, {labels}}}\n"
    write(tmp_path, text, "workspace/extra.yaml.j2")
    extra = next(manifest for manifest in rendered(tmp_path) if manifest["metadata"]["name"] == "extra")
    assert extra["metadata"]["labels"]["kubecoder.dev/workspace"] == "john"
    assert extra["metadata"]["annotations"]["kubecoder.dev/owner"] == "acme-1a2b3c/john"


@pytest.mark.parametrize("name", ["workspace/service.yaml", "workspace/service.yml", "base/x.j2"])
def test_a_file_that_would_be_ignored_for_its_name_is_an_error(tmp_path: Path, name: str) -> None:
    write(tmp_path, "", name)
    message = error(tmp_path)
    assert name in message
    assert "by its name" in message


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "").write_bytes(b"\xff\xfe")
    assert "can't be read" in error(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\n{% if %}\n", 2, "Expected an expression"),
        ("a: 1\n{% endif %}\n", 2, "unknown tag 'endif'"),
        ("a: 1\nb: {{ nothing }}\n", 2, "'nothing' is undefined"),
        ("a: 1\n\nb: {{ user.nothing }}\n", 3, "no attribute 'nothing'"),
        ("a: 1\nb: {{ {'x': nothing} }}\n", 2, "'nothing' is undefined"),
        ("a: 1\nb: {{ [nothing] | json }}\n", 2, "'nothing' is undefined"),
        ("a: 1\nb: {{ user | nofilter }}\n", 2, "No filter named 'nofilter'"),
        ("a: 1\nb: {{ 1 / 0 }}\n", 2, "division by zero"),
        ("a: 1\nb: {{ user }}\n", 2, "a Person has no place in a manifest"),
        ("a: 1\nb: {{ user.__class__.__mro__ }}\n", 2, "is unsafe"),
        ("{% for x in [1] %}\n{{ x.y.z }}\n{% endfor %}\n", 2, "has no attribute 'y'"),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    file = write(tmp_path, text)
    message = error(tmp_path)
    assert message.startswith(f"{file}:{line}: ")
    assert words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\n", "line 2 of the rendered text is no YAML: "),
        ("a: 1\nb:\n  - 1\n c: 2\n", "line 4 of the rendered text is no YAML: "),
        ("a: *b\n", "line 1 of the rendered text is no YAML: found undefined alias"),
        ("a: 1\na: 2\n", "line 1 of the rendered text is no YAML: the key 'a' is there twice"),
        ("just text\n", "renders to something without apiVersion, kind and metadata.name"),
        ("kind: Service\nmetadata: {name: x}\n", "renders to something without apiVersion, kind and metadata.name"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: 5}\n", "renders to something without apiVersion, kind and"),
    ],
)
def test_a_result_that_is_no_object_is_an_error_that_names_the_file(tmp_path: Path, text: str, words: str) -> None:
    file = write(tmp_path, text)
    message = error(tmp_path)
    assert message.startswith(str(file))
    assert words in message


def test_templates_run_no_code(tmp_path: Path) -> None:
    write(tmp_path, "a: {{ ''.__class__.__base__.__subclasses__() }}\n")
    assert "unsafe" in error(tmp_path)


def test_templates_cannot_change_what_others_see(tmp_path: Path) -> None:
    write(tmp_path, "a: {{ selector.update({'x': 'y'}) }}\n")
    assert "unsafe" in error(tmp_path)


def test_an_error_shows_no_secret(tmp_path: Path) -> None:
    write(tmp_path, "a: {{ secrets.client_secret }}\nb: [\n")
    assert "oauth-client-secret-1" not in error(tmp_path)
    write(tmp_path, "a: {{ secrets }}\n")
    assert "oauth-client-secret-1" not in error(tmp_path)


def test_two_templates_for_one_object_are_told_with_both_files(tmp_path: Path) -> None:
    built_in = Path(render.__file__).parents[2] / "manifests" / "workspace" / "service.yaml.j2"
    file = write(tmp_path, built_in.read_text(encoding="utf-8"), "workspace/servcie.yaml.j2")
    workspace = MINIMAL.workspace()
    with pytest.raises(Exception, match="problem") as caught:
        render.workspace(fleet(workspace, template_dir=tmp_path), workspace)
    problems: Any = caught.value
    assert [str(problem.message) for problem in problems.problems] == [
        f"Service coder/ws-john is rendered 2 times, from {file}, manifests/workspace/service.yaml.j2"
    ]


def test_the_digest_covers_the_fleets_own_templates(tmp_path: Path) -> None:
    before = Templates(tmp_path).digest
    assert before == Templates().digest
    write(tmp_path, HEAD, "workspace/extra.yaml.j2")
    after = Templates(tmp_path).digest
    assert after != before
    write(tmp_path, f"{HEAD}# more\n", "workspace/extra.yaml.j2")
    assert Templates(tmp_path).digest not in (before, after)


def test_templates_are_read_once_per_fleet(tmp_path: Path) -> None:
    workspace = MINIMAL.workspace()
    one, another = fleet(workspace, template_dir=tmp_path), fleet(workspace, template_dir=tmp_path)
    before = render.template_digest(one)
    write(tmp_path, HEAD, "workspace/extra.yaml.j2")
    assert render.template_digest(one) == before
    assert render.template_digest(another) != before


@pytest.mark.parametrize("name", ALL)
def test_rendering_is_deterministic(name: str) -> None:
    first, second = (render.workspace(fleet(w), w) for w in (ALL[name].workspace(), ALL[name].workspace()))
    assert first == second
