"""What a rule's target comes to among the eligible deployments: an ordered chain, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from smista_mcp.catalog.types import Deployment
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Pick, Rule
from smista_mcp.routing.cost import over_ceiling
from smista_mcp.routing.guardrails import over_latency
from smista_mcp.routing.names import ModelNames

LONGEST_PICK: Final = 4
"""How many deployments a `pick` puts into the chain; what comes after rarely helps and always delays an error."""

TYPICAL_OUTPUT: Final = 1000
"""Tokens of answer assumed where prices are compared and the caller states no limit."""

_UNKNOWN_COST: Final = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Selection:
    """An ordered chain of deployments and, for those a rule names but may not use, why not."""

    chain: tuple[Deployment, ...]
    passed_over: tuple[str, ...] = ()


def _not_eligible(name: str) -> str:
    return f"{name} is not eligible"


def select(
    rule: Rule,
    facts: Facts,
    eligible: Mapping[str, Deployment],
    names: ModelNames,
    *,
    cost_is_lifted: bool,
    why_not: Callable[[str], str] = _not_eligible,
) -> Selection:
    """The deployments that `rule` wants and may have, best first; its fallbacks after its own choice.

    `why_not` says in words why a deployment that is not among `eligible` is not.
    """
    passed_over: list[str] = []
    chain: dict[str, Deployment] = {}

    def offer(wanted: Iterable[str]) -> None:
        for name in names.expand(wanted):
            deployment = eligible.get(name)
            if deployment is None:
                passed_over.append(why_not(name))
            elif lacking := what_it_lacks(rule, facts, deployment, cost_is_lifted=cost_is_lifted):
                passed_over.append(f"{name} {lacking}")
            else:
                chain.setdefault(name, deployment)

    if rule.target.model is not None:
        offer((rule.target.model,))
    elif rule.target.pick is not None:
        sources = names.expand(rule.target.sources) if rule.target.sources else eligible
        fitting = [
            eligible[name]
            for name in sources
            if name in eligible and not what_it_lacks(rule, facts, eligible[name], cost_is_lifted=cost_is_lifted)
        ]
        # A model for trying things out is picked only where there is no other, and stands in for none that failed.
        real = [deployment for deployment in fitting if not deployment.trial] or fitting
        best_first = sorted(real, key=_ORDERS[rule.target.pick](facts))
        chain.update((deployment.id, deployment) for deployment in best_first[:LONGEST_PICK])
    offer(rule.fallbacks)
    return Selection(tuple(chain.values()), tuple(passed_over))


def what_it_lacks(rule: Rule, facts: Facts, deployment: Deployment, *, cost_is_lifted: bool) -> str:
    """What `rule` demands of a target that `deployment` does not have, in words; empty where nothing is lacking."""
    if rule.local_only and not deployment.local:
        return "is not local"
    missing = [wanted for wanted in rule.requires if wanted not in deployment.capabilities]
    if missing:
        return f"does not offer {', '.join(missing)}"
    floor = rule.target.floor_for(facts.intent.value)
    if floor is not None:
        quality = deployment.quality_for(facts.intent.value)
        if quality is None:
            return "has no known quality"
        if quality < floor:
            return f"has quality {quality:g}, below {floor:g}"
    if rule.max_latency_ms is not None and (slow := over_latency(deployment, rule.max_latency_ms)):
        return f"is too slow: {slow}"
    if rule.max_cost is not None and not cost_is_lifted:
        dear = over_ceiling(deployment, facts, rule.max_cost)
        if dear:
            return f"is too dear: {dear}"
    return ""


def expected_cost(deployment: Deployment, facts: Facts) -> Decimal:
    """What the step's input and a typical answer cost, in millionths of the price's currency, for comparing only;
    infinite where the price is not known."""
    if deployment.price is None:
        return _UNKNOWN_COST
    output = facts.max_output_tokens or TYPICAL_OUTPUT
    rates = deployment.price.for_input(facts.input_tokens)
    return rates.input * facts.input_tokens + rates.output * output


_Order = Callable[[Deployment], tuple[object, ...]]


def _cheapest(facts: Facts) -> _Order:
    intent = facts.intent.value
    return lambda one: (expected_cost(one, facts), -(one.quality_for(intent) or 0.0), one.id)


def _best(facts: Facts) -> _Order:
    intent = facts.intent.value
    return lambda one: (-(one.quality_for(intent) or 0.0), expected_cost(one, facts), one.id)


def _fastest(facts: Facts) -> _Order:
    intent = facts.intent.value
    return lambda one: (-(one.speed or 0.0), -(one.quality_for(intent) or 0.0), one.id)


_ORDERS: Final[Mapping[Pick, Callable[[Facts], _Order]]] = {
    Pick.CHEAPEST: _cheapest,
    Pick.BEST: _best,
    Pick.FASTEST: _fastest,
}
