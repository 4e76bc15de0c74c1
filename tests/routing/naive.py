"""The decision once more, written only to be read: no index, no caching, one sentence of the design after another."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace
from decimal import Decimal

from pathspec import GitIgnoreSpec

from smista_mcp.catalog.types import Catalog, Deployment, Price, Scope, Snapshot
from smista_mcp.facts.types import UNKNOWN_REPO, Facts
from smista_mcp.policy.types import (
    DefaultRoute,
    Demands,
    Guardrail,
    Layer,
    Match,
    Money,
    Permission,
    Pick,
    Place,
    Policy,
    Rule,
    Target,
    Then,
    Tool,
)

_ANY_RULE = Rule("", Layer.USER, 0, Match(), Target(model=""), Place(""))


@dataclass
class Naive:
    """What the naive evaluator says of a step."""

    eligible: list[str]
    chain: list[str]
    rule: str | None
    """Name of the rule, ``default:LAYER`` for a default."""
    permissions: dict[Tool, Permission]


def naive_decide(facts: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> Naive:
    unlimited = any(granted(guarantee.match, facts) for guarantee in policy.guarantees)
    met = [guardrail for guardrail in policy.guardrails if guardrail_applies(guardrail, facts)]
    eligible = [
        one
        for one in catalog.deployments
        if usable(one, facts, policy, snapshot)
        and all(satisfies(one, guardrail, facts, policy, unlimited) for guardrail in met)
    ]
    rule, chain = first_route(facts, policy, eligible, unlimited)
    chain = with_proposal(chain, rule, facts, policy, eligible, unlimited)
    if not unlimited:
        chain = within_budgets(chain, rule, facts, policy, eligible, snapshot)
    permissions = dict(policy.permissions)
    for stated in [guardrail.require.tools for guardrail in met] + ([rule.tools] if rule else []):
        for tool, permission in stated.items():
            permissions[tool] = max(permissions.get(tool, permission), permission, key=list(Permission).index)
    return Naive([one.id for one in eligible], [one.id for one in chain], rule.name if rule else None, permissions)


def usable(one: Deployment, facts: Facts, policy: Policy, snapshot: Snapshot) -> bool:
    restricted = any(not path.canonical or caught(policy.restricted_paths, path.names, True) for path in facts.paths)
    fits = facts.input_tokens + (facts.max_output_tokens or 512) <= (one.context_window or 8192)
    return one.id not in snapshot.unavailable and fits and (one.local or not restricted)


def guardrail_applies(guardrail: Guardrail, facts: Facts) -> bool:
    exempt = guardrail.unless is not None and granted(guardrail.unless, facts)
    return taken(guardrail.match, facts) and not exempt


def satisfies(one: Deployment, guardrail: Guardrail, facts: Facts, policy: Policy, unlimited: bool) -> bool:
    return meets(one, guardrail.require, facts, policy, unlimited) and not offends(one, guardrail.forbid, policy)


def meets(one: Deployment, demands: Demands, facts: Facts, policy: Policy, unlimited: bool) -> bool:
    if demands.local and not one.local:
        return False
    if demands.regions and not one.local:
        if one.serving_scope is Scope.GLOBAL or not one.processing_countries or one.storage_countries is None:
            return False
        for country in one.processing_countries | one.storage_countries:
            if not in_region(country, demands.regions, policy):
                return False
    if demands.vendors and one.vendor not in demands.vendors and not (one.local and "local" in demands.vendors):
        return False
    if demands.models and not any(named(one, name, policy) for name in demands.models):
        return False
    if demands.zero_retention and not (one.local or one.zero_retention):
        return False
    if any(wanted not in one.certifications for wanted in demands.certifications):
        return False
    if demands.max_latency_ms is not None and (one.latency_ms is None or one.latency_ms > demands.max_latency_ms):
        return False
    return unlimited or demands.max_cost is None or affordable(one, facts, demands.max_cost)


def offends(one: Deployment, demands: Demands, policy: Policy) -> bool:
    if demands.local is not None and one.local == demands.local:
        return True
    if demands.regions and not one.local:
        if one.serving_scope is Scope.GLOBAL or not one.processing_countries or one.storage_countries is None:
            return True
        if any(
            in_region(country, demands.regions, policy) for country in one.processing_countries | one.storage_countries
        ):
            return True
    if demands.vendors and (one.vendor in demands.vendors or (one.vendor is None and not one.local)):
        return True
    known_as = [one]
    if one.vendor is not None:
        known_as.append(replace(one, id=f"{one.vendor}/{one.model}", provider=one.vendor))
    return any(named(other, name, policy) for name in demands.models for other in known_as)


def in_region(country: str, regions: tuple[str, ...], policy: Policy) -> bool:
    return any(country in policy.regions.get(name, {name}) for name in regions)


def named(one: Deployment, name: str, policy: Policy) -> bool:
    members = policy.groups[name].models if name in policy.groups else (name,)
    return any(one.id == member or ("*" in member and one.id.startswith(member.rstrip("*"))) for member in members)


def affordable(one: Deployment, facts: Facts, ceiling: Money) -> bool:
    if one.price is None:
        return False
    if one.price.input == 0 and one.price.output == 0:
        return True
    output = facts.max_output_tokens or 16_384
    if one.max_output_tokens:
        output = min(output, one.max_output_tokens)
    output = max(1, min(output, (one.context_window or 8192) - facts.input_tokens))
    into, out = rates(one.price, facts)
    most = (into * facts.input_tokens + out * output) / 1_000_000
    return one.price.currency == ceiling.currency and most <= ceiling.amount


def rates(price: Price, facts: Facts) -> tuple[Decimal, Decimal]:
    """What a million tokens cost in a call of the step's size."""
    into, out = price.input, price.output
    for step in price.steps:
        if facts.input_tokens > step.above:
            into, out = step.input, step.output
    return into, out


