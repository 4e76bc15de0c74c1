"""The decision itself: total, deterministic, and able to explain itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from smista_mcp.catalog.types import Catalog, Deployment, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Effort, Policy, Then
from smista_mcp.routing.budgets import Budgets, broken, within
from smista_mcp.routing.conditions import Conditions, Reading
from smista_mcp.routing.cost import input_cost, output_limit, worst_cost
from smista_mcp.routing.decision import Choice, Decision, Estimate, Outcome
from smista_mcp.routing.eligibility import Eligibility, Split
from smista_mcp.routing.guardrails import strictest
from smista_mcp.routing.identity import decision_id, snapshot_digest
from smista_mcp.routing.names import ModelNames
from smista_mcp.routing.proposal import objection
from smista_mcp.routing.route import Routes, Search
from smista_mcp.routing.selection import expected_cost, what_it_lacks
from smista_mcp.routing.wording import trial_note, why_chosen, why_proposed, why_spilled, why_stopped


def decide(facts: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> Decision:
    """Where a step goes and why.

    Args:
        facts: all that is known of the step.
        policy: the merged layers.
        catalog: every deployment.
        snapshot: what was true of them a moment ago.

    Returns:
        The decision. Never raises for any input of these types: a step that can go nowhere is a decision whose
        outcome says so.
    """
    return Router(policy, catalog, snapshot).decide(facts)


@dataclass(frozen=True, slots=True)
class _Draft:
    """The chain as it stands, and why."""

    outcome: Outcome
    chain: tuple[Deployment, ...]
    why: str
    notes: tuple[str, ...] = ()


class Router:
    """`decide` for many steps under one policy, catalog and snapshot: indexes are built once."""

    def __init__(self, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> None:
        self._policy = policy
        self._snapshot = snapshot
        self._digest = snapshot_digest(catalog, snapshot)
        self._names = ModelNames(catalog, policy.groups)
        self._eligibility = Eligibility(policy, catalog, snapshot, self._names)
        self._guarantees = tuple(
            (one, Conditions(one.match, Reading.GRANT))
            for one in sorted(policy.guarantees, key=lambda one: (one.order, one.name))
        )
        self._routes = Routes(policy, self._names)
        self._budgets = Budgets(policy, snapshot)

    def decide(self, facts: Facts) -> Decision:
        """See the function `decide`."""
        guarantees = tuple(one for one, conditions in self._guarantees if conditions.hold(facts))
        lifted = any(one.unlimited_cost for one in guarantees)
        split = self._eligibility.split(facts, cost_is_lifted=lifted)
        search = self._routes.first(facts, split, cost_is_lifted=lifted)
        draft = self._propose(facts, search, split, lifted=lifted)
        if not lifted:
            draft = self._budget(facts, search, draft, split.eligible)
        if draft.chain and draft.chain[0].trial:
            draft = replace(draft, notes=(*draft.notes, trial_note(draft.chain[0])))
        rule = search.route.rule if search.route else None
        effort = (rule.effort if rule else None) or facts.effort
        return Decision(
            decision_id=decision_id(self._policy.digest, self._digest, facts),
            outcome=draft.outcome,
            intent=facts.intent,
            chain=tuple(_choice(one, effort) for one in draft.chain),
            rule=search.route.ref if search.route else None,
            why=draft.why,
            passed_over=search.passed_over,
            candidates=split.candidates,
            context=facts.context,
            policy_digest=self._policy.digest,
            snapshot_taken_at=self._snapshot.taken_at,
            snapshot_digest=self._digest,
            estimate=_estimate(facts, draft.chain[0]) if draft.chain else None,
            permissions=strictest(self._policy.permissions, split.tools, rule.tools if rule else {}),
            guardrails=split.guardrails,
            guarantees=tuple(one.name for one in guarantees),
            notes=draft.notes,
        )

    def _propose(self, facts: Facts, search: Search, split: Split, *, lifted: bool) -> _Draft:
        """The route's chain, with the caller's proposal before it where that may be had."""
        chain, why = search.chain, why_chosen(search, facts, split)
        notes: tuple[str, ...] = ()
        if facts.proposed_model is not None:
            against = objection(facts, self._policy.overrides, search.route, split, self._names, cost_is_lifted=lifted)
            if against:
                notes = (f"the proposed model {facts.proposed_model} was not taken: {against}",)
            else:
                proposed = split.eligible[facts.proposed_model]
                chain = (proposed, *(one for one in chain if one.id != proposed.id))
                why = why_proposed(proposed, why)
        if chain:
            return _Draft(Outcome.ROUTED, chain, why, notes)
        matched = search.route is not None or bool(search.skipped)
        return _Draft(Outcome.NO_ELIGIBLE_MODEL if matched else Outcome.NO_ROUTE, (), why, notes)

    def _budget(self, facts: Facts, search: Search, draft: _Draft, eligible: Mapping[str, Deployment]) -> _Draft:
        """The draft within what is left of the budgets that the step falls under.

        INVARIANT: what a budget spills to is eligible and has whatever the deciding rule demands but quality: a
        budget may cost quality, never privacy.
        """
        rooms = self._budgets.rooms(facts)
        if not rooms or not draft.chain:
            return draft
        first = draft.chain[0]
        room = broken(rooms, first, facts)
        if room is None:
            return replace(draft, chain=within(rooms, draft.chain, facts))
        if room.budget.then is Then.SPILL:
            rule = search.route.rule if search.route else None
            relaxed = None if rule is None else replace(rule, target=rule.target.without_floor())
            spill = sorted(
                (
                    one
                    for one in within(rooms, eligible.values(), facts)
                    if relaxed is None or not what_it_lacks(relaxed, facts, one, cost_is_lifted=False)
                ),
                key=lambda one: (one.trial, expected_cost(one, facts), one.id),
            )
            if spill:
                why = f"{why_spilled(room, first, spill[0])}; without the budget: {draft.why}"
                return replace(draft, chain=tuple(spill[:_LONGEST_SPILL]), why=why)
        outcome = Outcome.NEEDS_APPROVAL if room.budget.then is Then.ASK else Outcome.OVER_BUDGET
        return replace(draft, outcome=outcome, chain=(), why=why_stopped(room, first))


_LONGEST_SPILL: Final = 4
_EFFORTS: Final = tuple(Effort)


def _choice(deployment: Deployment, effort: Effort | None) -> Choice:
    """The deployment with the effort it will be asked for: the wanted one, or the nearest that the model takes."""
    taken = [one for one in _EFFORTS if one in deployment.efforts]
    if effort is not None and taken:
        wanted = _EFFORTS.index(effort)
        effort = min(taken, key=lambda one: (abs(_EFFORTS.index(one) - wanted), _EFFORTS.index(one)))
    return Choice(deployment.id, deployment.provider, deployment.model, deployment.local, effort)


def _estimate(facts: Facts, first: Deployment) -> Estimate:
    output = output_limit(facts.max_output_tokens, first, facts.input_tokens)
    if first.price is None:
        return Estimate(facts.input_tokens, output, None, None)
    return Estimate(
        facts.input_tokens,
        output,
        input_cost(first.price, facts),
        worst_cost(first.price, facts, output),
        first.price.currency,
    )
