"""The schema that editors use says the same as the model, but requires nothing and allows null."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jsonschema.exceptions import best_match

from kubecoder.fleet import schema
from tests.unit.fleets import DEFAULTS, user

ROOT = Path(__file__).parent.parent.parent.parent
VALIDATOR = jsonschema.Draft202012Validator(schema.schema())


def test_the_schema_is_valid_itself() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.schema())


def test_the_file_of_the_example_fleet_is_current() -> None:
    file = ROOT / "users" / schema.FILE
    assert file.read_text(encoding="utf-8") == schema.text(), "`kubecoder validate --schema > users/schema.json`"


@pytest.mark.parametrize(
    "text",
    [
        DEFAULTS,
        user("john"),
        "user: {name: john, env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b}}}]}\n",
        "resources: {limits: {cpu: 2, memory: 4Gi}}\nnetworkPolicy: {denyEgressCIDRs: [10.0.0.0/8]}\n",
        "ingress: {gateway: null, tls: {clusterIssuer: null}}\nquota: null\nresources: null\n",
        "patches: [{kind: Deployment, merge: {spec: {replicas: null}}}]\n",
        *(file.read_text() for file in sorted((ROOT / "users").glob("*.yaml"))),
    ],
)
def test_good_files_pass(text: str) -> None:
    VALIDATOR.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"usr": {}}, []),
        ({"user": {"pvcsize": "1Gi"}}, ["user"]),
        ({"user": {"name": "John"}}, ["user", "name"]),
        ({"user": {"pvcSize": "50GB"}}, ["user", "pvcSize"]),
        ({"image": {"pullPolicy": "Never!"}}, ["image", "pullPolicy"]),
        ({"user": {"env": [{"name": "A", "value": 1}]}}, ["user", "env", 0, "value"]),
    ],
)
def test_bad_values_are_marked_at_their_place(values: dict[str, Any], place: list[str]) -> None:
    error = best_match(VALIDATOR.iter_errors(values))
    assert list(error.absolute_path) == place
