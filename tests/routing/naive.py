"""The decision once more, written only to be read: no index, no caching, one sentence of the design after another."""

from __future__ import annotations

from decimal import Decimal

from pathspec import GitIgnoreSpec

from smista_mcp.catalog.types import Catalog, Deployment, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Layer, Match, Pick, Policy, Rule, Target

Routed = tuple[list[str], list[str], str | None]
"""Ids of the eligible, ids of the chain, name of the rule (``default:LAYER`` for a default)."""

_NO_MATCH = Match()
_NO_TARGET = Target(model="")


def naive_decide(facts: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> Routed:
    restricted = any(not path.canonical or _caught(policy.restricted_paths, path.names) for path in facts.paths)
    eligible = [one for one in catalog.deployments if _may_have_it(one, facts, snapshot, restricted)]
    for rule in sorted(policy.rules, key=_order):
        if not _applies(rule, facts):
            continue
        chain = _targets(rule, facts, eligible)
        if chain or rule.local_only:
            chain = _with_proposal(chain, rule, facts, policy, eligible)
            return _ids(eligible), _ids(chain), rule.name
    for default in sorted(policy.defaults, key=lambda one: one.layer):
        wanted = [default.model, *default.fallbacks]
        chain = [one for name in dict.fromkeys(wanted) for one in eligible if one.id == name]
        if chain:
            stand_in = Rule("", default.layer, 0, _NO_MATCH, _NO_TARGET, default.place)
            return (
                _ids(eligible),
                _ids(_with_proposal(chain, stand_in, facts, policy, eligible)),
                f"default:{default.layer.label}",
            )
    return _ids(eligible), _ids(_with_proposal([], None, facts, policy, eligible)), None


def _may_have_it(one: Deployment, facts: Facts, snapshot: Snapshot, restricted: bool) -> bool:
    fits = facts.input_tokens + (facts.max_output_tokens or 512) <= (one.context_window or 8192)
    return one.id not in snapshot.unavailable and fits and (one.local or not restricted)


def _order(rule: Rule) -> tuple[float, int, int, int]:
    if rule.layer is Layer.ORGANISATION:
        layer = 1.5 if rule.overridable else 0.0
    else:
        layer = {Layer.WORKSPACE: 1.0, Layer.USER: 2.0, Layer.BUILTIN: 3.0}[rule.layer]
    stated = [rule.match.intent, rule.match.skill, rule.match.paths, rule.match.labels]
    return layer, rule.priority, -len([one for one in stated if one]), rule.order


def _applies(rule: Rule, facts: Facts) -> bool:
    match = rule.match
    if match.intent and facts.intent.value not in match.intent:
        return False
    if match.skill and facts.skill not in match.skill:
        return False
    if match.labels and not any(label in match.labels for label in facts.attributes.labels.all):
        return False
    if match.paths:
        return any(_caught(match.paths, path.names) if path.canonical else rule.local_only for path in facts.paths)
    return True


def _caught(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(GitIgnoreSpec.from_lines([pattern]).match_file(name) for pattern in patterns for name in names)


def _serves(rule: Rule, facts: Facts, one: Deployment) -> bool:
    if rule.local_only and not one.local:
        return False
    if any(wanted not in one.capabilities for wanted in rule.requires):
        return False
    quality = one.quality_for(facts.intent.value)
    return rule.target.min_quality is None or (quality is not None and quality >= rule.target.min_quality)


def _targets(rule: Rule, facts: Facts, eligible: list[Deployment]) -> list[Deployment]:
    serving = {one.id: one for one in eligible if _serves(rule, facts, one)}
    chain: list[Deployment] = []
    if rule.target.model in serving:
        chain.append(serving[rule.target.model])
    if rule.target.pick is not None:
        sources = rule.target.sources
        among = [one for one in serving.values() if not sources or one.id in sources or one.provider + "/*" in sources]
        for _ in range(4):
            rest = [one for one in among if one not in chain]
            if rest:
                chain.append(_pick_one(rule.target.pick, facts, rest))
    chain += [serving[name] for name in dict.fromkeys(rule.fallbacks) if name in serving and serving[name] not in chain]
    return chain


def _pick_one(how: Pick, facts: Facts, among: list[Deployment]) -> Deployment:
    def quality(one: Deployment) -> float:
        return one.quality_for(facts.intent.value) or 0.0

    def cost(one: Deployment) -> Decimal:
        if one.price is None:
            return Decimal("Infinity")
        return one.price.input * facts.input_tokens + one.price.output * (facts.max_output_tokens or 1000)

    best = min(among, key=lambda one: one.id)
    for one in sorted(among, key=lambda one: one.id):
        if how is Pick.CHEAPEST:
            better = (cost(one), -quality(one)) < (cost(best), -quality(best))
        elif how is Pick.BEST:
            better = (-quality(one), cost(one)) < (-quality(best), cost(best))
        else:
            better = (-(one.speed or 0), -quality(one)) < (-(best.speed or 0), -quality(best))
        if better:
            best = one
    return best


def _with_proposal(
    chain: list[Deployment], rule: Rule | None, facts: Facts, policy: Policy, eligible: list[Deployment]
) -> list[Deployment]:
    wanted = [one for one in eligible if one.id == facts.proposed_model]
    if not wanted or not policy.overrides.allow:
        return chain
    if policy.overrides.models is not None and wanted[0].id not in policy.overrides.models:
        return chain
    if rule is not None:
        if rule.layer is Layer.ORGANISATION and not rule.overridable:
            return chain
        if not _serves(rule, facts, wanted[0]):
            return chain
    return [wanted[0], *(one for one in chain if one != wanted[0])]


def _ids(deployments: list[Deployment]) -> list[str]:
    return [one.id for one in deployments]