def matched(rule: Rule, facts: Facts) -> bool:
    """A rule: whatever anybody says counts, what is unknown does not."""
    match, known = rule.match, facts.attributes
    if match.intent and facts.intent.value not in match.intent:
        return False
    if match.paths and not any(
        caught(match.paths, path.names, rule.local_only) if path.canonical else rule.local_only for path in facts.paths
    ):
        return False
    return plain_conditions(match, facts) and all(
        not wanted or set(wanted) & values.all
        for wanted, values in ((match.tier, known.tier), (match.team, known.team))
    )


def taken(match: Match, facts: Facts) -> bool:
    """A guardrail: whatever anybody says counts, and what is unknown (not bound) counts too."""
    known = facts.attributes
    if match.repo and UNKNOWN_REPO in known.repo.all:
        match = replace(match, repo=())
    if match.intent and not set(match.intent) & {facts.intent.value, *facts.suspected_intents}:
        return False
    if match.paths and not any(not path.canonical or caught(match.paths, path.names, True) for path in facts.paths):
        return False
    return plain_conditions(match, facts) and all(
        not wanted or not values.bound or set(wanted) & values.all
        for wanted, values in ((match.tier, known.tier), (match.team, known.team))
    )


def plain_conditions(match: Match, facts: Facts) -> bool:
    known = facts.attributes
    if match.skill and facts.skill not in match.skill:
        return False
    for wanted, values in ((match.labels, known.labels), (match.data, known.data), (match.languages, known.languages)):
        if wanted and not set(wanted) & values.all:
            return False
    if match.repo and not any(is_repo(repo, match.repo) for repo in known.repo.all):
        return False
    return in_size(match, facts)


def granted(match: Match, facts: Facts) -> bool:
    """A guarantee or exemption: only what is bound counts, and nothing that the caller controls is."""
    known = facts.attributes
    if match.intent or match.skill or match.paths or match.languages:
        return False
    if match.min_tokens is not None or match.max_tokens is not None:
        return False
    pairs = ((match.labels, known.labels), (match.data, known.data), (match.tier, known.tier), (match.team, known.team))
    for wanted, values in pairs:
        if wanted and not set(wanted) & values.bound:
            return False
    return not match.repo or any(is_repo(repo, match.repo) for repo in known.repo.bound)


def in_size(match: Match, facts: Facts) -> bool:
    if match.min_tokens is not None and facts.input_tokens < match.min_tokens:
        return False
    return match.max_tokens is None or facts.input_tokens <= match.max_tokens


def is_repo(repo: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(repo, pattern.casefold()) for pattern in patterns)


def caught(patterns: tuple[str, ...], names: tuple[str, ...], fold: bool) -> bool:
    every = [*patterns, *(pattern.casefold() for pattern in patterns)] if fold else [*patterns]
    return any(GitIgnoreSpec.from_lines([pattern]).match_file(name) for pattern in every for name in names)


def first_route(
    facts: Facts, policy: Policy, eligible: list[Deployment], unlimited: bool
) -> tuple[Rule | None, list[Deployment]]:
    rules = sorted(policy.rules, key=order_of)
    written = [rule for rule in rules if rule.layer is not Layer.BUILTIN]
    built_in = [rule for rule in rules if rule.layer is Layer.BUILTIN]
    defaults = [as_rule(default) for default in sorted(policy.defaults, key=lambda one: one.layer)]
    stated = [default for default in defaults if default.layer is not Layer.BUILTIN]
    last = [default for default in defaults if default.layer is Layer.BUILTIN]
    for rule in [*written, *stated, *built_in, *last]:
        if matched(rule, facts):
            chain = targets(rule, facts, policy, eligible, unlimited)
            if chain or rule.local_only:
                return rule, chain
    return None, []


def as_rule(default: DefaultRoute) -> Rule:
    return Rule(
        name=f"default:{default.layer.label}",
        layer=default.layer,
        order=0,
        match=Match(),
        target=Target(model=default.model),
        place=Place(""),
        fallbacks=default.fallbacks,
    )


