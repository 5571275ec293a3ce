"""How the history of a workspace is written, in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from kubecoder.cli.history import tell, write, write_manifests
from kubecoder.errors import NotFoundError
from kubecoder.output import Format, Printer
from kubecoder.releases.record import Release, RevisionOutcome
from kubecoder.releases.redaction import redact
from tests.unit.releases.samples import KEY, LOCK, config_map, release, revision, secret

NOW = datetime.now(UTC)


@pytest.fixture
def found() -> Release:
    first = replace(revision(1), created_at=NOW - timedelta(days=30), tool_version="0.1.0")
    second = replace(
        revision(2, RevisionOutcome.FAILED, manifests=(config_map(), secret())),
        created_at=NOW - timedelta(days=20),
        message="ImagePullBackOff: no such tag",
        reason="rollback to 1",
        tool_version="0.2.0",
    )
    return release(second, first)


def test_the_table_is_oldest_first(found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    write(Printer(), found)
    assert capsys.readouterr().out.splitlines() == [
        "REVISION   OUTCOME   AGE   AUTHOR        REASON",
        "1          ready     30d   jane@laptop   deploy",
        "2          failed    20d   jane@laptop   rollback to 1",
    ]


def test_the_wide_table_says_why_and_with_what(found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    write(Printer(Format.wide), found)
    assert capsys.readouterr().out.splitlines()[2].split()[-5:] == ["0.2.0", "ImagePullBackOff:", "no", "such", "tag"]


def test_the_document_has_everything_but_manifests(found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    write(Printer(Format.json), found)
    document = json.loads(capsys.readouterr().out)
    assert (document["workspace"], document["namespace"]) == ("john", "coder")
    assert document["revisions"][1] == {
        "revision": 2,
        "outcome": "failed",
        "created_at": (NOW - timedelta(days=20)).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "finished_at": "2026-03-01T12:00:00Z",
        "author": "jane@laptop",
        "reason": "rollback to 1",
        "message": "ImagePullBackOff: no such tag",
        "tool_version": "0.2.0",
        "kept": True,
    }


def test_names_are_one_per_line(found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    write(Printer(Format.name), found)
    assert capsys.readouterr().out == "revision/1\nrevision/2\n"


@pytest.mark.parametrize("format", [Format.table, Format.yaml])
def test_a_revision_is_shown_as_yaml(found: Release, format: Format, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifests(Printer(format), found, 2)
    shown = list(yaml.safe_load_all(capsys.readouterr().out))
    assert shown == [config_map(), redact(secret(), KEY)]
    assert shown[1]["data"]["client-secret"].startswith("redacted:")


def test_a_revision_is_shown_as_a_list(found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifests(Printer(Format.json), found, 1)
    assert json.loads(capsys.readouterr().out) == {"apiVersion": "v1", "kind": "List", "items": [config_map(a="1")]}


def test_the_objects_of_a_revision_are_named(found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    write_manifests(Printer(Format.name), found, 2)
    assert capsys.readouterr().out == "configmap/ws-john-agent\nsecret/ws-john-door\n"


def test_a_revision_without_manifests_says_so() -> None:
    with pytest.raises(NotFoundError, match="the manifests of revision 1 of john aren't kept any more"):
        write_manifests(Printer(), release(revision(1, manifests=())), 1)


def test_who_is_at_work_and_what_is_damaged_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Printer(), release(lock=replace(LOCK, acquired_at=NOW), damage="state: is empty", refusal="not ours"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("john is being deployed by jane@laptop (pid 4711 on laptop) for ")
    assert lines[1:] == [
        "warning: the release record is damaged: state: is empty; the next deploy sets it aside and goes on",
        "warning: not ours",
    ]
    tell(Printer(), release())
    assert capsys.readouterr().err == ""
