"""The decision itself: total, deterministic, and able to explain itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from smista_mcp.catalog.types import Catalog, Deployment, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import DefaultRoute, Effort, Layer, Match, Overrides, Policy, Rule, Target
from smista_mcp.routing.decision import Choice, Decision, Estimate, Outcome, RuleRef
from smista_mcp.routing.eligibility import ASSUMED_WINDOW, Eligibility
from smista_mcp.routing.identity import decision_id, snapshot_digest
from smista_mcp.routing.rules import RuleIndex
from smista_mcp.routing.selection import Selection, select, what_it_lacks

OUTPUT_LIMIT: Final[Mapping[Effort | None, int]] = {
    None: 8_192,
    Effort.LOW: 8_192,
    Effort.MEDIUM: 8_192,
    Effort.HIGH: 16_384,
    Effort.XHIGH: 32_768,
}
"""Most output tokens a step may use where the caller states no limit; reasoning counts as output, so it grows with
the effort. Our own choice: room for a long file, small enough that the worst case stays affordable."""

_PER_TOKEN: Final = Decimal(1_000_000)


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
class _Route:
    """What settled the chain: a rule or a default, and what it came to."""

    rule: Rule
    ref: RuleRef
    selection: Selection


class Router:
    """`decide` for many steps under one policy, catalog and snapshot: indexes are built once."""

    def __init__(self, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> None:
        self._policy = policy
        self._snapshot = snapshot
        self._digest = snapshot_digest(catalog, snapshot)
        self._rules = RuleIndex(policy.rules)
        self._defaults = tuple(_as_rule(default) for default in policy.defaults)
        self._eligibility = Eligibility(policy, catalog, snapshot)

    def decide(self, facts: Facts) -> Decision:
        """See the function `decide`."""
        candidates, eligible_deployments = self._eligibility.split(facts)
        eligible = {deployment.id: deployment for deployment in eligible_deployments}
        route, tried = self._first_route(facts, eligible)
        notes: list[str] = []
        chain: tuple[Deployment, ...] = route.selection.chain if route else ()
        why = _why(route, tried, facts)
        proposed = _take_proposal(facts, self._policy.overrides, route, eligible, notes)
        if proposed is not None:
            why = f"{proposed.id} was proposed by the caller and [overrides] allow it; without it: {why}"
            chain = (proposed, *(one for one in chain if one.id != proposed.id))
        if chain and chain[0].trial:
            notes.append(
                f"{chain[0].id} is a very small model for trying things out; for real work set a provider's key or "
                "start a local server (`smista-mcp models --all` says what is missing)"
            )
        effort = (route.rule.effort if route else None) or facts.effort
        choices = tuple(Choice(one.id, one.provider, one.model, one.local, effort) for one in chain)
        return Decision(
            decision_id=decision_id(self._policy.digest, self._digest, facts),
            outcome=_outcome(choices, route, tried),
            intent=facts.intent,
            chain=choices,
            rule=route.ref if route else None,
            why=why,
            candidates=candidates,
            context=facts.context,
            policy_digest=self._policy.digest,
            snapshot_taken_at=self._snapshot.taken_at,
            snapshot_digest=self._digest,
            estimate=_estimate(facts, chain[0], effort) if chain else None,
            permissions=self._policy.permissions,
            notes=tuple(notes),
        )

    def _first_route(self, facts: Facts, eligible: Mapping[str, Deployment]) -> tuple[_Route | None, tuple[str, ...]]:
        """The first rule, else default, that has an eligible target; and what was passed over on the way.

        A matching rule with `local_only` ends the search even with nothing to offer: it is returned with an empty
        chain, so that the step is refused and never falls through to a remote model.
        """
        tried: list[str] = []
        for rule in self._rules.matching(facts):
            selection = select(rule, facts, eligible)
            if selection.chain or rule.local_only:
                return _Route(rule, _rule_ref(rule), selection), tuple(tried)
            tried.append(f"rule {rule.name!r}: {_nothing_left(selection)}")
        for rule, ref in self._defaults:
            selection = select(rule, facts, eligible)
            if selection.chain:
                return _Route(rule, ref, selection), tuple(tried)
            tried.append(f"{ref.name}: {_nothing_left(selection)}")
        return None, tuple(tried)


def output_limit(requested: int | None, effort: Effort | None, deployment: Deployment, input_tokens: int) -> int:
    """Most output tokens for a call: what the caller asks, else `OUTPUT_LIMIT`, within the model's own limits."""
    limit = requested or OUTPUT_LIMIT[effort]
    if deployment.max_output_tokens is not None:
        limit = min(limit, deployment.max_output_tokens)
    return max(1, min(limit, (deployment.context_window or ASSUMED_WINDOW) - input_tokens))


