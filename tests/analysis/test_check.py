"""What the analysis finds, where it finds it, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings

from smista_mcp import places
from smista_mcp.analysis.check import analyse
from smista_mcp.analysis.check_order import shadowed
from smista_mcp.analysis.ground import Ground
from smista_mcp.analysis.steps import witness
from smista_mcp.facts.types import Facts
from smista_mcp.policy.findings import Severity
from smista_mcp.policy.types import Layer, Match, Place, Policy, Rule, Target
from smista_mcp.routing.conditions import Conditions, Reading
from smista_mcp.routing.decide import Router
from tests.analysis.files import MOMENT, analysed, catalog_of
from tests.policy.files import lines, marked
from tests.routing import strategies

SHADOWED = """\
[[routing.rules]]
name = "all code"
priority = 10
paths = ["src/**"]
model = "openai/gpt-5.4"

[[routing.rules]] #! shadowed
name = "reviews of logins"
intent = "review"
paths = ["src/auth/**", "src/login/*.py"]
model = "anthropic/claude-opus-5-5"
"""

SHADOWED_BY_TWO = """\
[[routing.rules]]
name = "plans"
priority = 1
intent = "plan"
pick = "best"
[[routing.rules]]
name = "edits"
priority = 1
intent = ["edit", "test"]
pick = "cheapest"
[[routing.rules]] #! shadowed
name = "both"
intent = ["plan", "edit"]
model = "anthropic/claude-haiku-5-5"
"""

NOT_SHADOWED = """\
[[routing.rules]]
name = "reviews of logins"
intent = "review"
paths = ["src/auth/**"]
model = "anthropic/claude-opus-5-5"
[[routing.rules]]
name = "all code"
paths = ["src/**"]
model = "openai/gpt-5.4"
[[routing.rules]]
name = "some code, in large steps"
priority = 2000
min_tokens = 50000
pick = "cheapest"
"""

TIED = """\
[[routing.rules]]
name = "reviews"
intent = "review"
model = "anthropic/claude-opus-5-5"
[[routing.rules]] #! tie
name = "changelogs"
skill = "changelog"
model = "openai/gpt-5.4"
"""

NOT_TIED = """\
[[routing.rules]]
name = "reviews"
intent = "review"
model = "anthropic/claude-opus-5-5"
[[routing.rules]]
name = "changelogs"
priority = 100
skill = "changelog"
model = "openai/gpt-5.4"
[[routing.rules]]
name = "plans"
intent = "plan"
model = "openai/gpt-5.4"
[[routing.rules]]
name = "small"
priority = 2000
max_tokens = 100
model = "openai/gpt-5.4"
[[routing.rules]]
name = "large"
priority = 2000
min_tokens = 101
pick = "best"
"""

NEVER = """\
[[guardrails]] #! never_matches
name = "an intent that nobody has"
intent = "lgeal"
paths = ["src/**"]
require = { local = true }
[[routing.rules]] #! never_matches
name = "takes back what it matches"
paths = ["src/**", "!src/**"]
pick = "best"
"""

CEILINGS = """\
[[routing.rules]] #! ceiling_unmet
name = "too cheap"
model = "anthropic/claude-opus-5-5"
max_cost = "0.000001"
min_tokens = 1000
[[routing.rules]] #! ceiling_unmet
name = "too fast"
priority = 5
pick = "fastest"
max_latency_ms = 1
[[routing.rules]] #! never_served
name = "too good"
priority = 6
model = "anthropic/claude-haiku-5-5"
local_only = true
[[guardrails]] #! ceiling_unmet
name = "nothing is that cheap"
repo = "github.com/acme/*"
min_tokens = 1000
require = { max_cost = "0.000001" }
"""

MET = """\
[[routing.rules]]
name = "cheap"
pick = "cheapest"
max_cost = "0.50"
[[routing.rules]]
name = "what a server of one's own may have"
priority = 5
intent = "plan"
local_only = true
pick = "best"
min_quality = 90
requires = ["vision"]
[[guardrails]]
name = "moderate"
repo = "github.com/acme/*"
require = { max_cost = "0.50" }
"""

NOTHING_LEFT = """\
[[guardrails]]
name = "payments stay here"
paths = ["src/payments/**"]
require = { local = true }
[[guardrails]] #! nothing_left
name = "reviews by Anthropic"
intent = "review"
repo = "github.com/acme/*"
require = { vendors = ["anthropic"] }
"""

UNKNOWN_TIER = """\
[[guardrails]]
name = "platinum by Anthropic"
tier = "platinum"
require = { vendors = ["anthropic"] }
[[guardrails]] #! nothing_left
name = "basic by OpenAI"
tier = "basic"
require = { vendors = ["openai"] }
"""

SOMETHING_LEFT = """\
[[guardrails]]
name = "payments stay here"
paths = ["src/payments/**"]
require = { local = true }
[[guardrails]]
name = "reviews by Anthropic"
intent = "review"
repo = "github.com/acme/*"
require = { vendors = ["anthropic", "local"] }
[[privacy.detect]]
""".replace("[[privacy.detect]]\n", '[privacy.detect]\nregulated = "block"\n')

ASSERTED = """\
[[guardrails]] #! asserted_only
name = "by label alone"
labels = ["legal"]
require = { local = true }
[[guardrails]]
name = "by a label that is bound"
labels = ["regulated"]
require = { local = true }
[[guardrails]]
name = "by path too"
labels = ["legal"]
paths = ["legal/**"]
require = { local = true }
[[guardrails]]
name = "for everything"
forbid = { vendors = ["acme"] }
[[repositories]]
remote = "github.com/acme/*"
labels = ["regulated"]
"""

ESCAPES = """\
[[routing.rules]] #! local_only_escapes
name = "logins are reviewed here"
intent = "review"
paths = ["src/auth/**"]
local_only = true
pick = "best"
"""

HELD = ESCAPES.replace(" #! local_only_escapes", "") + '[privacy]\nrestricted_paths = ["src/auth/**"]\n'

GUARDED = (
    ESCAPES.replace(" #! local_only_escapes", "")
    + """