def order_of(rule: Rule) -> tuple[float, int, int, int]:
    if rule.layer is Layer.ORGANISATION:
        layer = 1.5 if rule.overridable else 0.0
    else:
        layer = {Layer.WORKSPACE: 1.0, Layer.USER: 2.0, Layer.BUILTIN: 3.0}[rule.layer]
    m = rule.match
    stated = [m.intent, m.skill, m.paths, m.labels, m.data, m.tier, m.tenant, m.team, m.workload, m.repo, m.languages]
    kinds = len([one for one in stated if one]) + (m.min_tokens is not None) + (m.max_tokens is not None)
    return layer, rule.priority, -kinds, rule.order


def serves(rule: Rule, facts: Facts, one: Deployment, unlimited: bool) -> bool:
    if rule.local_only and not one.local:
        return False
    if any(wanted not in one.capabilities for wanted in rule.requires):
        return False
    if rule.max_latency_ms is not None and (one.latency_ms is None or one.latency_ms > rule.max_latency_ms):
        return False
    if rule.max_cost is not None and not unlimited and not affordable(one, facts, rule.max_cost):
        return False
    quality = one.quality_for(facts.intent.value)
    floors = rule.target.min_quality_by_intent
    floor = floors.get(facts.intent.value, rule.target.min_quality)
    return floor is None or (quality is not None and quality >= floor)


def targets(rule: Rule, facts: Facts, policy: Policy, eligible: list[Deployment], unlimited: bool) -> list[Deployment]:
    serving = [one for one in eligible if serves(rule, facts, one, unlimited)]
    chain: list[Deployment] = []

    def add(names: tuple[str, ...]) -> None:
        for name in names:
            members = policy.groups[name].models if name in policy.groups else (name,)
            for member in members:
                chain.extend(one for one in serving if one.id == member and one not in chain)

    if rule.target.model is not None:
        add((rule.target.model,))
    if rule.target.pick is not None:
        sources = rule.target.sources
        among = [one for one in serving if not sources or any(named(one, name, policy) for name in sources)]
        among = [one for one in among if not one.trial] or among
        for _ in range(4):
            rest = [one for one in among if one not in chain]
            if rest:
                chain.append(pick_one(rule.target.pick, facts, rest))
    add(rule.fallbacks)
    return chain


def pick_one(how: Pick, facts: Facts, among: list[Deployment]) -> Deployment:
    def quality(one: Deployment) -> float:
        return one.quality_for(facts.intent.value) or 0.0

    best = min(among, key=lambda one: one.id)
    for one in sorted(among, key=lambda one: one.id):
        if how is Pick.CHEAPEST:
            better = (cost(one, facts), -quality(one)) < (cost(best, facts), -quality(best))
        elif how is Pick.BEST:
            better = (-quality(one), cost(one, facts)) < (-quality(best), cost(best, facts))
        else:
            better = (-(one.speed or 0), -quality(one)) < (-(best.speed or 0), -quality(best))
        if better:
            best = one
    return best


def cost(one: Deployment, facts: Facts) -> Decimal:
    if one.price is None:
        return Decimal("Infinity")
    into, out = rates(one.price, facts)
    return into * facts.input_tokens + out * (facts.max_output_tokens or 1000)


def with_proposal(
    chain: list[Deployment],
    rule: Rule | None,
    facts: Facts,
    policy: Policy,
    eligible: list[Deployment],
    unlimited: bool,
) -> list[Deployment]:
    wanted = [one for one in eligible if one.id == facts.proposed_model]
    if not wanted or not policy.overrides.allow:
        return chain
    if policy.overrides.models is not None and wanted[0].id not in policy.overrides.models:
        return chain
    if rule is not None:
        if rule.layer is Layer.ORGANISATION and not rule.overridable:
            return chain
        if not serves(rule, facts, wanted[0], unlimited):
            return chain
    return [wanted[0], *(one for one in chain if one != wanted[0])]


def within_budgets(
    chain: list[Deployment],
    rule: Rule | None,
    facts: Facts,
    policy: Policy,
    eligible: list[Deployment],
    snapshot: Snapshot,
) -> list[Deployment]:
    left = []
    for budget in policy.budgets:
        if matched(replace(_ANY_RULE, match=budget.match), facts):
            standing = snapshot.budgets.get(budget.name)
            gone = standing.settled + standing.held if standing else Decimal(0)
            left.append((budget, Money(max(Decimal(0), budget.limit.amount - gone), budget.limit.currency)))

    def fits(one: Deployment) -> bool:
        return all(affordable(one, facts, ceiling) for _, ceiling in left)

    if not chain or not left:
        return chain
    if fits(chain[0]):
        return [one for one in chain if fits(one)]
    broken = [budget for budget, ceiling in left if not affordable(chain[0], facts, ceiling)]
    if any(budget.then is not Then.SPILL for budget in broken):
        return []
    if rule is not None:
        relaxed = replace(rule, target=replace(rule.target, min_quality=None, min_quality_by_intent={}))
        eligible = [one for one in eligible if serves(relaxed, facts, one, False)]
    return sorted((one for one in eligible if fits(one)), key=lambda one: (one.trial, cost(one, facts), one.id))[:4]
