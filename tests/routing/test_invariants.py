"""The invariants of the decision, over generated policies, catalogs and steps."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.facts.session import SessionFacts
from smista_mcp.facts.types import UNKNOWN_REPO, Attributes, Facts, Values
from smista_mcp.policy.types import Guardrail, Layer, Match, Permission, Policy
from smista_mcp.routing.decide import Router, decide
from smista_mcp.routing.decision import Decision, Outcome
from smista_mcp.routing.record import decision_json
from tests.routing.naive import guardrail_applies, naive_decide, satisfies, taken
from tests.routing.strategies import (
    DATA,
    INTENTS,
    LABELS,
    PATTERNS,
    REPOS,
    TIERS,
    added_guardrails,
    added_rules,
    build_catalog,
    build_facts,
    build_policy,
    build_snapshot,
    catalogs,
    facts,
    path_facts,
    policies,
    snapshots,
)

many = settings(max_examples=300, deadline=None)
cases = given(facts, policies, catalogs, snapshots)


def _eligible(decision: Decision) -> set[str]:
    return {one.deployment for one in decision.candidates if one.eligible}


@many
@cases
def test_agrees_with_the_naive_reading_of_the_design(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    decision = decide(step, policy, catalog, snapshot)
    naive = naive_decide(step, policy, catalog, snapshot)
    assert sorted(_eligible(decision)) == naive.eligible
    assert [choice.deployment for choice in decision.chain] == naive.chain
    assert decision.permissions == naive.permissions
    if decision.rule is None or decision.rule.priority is not None:
        assert (decision.rule.name if decision.rule else None) == naive.rule
    else:
        assert f"default:{decision.rule.layer.label}" == naive.rule


@many
@given(facts, policies, catalogs, snapshots, st.randoms(use_true_random=False))
def test_does_not_depend_on_the_order_in_which_anything_is_listed(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, chance: random.Random
) -> None:
    rules_ = list(policy.rules)
    chance.shuffle(rules_)
    restricted = list(policy.restricted_paths)
    chance.shuffle(restricted)
    down = list(snapshot.unavailable.items())
    chance.shuffle(down)
    guardrails, regions = list(policy.guardrails), list(policy.regions.items())
    chance.shuffle(guardrails)
    chance.shuffle(regions)
    shuffled = replace(
        policy,
        rules=tuple(rules_),
        restricted_paths=tuple(restricted),
        guardrails=tuple(guardrails),
        guarantees=tuple(reversed(policy.guarantees)),
        groups=dict(reversed(policy.groups.items())),
        regions=dict(regions),
    )
    again = decide(step, shuffled, catalog, replace(snapshot, unavailable=dict(down)))
    assert decision_json(again) == decision_json(decide(step, policy, catalog, snapshot))


@many
@cases
def test_the_candidates_are_the_whole_catalog_and_the_excluded_have_reasons(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    decision = decide(step, policy, catalog, snapshot)
    assert [one.deployment for one in decision.candidates] == [one.id for one in catalog.deployments]
    assert all(one.eligible != bool(one.reasons) for one in decision.candidates)


@many
@cases
def test_nothing_outside_the_eligible_is_ever_in_the_chain(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    decision = decide(step, policy, catalog, snapshot)
    assert {choice.deployment for choice in decision.chain} <= _eligible(decision)
    assert len({choice.deployment for choice in decision.chain}) == len(decision.chain)
    assert (decision.outcome is Outcome.ROUTED) == bool(decision.chain) == (decision.selected is not None)


@many
@cases
def test_no_remote_deployment_is_eligible_for_a_restricted_path(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    hidden = replace(policy, restricted_paths=("**",))
    decision = decide(step, hidden, catalog, snapshot)
    if step.paths:
        assert all(choice.local for choice in decision.chain)
        local = {one.id for one in catalog.deployments if one.local}
        assert _eligible(decision) <= local


@many
@cases
def test_a_local_only_rule_that_decides_never_leads_to_a_remote_model(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    decision = decide(step, policy, catalog, snapshot)
    deciding = next((rule for rule in policy.rules if decision.rule and rule.name == decision.rule.name), None)
    if deciding is not None and deciding.local_only:
        assert all(choice.local for choice in decision.chain)


@many
@cases
def test_every_eligible_candidate_satisfies_every_guardrail_that_the_step_meets(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    decision = decide(step, policy, catalog, snapshot)
    unlimited = bool(decision.guarantees)
    for guardrail in policy.guardrails:
        if guardrail_applies(guardrail, step):
            assert f"{guardrail.layer.label}:{guardrail.name}" in decision.guardrails
            for name in _eligible(decision):
                deployment = catalog.get(name)
                assert deployment is not None
                assert satisfies(deployment, guardrail, step, policy, unlimited)
            for tool, permission in guardrail.require.tools.items():
                order = list(Permission)
                assert order.index(decision.permissions[tool]) >= order.index(permission)


@many
@given(facts, policies, catalogs, snapshots, added_guardrails())
def test_adding_a_guardrail_in_any_layer_never_adds_a_candidate(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, guardrail: Guardrail
) -> None:
    before = _eligible(decide(step, policy, catalog, snapshot))
    tighter = replace(policy, guardrails=(*policy.guardrails, guardrail))
    assert _eligible(decide(step, tighter, catalog, snapshot)) <= before


@many
@given(facts, policies, catalogs, snapshots, st.sampled_from(LABELS), st.sampled_from(DATA))
def test_nothing_that_is_only_asserted_adds_a_candidate_or_a_guarantee(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, label: str, data: str
) -> None:
    before = decide(step, policy, catalog, snapshot)
    known = step.attributes
    more = replace(
        known,
        labels=replace(known.labels, asserted=known.labels.asserted | {label}),
        data=replace(known.data, asserted=known.data.asserted | {data}),
    )
    after = decide(replace(step, attributes=more), policy, catalog, snapshot)
    assert _eligible(after) <= _eligible(before)
    assert after.guarantees == before.guarantees
    for intent in INTENTS:
        other = decide(replace(step, intent=replace(step.intent, value=intent)), policy, catalog, snapshot)
        assert other.guarantees == before.guarantees


@many
@given(facts, policies, catalogs, snapshots, st.sampled_from(TIERS), st.sampled_from((*REPOS, UNKNOWN_REPO)))
def test_nothing_that_a_repository_only_claims_adds_a_candidate_or_a_guarantee(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, tier: str, repo: str
) -> None:
    before = decide(step, policy, catalog, snapshot)
    claims = Attributes(tier=Values(observed=frozenset({tier})), repo=Values(observed=frozenset({repo})))
    after = decide(replace(step, attributes=step.attributes.merged(claims)), policy, catalog, snapshot)
    assert _eligible(after) <= _eligible(before)
    assert after.guarantees == before.guarantees


@many
@given(facts, policies, catalogs, snapshots, added_guardrails(), st.sampled_from(REPOS))
def test_not_knowing_which_repository_it_is_is_as_strict_as_any(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, guardrail: Guardrail, repo: str
) -> None:
    spoken_of = replace(guardrail, match=Match(repo=("github.com/acme/*",)), unless=None)
    policy = replace(policy, guardrails=(*policy.guardrails, spoken_of))

    def eligible(name: str) -> set[str]:
        attributes = replace(step.attributes, repo=Values(observed=frozenset({name})))
        return _eligible(decide(replace(step, attributes=attributes), policy, catalog, snapshot))

    assert eligible(UNKNOWN_REPO) <= eligible(repo)


@many
@given(st.lists(facts, max_size=4), facts, policies, catalogs, snapshots)
def test_what_a_session_remembers_only_ever_narrows(
    earlier: list[Facts], step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    session = SessionFacts()
    before = decide(step, policy, catalog, snapshot)
    eligible = _eligible(before)
    for one in earlier:
        session = session.with_step(one.attributes)
        after = decide(replace(step, attributes=session.join(step.attributes)), policy, catalog, snapshot)
        assert _eligible(after) <= eligible
        assert after.guarantees == before.guarantees
        eligible = _eligible(after)


@many
@given(facts, policies, catalogs, snapshots, path_facts, st.sampled_from(PATTERNS))
def test_adding_a_path_or_a_restriction_never_adds_a_candidate(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, path: object, pattern: str
) -> None:
    before = _eligible(decide(step, policy, catalog, snapshot))
    more_paths = replace(step, paths=(*step.paths, path))
    assert _eligible(decide(more_paths, policy, catalog, snapshot)) <= before
    labelled = replace(step.attributes, labels=replace(step.attributes.labels, asserted=frozenset(LABELS)))
    assert _eligible(decide(replace(step, attributes=labelled), policy, catalog, snapshot)) <= before
    tighter = replace(policy, restricted_paths=(*policy.restricted_paths, pattern))
    assert _eligible(decide(step, tighter, catalog, snapshot)) <= before


@many
@given(facts, policies, catalogs, snapshots, st.data())
def test_a_workspace_or_user_rule_changes_no_eligibility_and_beats_no_organisation_rule(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot, data: st.DataObject
) -> None:
    layer = data.draw(st.sampled_from([Layer.WORKSPACE, Layer.USER]))
    added = replace(policy, rules=(*policy.rules, data.draw(added_rules(layer))))
    before, after = decide(step, policy, catalog, snapshot), decide(step, added, catalog, snapshot)
    assert before.candidates == after.candidates
    ruled = before.rule is not None and before.rule.layer is Layer.ORGANISATION and before.rule.priority is not None
    if ruled and not next(rule for rule in policy.rules if rule.name == before.rule.name).overridable:  # type: ignore[union-attr]
        assert (after.rule, after.chain) == (before.rule, before.chain)


@many
@cases
def test_a_router_that_is_kept_decides_as_a_fresh_one(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    router = Router(policy, catalog, snapshot)
    first = router.decide(step)
    router.decide(replace(step, paths=(), skill=None))
    assert router.decide(step) == first == decide(step, policy, catalog, snapshot)


def test_the_generated_cases_are_not_vacuous() -> None:
    """The properties above mean something only if each situation they speak of comes up often enough."""
    seen: Counter[str] = Counter()

    # By seeds of our own: what hypothesis draws depends on which modules other tests have loaded.
    for number in range(1000):
        chance = random.Random(number)
        step, policy = build_facts(chance), build_policy(chance)
        catalog, snapshot = build_catalog(chance), build_snapshot(chance)
        decision = decide(step, policy, catalog, snapshot)
        eligible = _eligible(decision)
        excluded = len(decision.candidates) - len(eligible)
        reasons = {reason.code.value for one in decision.candidates for reason in one.reasons}
        seen[decision.outcome.value] += 1
        seen["some eligible and some not"] += bool(eligible) and bool(excluded)
        seen["restriction bites and something survives"] += "restricted_path" in reasons and bool(eligible)
        seen["several in the chain"] += len(decision.chain) > 1
        seen["decided by a rule with paths"] += any(
            decision.rule is not None and rule.name == decision.rule.name and bool(rule.match.paths)
            for rule in policy.rules
        )
        seen["local_only refuses"] += decision.outcome is Outcome.NO_ELIGIBLE_MODEL and decision.rule is not None
        seen["decided by the organisation"] += decision.rule is not None and decision.rule.layer is Layer.ORGANISATION
        seen["a guardrail bites and something survives"] += "guardrail" in reasons and bool(eligible)
        seen["a jurisdiction bites and something survives"] += bool(eligible) and any(
            "served from" in reason.text for one in decision.candidates for reason in one.reasons
        )
        seen["an exemption holds"] += any(
            taken(one.match, step) and f"{one.layer.label}:{one.name}" not in decision.guardrails
            for one in policy.guardrails
        )
        seen["a guarantee holds"] += bool(decision.guarantees)
        seen["a budget spills"] += "instead of" in decision.why
        seen["a budget stops"] += decision.outcome in (Outcome.OVER_BUDGET, Outcome.NEEDS_APPROVAL)
        seen["proposal taken"] += "was proposed by the caller" in decision.why
        seen["proposal not taken"] += any("was not taken" in note for note in decision.notes)

    floors = {
        "routed": 150,
        "no_route": 10,
        "no_eligible_model": 30,
        "some eligible and some not": 150,
        "restriction bites and something survives": 30,
        "several in the chain": 50,
        "decided by a rule with paths": 20,
        "local_only refuses": 10,
        "decided by the organisation": 50,
        "a guardrail bites and something survives": 40,
        "a jurisdiction bites and something survives": 8,
        "an exemption holds": 3,
        "a guarantee holds": 10,
        "a budget spills": 3,
        "a budget stops": 3,
        "proposal taken": 20,
        "proposal not taken": 50,
    }
    too_rare = {what: seen[what] for what, floor in floors.items() if seen[what] < floor}
    assert not too_rare, f"too rare: {too_rare}; all: {dict(seen)}"