def _as_rule(default: DefaultRoute) -> tuple[Rule, RuleRef]:
    """A default is a rule without conditions that is tried after all others."""
    name = f"default route of the {default.layer.label} policy"
    rule = Rule(
        name=name,
        layer=default.layer,
        order=0,
        match=Match(),
        target=Target(model=default.model),
        place=default.place,
        fallbacks=default.fallbacks,
        effort=default.effort,
    )
    return rule, RuleRef(name, default.layer, None, default.place)


def _rule_ref(rule: Rule) -> RuleRef:
    return RuleRef(rule.name, rule.layer, rule.priority, rule.place)


def _nothing_left(selection: Selection) -> str:
    return "; ".join(selection.passed_over) or "nothing eligible fits"


def _take_proposal(
    facts: Facts,
    overrides: Overrides,
    route: _Route | None,
    eligible: Mapping[str, Deployment],
    notes: list[str],
) -> Deployment | None:
    """The deployment that the caller proposes, if it may be had; else a note that says why not."""
    name = facts.proposed_model
    if name is None:
        return None
    reason = ""
    deployment = eligible.get(name)
    if not overrides.allow:
        reason = "the policy does not allow callers to propose a model"
    elif overrides.models is not None and name not in overrides.models:
        reason = f"[overrides] models allow only {', '.join(overrides.models) or 'none'}"
    elif deployment is None:
        reason = "it is not an eligible deployment"
    elif route is not None and route.rule.layer is Layer.ORGANISATION and not route.rule.overridable:
        reason = f"the organisation's rule {route.rule.name!r} decides"
    elif route is not None and (lacking := what_it_lacks(route.rule, facts, deployment)):
        reason = f"it {lacking}, which rule {route.rule.name!r} demands"
    else:
        return deployment
    notes.append(f"the proposed model {name} was not taken: {reason}")
    return None


def _outcome(choices: tuple[Choice, ...], route: _Route | None, tried: tuple[str, ...]) -> Outcome:
    if choices:
        return Outcome.ROUTED
    return Outcome.NO_ELIGIBLE_MODEL if route or tried else Outcome.NO_ROUTE


def _why(route: _Route | None, tried: tuple[str, ...], facts: Facts) -> str:
    if route is None:
        if not tried:
            return "no rule matches this step and no layer has a default route"
        return "nothing that the matching rules name may be used: " + " | ".join(tried)
    if not route.selection.chain:
        return (
            f"rule {route.rule.name!r} keeps this step on this machine, and no local target is eligible: "
            + _nothing_left(route.selection)
        )
    text = _chosen_by(route, facts)
    if route.selection.passed_over:
        text += f" ({'; '.join(route.selection.passed_over)})"
    if tried:
        text += f"; before it, {' | '.join(tried)}"
    return text


def _chosen_by(route: _Route, facts: Facts) -> str:
    target, chosen = route.rule.target, route.selection.chain[0]
    if target.pick is not None:
        floor = f" of quality {target.min_quality:g} or more for {facts.intent.value}" if target.min_quality else ""
        return f"{chosen.id} is the {target.pick.value} eligible model{floor}"
    if chosen.id == target.model:
        return f"{chosen.id} is what the rule names"
    return f"{chosen.id} is the first fallback that may be used"


def _estimate(facts: Facts, first: Deployment, effort: Effort | None) -> Estimate:
    output = output_limit(facts.max_output_tokens, effort, first, facts.input_tokens)
    if first.price is None:
        return Estimate(facts.input_tokens, output, None, None)
    least = first.price.input * facts.input_tokens / _PER_TOKEN
    most = least + first.price.output * output / _PER_TOKEN
    return Estimate(facts.input_tokens, output, least, most, first.price.currency)
