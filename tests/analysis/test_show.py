"""Showing a policy: every part of every file, whose it is, and what overrules what."""

from __future__ import annotations

from pathlib import Path

import pytest

from smista_mcp.analysis.show import Line, show, toml
from smista_mcp.policy.layers import load_policy, read_places
from smista_mcp.policy.types import Layer
from tests.policy.files import Places

ORGANISATION = """\
[policy]
name = "ACME"
serial = 3
[[guardrails]]
name = "personal data stays here"
data = "personal"
require = { local = true }
[[guarantees]]
name = "platinum"
tier = "platinum"
max_cost = "unlimited"
[[routing.rules]]
name = "a default of ours"
overridable = true
pick = "best"
[tools.permissions]
shell = "deny"
[overrides]
allow = false
[regions]
eu = ["DE", "FR"]
[privacy.detect]
personal = "local"
[identity]
team = "payments"
[models."openai/gpt-5.4"]
input_price = "1.00"
output_price = "2.00"
"""
WORKSPACE = """\
[[routing.rules]]
name = "reviews"
intent = "review"
model = "openai/gpt-5.4"
[tools.permissions]
shell = "allow"
git = "deny"
[privacy]
restricted_paths = ["secrets/**"]
"""
USER = """\
[overrides]
allow = true
[identity]
team = "web"
tier = "basic"
[privacy.detect]
personal = "warn"
[models."openai/gpt-5.4"]
input_price = "9.00"
[[repositories]]
remote = "github.com/acme/*"
labels = ["regulated"]
[groups.fast]
models = ["openai/gpt-5.4"]
"""


@pytest.fixture
def lines(tmp_path: Path) -> tuple[Line, ...]:
    places = Places(tmp_path)
    places.organisation(ORGANISATION)
    places.workspace(WORKSPACE)
    places.user(USER)
    reading = read_places(places.policies, None)
    sources = [(one.layer, one.document) for one in reading.files if one.layer is not None]
    return show(load_policy(places.policies).policy, sources)


def find(lines: tuple[Line, ...], section: str, text: str) -> list[Line]:
    return [one for one in lines if one.section == section and text in one.text]


def test_rules_stand_in_the_order_in_which_they_are_tried(lines: tuple[Line, ...]) -> None:
    rules = [(one.layer, one.text) for one in lines if one.section == "[[routing.rules]]"]
    assert rules == [
        (Layer.WORKSPACE, 'name = "reviews", intent = "review", model = "openai/gpt-5.4"'),
        (Layer.ORGANISATION, 'name = "a default of ours", overridable = true, pick = "best"'),
    ]


def test_every_part_has_its_layer_and_line(lines: tuple[Line, ...]) -> None:
    (guardrail,) = find(lines, "[[guardrails]]", "personal data stays here")
    assert (guardrail.layer, guardrail.place.line) == (Layer.ORGANISATION, 4)
    assert guardrail.text == 'name = "personal data stays here", data = "personal", require = { local = true }'
    (path,) = find(lines, "[privacy]", "secrets/**")
    assert (path.layer, path.place.file, path.place.line) == (Layer.WORKSPACE, ".smista/policy.toml", 9)
    (default,) = find(lines, "[routing.default]", "embedded/smollm2")
    assert default.layer is Layer.BUILTIN
    assert find(lines, "[[guarantees]]", "platinum")
    assert find(lines, "[[repositories]]", "regulated")
    assert find(lines, "[groups.fast]", "models")
    assert find(lines, "[regions]", 'eu = ["DE", "FR"]')
    assert find(lines, "[policy]", 'name = "ACME"')


OVERRULED = [
    ("[tools.permissions]", 'shell = "deny"', 'shell = "allow"'),
    ("[overrides]", "allow = false", "allow = true"),
    ("[identity]", 'team = "payments"', 'team = "web"'),
    ("[privacy.detect]", 'personal = "local"', 'personal = "warn"'),
    ('[models."openai/gpt-5.4"]', 'input_price = "1.00"', 'input_price = "9.00"'),
    ("[policy]", 'name = "ACME"', 'name = "built-in"'),
]


@pytest.mark.parametrize(("section", "strong", "weak"), OVERRULED)
def test_what_is_overruled_says_by_what(lines: tuple[Line, ...], section: str, strong: str, weak: str) -> None:
    (winner,), (loser,) = find(lines, section, strong), find(lines, section, weak)
    assert winner.in_force
    assert winner.overruled_by is None
    assert not loser.in_force
    assert loser.overruled_by == winner.place


def test_what_nobody_else_speaks_of_is_in_force(lines: tuple[Line, ...]) -> None:
    for section, text in (("[tools.permissions]", "git"), ("[identity]", "tier"), ("[policy]", "serial")):
        assert [one.in_force for one in find(lines, section, text)] == [True]


def test_values_are_written_as_toml() -> None:
    assert toml({"a b": [1, "x", True], "c": {}}) == '{ "a b" = [1, "x", true], c = {} }'
