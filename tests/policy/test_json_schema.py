"""The JSON Schema for editors is that of the language, and takes and refuses what the loader does."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import jsonschema  # type: ignore[import-untyped] # mcp brings it along
import pytest
from hypothesis import given, settings

from smista_mcp.places import shipped_policies
from smista_mcp.policy.schema.export import NAME, json_schema
from tests.policy.files import DESIGN_EXAMPLE, marked
from tests.policy.json_schema import FILE as SHIPPED
from tests.policy.json_schema import text
from tests.policy.test_digest import FILE
from tests.policy.test_findings import SAMPLES

VALIDATOR = jsonschema.Draft7Validator(json_schema())
POLICIES = sorted(shipped_policies().glob("*.toml"))


def test_the_shipped_file_is_the_schema_of_today() -> None:
    assert SHIPPED.read_text() == text(), "run: python -m tests.policy.json_schema"


def test_it_is_a_schema_by_the_older_rules_that_editors_of_toml_know_too() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())
    jsonschema.Draft4Validator.check_schema({key: one for key, one in json_schema().items() if key != "$schema"})


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_policy_that_is_shipped_names_it_and_keeps_to_it(path: Any) -> None:
    content = path.read_text()

    assert content.startswith(f"#:schema ./{NAME}\n")
    VALIDATOR.validate(tomllib.loads(content))


@settings(max_examples=80, deadline=None)
@given(FILE)
def test_what_loads_keeps_to_it(data: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(json.dumps(data)))


def test_the_example_of_the_design_keeps_to_it() -> None:
    VALIDATOR.validate(tomllib.loads(DESIGN_EXAMPLE))


@pytest.mark.parametrize("code", ["unknown_key", "wrong_type"])
def test_it_refuses_what_the_loader_refuses_for_its_shape(code: str) -> None:
    samples = [one for one in SAMPLES.values() if code in {found for _, found in marked(one)}]

    assert samples
    for sample in samples:
        data = tomllib.loads(sample)
        plain = json.loads(json.dumps(data, default=str))
        if data == plain:  # dates have no counterpart in JSON
            assert not VALIDATOR.is_valid(plain), sample