[[guardrails]]
name = "logins go to Anthropic or stay"
paths = ["src/auth/**", "src/login/**"]
require = { vendors = ["anthropic", "local"] }
"""
)

DEAD = """\
[providers.openai]
enabled = false
[groups.unused] #! unused_group
models = ["anthropic/claude-opus-5-5"]
[groups.used]
models = ["anthropic/claude-opus-5-5"]
[[routing.rules]] #! dead_reference
name = "switched off"
intent = "plan"
model = "openai/gpt-5.4"
[[routing.rules]]
name = "by a group"
intent = "review"
model = "used"
[[guardrails]] #! dead_reference
name = "forbids what is not known"
forbid = { models = ["anthropic/claude-opsu"] }
"""

SAMPLES = {
    name.lower(): text
    for name, text in globals().copy().items()
    if name.isupper() and isinstance(text, str) and name != "MOMENT"
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
def test_finds_what_is_marked_and_nothing_else(tmp_path: Path, sample: str) -> None:
    found = [one for one in analysed(tmp_path, sample) if one.place.file.endswith("policy.toml")]
    assert lines(tuple(found)) == marked(sample), "\n".join(map(str, found))
    assert all(one.message and one.fix and one.severity is not Severity.ERROR for one in found)


def test_a_finding_shows_a_step_and_where_it_goes(tmp_path: Path) -> None:
    (finding,) = analysed(tmp_path, SHADOWED)
    assert "a step with intent review, path src/auth/file is sent to openai/gpt-5.4" in finding.message
    (finding,) = analysed(tmp_path, TIED)
    assert "intent review, skill changelog goes to anthropic/claude-opus-5-5, and to openai/gpt-5.4" in finding.message
    (finding,) = analysed(tmp_path, UNKNOWN_TIER)
    assert "of which the tier is not known" in finding.message


def test_layers_that_come_before_others_are_only_worth_a_note(tmp_path: Path) -> None:
    both = 'overridable = true\nmodel = "openai/gpt-5.4"\n'
    text = f'[[routing.rules]]\nname = "a"\nmodel = "openai/gpt-5.4"\n[[routing.rules]]\nname = "b"\n{both}'
    (finding,) = [one for one in analysed(tmp_path, text) if one.code == "shadowed"]
    assert finding.severity is Severity.WARNING  # both are the organisation's


@pytest.mark.parametrize("policy", sorted(places.shipped_policies().glob("*.toml")), ids=lambda policy: policy.stem)
def test_the_shipped_policies_have_no_part_that_is_dead(tmp_path: Path, policy: Path) -> None:
    codes = {one.code for one in analysed(tmp_path, policy.read_text(encoding="utf-8"))}
    assert not codes & {"never_matches", "never_served", "dead_reference", "nothing_left", "ceiling_unmet"}


def test_a_rule_that_is_called_shadowed_decides_only_where_another_cannot_be_served() -> None:
    shadows = decided = 0
    for seed in range(120):
        chance = Random(seed)
        policy, catalog = strategies.build_policy(chance), strategies.build_catalog(chance)
        layers = tuple((layer, layer.label) for layer in Layer)
        rules = tuple(replace(rule, place=Place(rule.layer.label, rule.order + 1)) for rule in policy.rules)
        policy = replace(policy, layers=layers, rules=rules)
        found = {finding.place for finding in shadowed(Ground(policy, catalog, MOMENT))}
        shadows += len(found)
        router = Router(policy, catalog, strategies.build_snapshot(chance))
        for step in range(30 if found else 0):
            decision = router.decide(strategies.build_facts(Random(step)))
            if decision.rule is not None and decision.rule.place in found:
                decided += 1
                assert decision.passed_over
    assert shadows >= 20
    assert decided >= 20


@settings(max_examples=300, deadline=None)
@given(strategies.policies)
def test_a_step_that_was_made_up_meets_what_it_was_made_up_for(policy: Policy) -> None:
    for one, other in zip(policy.rules, policy.rules[1:], strict=False):
        step = witness(one.match, other.match)
        if step is not None:
            assert Conditions(one.match, Reading.RULE).hold(step)
            assert Conditions(other.match, Reading.RULE).hold(step)
    for guardrail in policy.guardrails:
        step = witness(guardrail.match)
        assert step is None or Conditions(guardrail.match, Reading.TAKE).hold(step)


def test_analysing_a_very_large_policy_ends_and_says_what_was_left_out() -> None:
    chance = Random(7)
    rules = tuple(
        Rule(
            name=f"rule {number}",
            layer=Layer.USER,
            order=number,
            match=Match(intent=(chance.choice(("plan", "edit", "review")),), labels=(f"l{chance.randrange(40)}",)),
            target=Target(model=chance.choice(("openai/gpt-5.4", "anthropic/claude-opus-5-5"))),
            place=Place("user.toml", number + 1),
        )
        for number in range(5_000)
    )
    policy = Policy("large", "0" * 64, rules=rules, layers=((Layer.USER, "user.toml"),))
    found = analyse(policy, catalog_of(policy), MOMENT)
    assert "check_bounded" in {one.code for one in found}
    assert len(found) <= 500


def test_facts_of_a_made_up_step_are_as_hashable_as_real_ones() -> None:
    step = witness(Match(paths=("src/**",)))
    assert isinstance(step, Facts)
    assert hash(step) == hash(witness(Match(paths=("src/**",))))
