"""What every option of the manifests changes, as golden files; `nox -s golden` rewrites them."""

from __future__ import annotations

import difflib

import pytest

from kubecoder import render
from kubecoder.output import yaml_text
from kubecoder.render import Rendered
from tests.conftest import Golden
from tests.manifest_cases import ALL, CASES, EVERYTHING, MINIMAL, Case, fleet


def text(rendered: Rendered) -> str:
    return "---\n".join(yaml_text(manifest) for manifest in rendered.manifests)


def rendered(case: Case, *, with_secrets: bool = True) -> str:
    workspace = case.workspace()
    return text(render.workspace(fleet(workspace), workspace, with_secrets=with_secrets))


def difference(before: str, after: str) -> str:
    """The difference without line numbers, which would move in all files with every change of a template."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return "".join("@@\n" if line.startswith("@@") else f"{line}\n" for line in list(lines)[2:])


def test_minimal_workspace(golden: Golden) -> None:
    golden.check("manifests/minimal.yaml", rendered(MINIMAL))


def test_workspace_with_everything(golden: Golden) -> None:
    golden.check("manifests/everything.yaml", rendered(EVERYTHING))


@pytest.mark.parametrize("name", CASES)
def test_what_an_option_changes(name: str, golden: Golden) -> None:
    changes = difference(rendered(MINIMAL), rendered(CASES[name]))
    assert changes
    golden.check(f"manifests/{name}.diff", changes)


def test_what_no_secrets_leaves_out(golden: Golden) -> None:
    changes = difference(rendered(EVERYTHING), rendered(EVERYTHING, with_secrets=False))
    golden.check("manifests/everything-without-secrets.diff", changes)


def test_base_of_one_namespace(golden: Golden) -> None:
    golden.check("manifests/base.yaml", text(render.base(fleet(MINIMAL.workspace()))))


def test_what_more_namespaces_and_lets_encrypt_add_to_the_base(golden: Golden) -> None:
    workspaces = [
        ALL["tls-by-lets-encrypt"].workspace(),
        ALL["build-buildkit"].workspace(user={"name": "jane", "host": "jane.dev.company.com"}),
        ALL["quota"].workspace(user={"name": "zoe", "host": "zoe.dev.company.com"}),
        ALL["gateway"].workspace(user={"name": "ann", "host": "ann.dev.company.com"}, namespace="default"),
    ]
    changes = difference(text(render.base(fleet(MINIMAL.workspace()))), text(render.base(fleet(*workspaces))))
    golden.check("manifests/base-of-many.diff", changes)
