"""The README shows what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubecoder.cli import commands

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]+)(?:#[^)]*)?\)")


def code_blocks(text: str, language: str = "sh") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_ci_runs_the_second_command_of_the_readme() -> None:
    second = code_blocks(README)[1].strip()
    assert second in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("entry", commands.ENTRIES, ids=lambda entry: entry.name)
def test_the_readme_names_every_command(entry: commands.Entry) -> None:
    assert f"kubecoder {entry.name}" in README or f"\n  {entry.name} " in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_every_variable_that_the_command_line_reads_is_in_the_readme() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "kubecoder").rglob("*.py"))
    # The one is a prefix; the other marks processes that `local` starts.
    names = set(re.findall(r"\"(KUBECODER_[A-Z_]+)\"", sources)) - {"KUBECODER_AGENT_", "KUBECODER_LOCAL"}
    assert names
    assert {name for name in names if name not in README} == set()


@pytest.mark.parametrize("shown", [page for page in PAGES if page.name != "commands.md"], ids=lambda page: page.name)
def test_every_command_and_option_that_a_page_shows_exists(shown: Path) -> None:
    """A command line of a page names a command and only options of it."""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (kubecoder[^\n]*)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    unknown = []
    for line in "\n".join(code_blocks(shown.read_text(encoding="utf-8"))).replace("\\\n", " ").splitlines():
        words = re.sub(r"^(?:\.venv/bin/)?", "", line.strip()).split(" -- ")[0].split("#")[0].split()
        if words[:1] != ["kubecoder"]:
            continue
        plain = [word for word in words if not word.startswith("-")]
        section = next(name for length in (3, 2, 1) if (name := " ".join(plain[:length])) in sections)
        options = {word.split("=")[0] for word in words if word.startswith("-")}
        known = sections[section] + sections["kubecoder"]
        unknown += [f"{section} {option}" for option in options if not re.search(rf"(?<!\S){option}\b", known)]
    assert unknown == []


def test_the_user_file_of_the_readme_renders(tmp_path: Path) -> None:
    from kubecoder import fleet as fleets
    from kubecoder import render

    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "_defaults.yaml").write_text("fleetId: example\ndomain: example.org\nimage: {tag: '1'}\n")
    (tmp_path / "users" / "john.yaml").write_text(code_blocks(README, "yaml")[0])
    fleet = fleets.load(tmp_path, require_secrets=False)
    assert fleet.notices == ()
    manifests = render.workspace(fleet, fleet.workspace("john"), with_secrets=False).manifests
    deployment = next(manifest for manifest in manifests if manifest["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["priorityClassName"] == "developers"
