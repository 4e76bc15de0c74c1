"""Why not this model: what is reported is enough, nothing smaller is, and it is what one would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from smista_mcp.analysis.changes import Situation, changes
from smista_mcp.analysis.nearest import why_not
from smista_mcp.analysis.steps import given_facts
from smista_mcp.analysis.trace import trace
from smista_mcp.catalog.types import Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Given
from smista_mcp.routing.decide import decide
from smista_mcp.routing.decision import Decision
from tests.analysis.files import MOMENT, catalog_of, loaded
from tests.routing import strategies

POLICY = """\
[[guardrails]]
name = "payments stay here"
paths = ["src/payments/**"]
require = { local = true }
[[guardrails]]
name = "cheap work for the basic tier"
tier = "basic"
require = { max_cost = "0.001" }
[privacy]
restricted_paths = ["secrets/**"]
[[routing.rules]]
name = "reviews"
intent = "review"
model = "anthropic/claude-opus-5-5"
fallbacks = ["ollama/qwen2.5-coder:7b"]
[routing.default]
model = "ollama/qwen2.5-coder:7b"
[overrides]
allow = false
"""
OPUS = "anthropic/claude-opus-5-5"


def situation(tmp_path: Path, given: Given, unavailable: tuple[str, ...] = ()) -> Situation:
    policy = loaded(tmp_path, POLICY)
    facts = given_facts(given, policy)
    return Situation(facts, policy, catalog_of(policy), Snapshot(MOMENT, dict.fromkeys(unavailable, "no key")))


CASES = [
    (Given(intent="review", tier="gold", paths=("src/payments/a.py", "b.py")), "leave out src/payments/a.py"),
    (Given(intent="review", tier="gold", paths=("secrets/a",)), "leave out secrets/a"),
    (Given(intent="plan", tier="gold"), "intent review instead of plan"),
    (Given(intent="review", tier="gold", tokens=5_000_000), "tokens of input instead of 5000000"),
    (Given(intent="review", tier="basic", tokens=100_000), "without max_cost = 0.001 USD in the user guardrail"),
]


@pytest.mark.parametrize(("given", "said"), CASES)
def test_the_nearest_change_is_the_one_that_helps(tmp_path: Path, given: Given, said: str) -> None:
    answer = why_not(situation(tmp_path, given), OPUS)
    ways = [way for way in answer.to_be_selected if len(way.changes) == 1]
    assert any(said in way.changes[0] for way in ways), answer.to_be_selected
    for way in ways:
        assert way.decision.selected is not None
        assert way.decision.selected.deployment == OPUS


def test_two_things_in_the_way_take_two_changes(tmp_path: Path) -> None:
    found = situation(tmp_path, Given(intent="plan", tier="gold", paths=("src/payments/a.py",)))
    answer = why_not(found, OPUS)
    assert not answer.eligible
    assert answer.to_be_eligible[0].changes == ("leave out src/payments/a.py",)
    assert set(answer.to_be_selected[0].changes) == {"leave out src/payments/a.py", "intent review instead of plan"}


def test_what_cannot_be_reached_is_to_be_made_reachable(tmp_path: Path) -> None:
    answer = why_not(situation(tmp_path, Given(intent="review", tier="gold"), (OPUS,)), OPUS)
    assert answer.reasons == ("no key",)
    assert answer.to_be_selected[0].changes == ("make it reachable (no key)",)


def test_a_model_that_was_chosen_and_one_that_nobody_knows_need_no_search(tmp_path: Path) -> None:
    found = situation(tmp_path, Given(intent="review", tier="gold"))
    chosen = why_not(found, OPUS)
    assert chosen.selected
    assert chosen.eligible
    assert not chosen.to_be_selected
    assert not why_not(found, "acme/unheard-of").known


def test_whatever_is_reported_is_enough_and_nothing_smaller_is() -> None:
    alone = together = 0
    for seed in range(150):
        chance = Random(seed)
        facts, policy = strategies.build_facts(chance), strategies.build_policy(chance)
        catalog, snapshot = strategies.build_catalog(chance), strategies.build_snapshot(chance)
        found = Situation(facts, policy, catalog, snapshot)
        if not catalog.deployments:
            continue
        model = chance.choice(catalog.deployments).id
        before = decide(facts, policy, catalog, snapshot)
        answer = why_not(found, model)
        assert answer.selected == chosen(before, model)
        every = {change.text: change for change in changes(found, model, before)}
        for way in answer.to_be_selected:
            changed = found
            for text in way.changes:
                changed = every[text].make(changed)
            decision = decide(changed.facts, changed.policy, changed.catalog, changed.snapshot)
            assert chosen(decision, model)
            assert decision.candidates == way.decision.candidates
            alone += len(way.changes) == 1
            together += len(way.changes) == 2
            if len(way.changes) == 2:
                for change in every.values():
                    one = change.make(found)
                    assert not chosen(decide(one.facts, one.policy, one.catalog, one.snapshot), model)
    assert alone >= 50
    assert together >= 5


def chosen(decision: Decision, model: str) -> bool:
    return decision.selected is not None and decision.selected.deployment == model


def test_a_trace_ends_with_the_rule_that_decides() -> None:
    decided = 0
    for seed in range(200):
        chance = Random(seed)
        facts, policy = strategies.build_facts(chance), strategies.build_policy(chance)
        catalog, snapshot = strategies.build_catalog(chance), strategies.build_snapshot(chance)
        traced = trace(facts, policy, catalog, snapshot)
        assert {f"{one.layer.label}:{one.name}" for one in traced.guardrails if one.met} == set(
            traced.decision.guardrails
        )
        last = traced.tried[-1] if traced.tried else None
        rule = traced.decision.rule
        assert (rule.name if rule else None) == (last.name if last and last.decided else None)
        assert all(one.unmet for one in traced.tried if not one.matched)
        assert all(not one.decided for one in traced.tried[:-1])
        decided += rule is not None
    assert decided >= 50


def test_a_changed_step_is_a_step_of_the_same_shape(tmp_path: Path) -> None:
    found = situation(tmp_path, Given(intent="review", labels=("a",), data=("b",), skill="c", paths=("d", "e")))
    before = decide(found.facts, found.policy, found.catalog, found.snapshot)
    made = [change.make(found) for change in changes(found, OPUS, before)]
    assert len(made) > 20
    assert all(isinstance(one.facts, Facts) for one in made)
    assert sum(one == found for one in made) == 0
    assert replace(found) == found
