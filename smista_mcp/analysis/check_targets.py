"""Models and groups that are named in vain, and demands that nothing meets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from smista_mcp.analysis.ground import Ground
from smista_mcp.analysis.steps import witness
from smista_mcp.catalog.types import CAPABILITIES, Deployment, Dialect, Endpoint, Price
from smista_mcp.facts.types import Facts, Intent, IntentSource
from smista_mcp.policy.findings import Finding, Severity, listed, shown
from smista_mcp.policy.known import LOCAL_SERVERS
from smista_mcp.policy.types import Demands, Guardrail, Match, Place, Policy, Rule
from smista_mcp.routing.cost import over_ceiling
from smista_mcp.routing.decision import ReasonCode
from smista_mcp.routing.guardrails import over_latency
from smista_mcp.routing.selection import what_it_lacks

_FREE: Final = Price(Decimal(0), Decimal(0))

_LOCAL: Final = Deployment(
    id="a local server's model",
    provider="local",
    model="any",
    dialect=Dialect.OPENAI_CHAT,
    endpoint=Endpoint(""),
    local=True,
    price=_FREE,
    capabilities=frozenset(CAPABILITIES),
    quality={"default": 100.0},
)
"""What somebody's own server may well have, though the catalog cannot know: free, able and good; its latency is not
known, since no server tells."""


def dead_references(ground: Ground) -> Iterator[Finding]:
    """Names that stand for nothing, or for what is switched off; groups that nobody uses."""
    used: set[str] = set()
    for names, place, what in _references(ground.policy, ground):
        for name in names:
            used.add(name)
            finding = _dead(name, place, what, ground)
            if finding is not None:
                yield finding
    for group in ground.policy.groups.values():
        if group.layer in ground.written and group.name not in used and group.place is not None:
            message = f"Nothing names the group {shown(group.name)}."
            yield Finding("unused_group", Severity.INFO, group.place, message, "Remove it, or name it in a rule.")


def _references(policy: Policy, ground: Ground) -> Iterator[tuple[tuple[str, ...], Place, str]]:
    for rule in ground.rules():
        named = (rule.target.model,) if rule.target.model else rule.target.sources
        yield (*named, *rule.fallbacks), rule.place, "The rule"
    for default in policy.defaults:
        if default.layer in ground.written:
            yield (default.model, *default.fallbacks), default.place, "The default route"
    for guardrail in ground.guardrails():
        yield guardrail.require.models, guardrail.place, "The guardrail"
        yield guardrail.forbid.models, guardrail.place, "The guardrail, which forbids it,"
    yield policy.overrides.models or (), Place(""), "[overrides]"


def _dead(name: str, place: Place, what: str, ground: Ground) -> Finding | None:
    if not place.file:
        return None
    provider = name.partition("/")[0]
    settings = ground.policy.providers.get(provider)
    if settings is not None and not settings.enabled:
        message = f"{what} names {shown(name)}, and the provider is switched off ({settings.place})."
        return Finding("dead_reference", Severity.WARNING, place, message, "Switch it on, or name another model.")
    if any(ground.catalog.get(one) is not None for one in ground.names.expand((name,))):
        return None
    if provider in LOCAL_SERVERS or (settings is not None and name.endswith("*")):
        return None  # what such a server has, only it knows
    message = f"{what} names {shown(name)}, which stands for no model that is known."
    fix = 'Check the spelling; a model of your own is declared by [models."provider/model"].'
    return Finding("dead_reference", Severity.WARNING, place, message, fix)


def unmet_by_any(ground: Ground) -> Iterator[Finding]:
    """Rules whose every target lacks what they demand, and guardrails with ceilings that no model stays under."""
    for rule in ground.rules():
        finding = _unserved(rule, ground)
        if finding is not None:
            yield finding
    for guardrail in ground.guardrails():
        taken = _taken(guardrail, ground)
        yield from _ceilings(guardrail, taken, ground)
        finding = _only_local(guardrail, taken, ground)
        if finding is not None:
            yield finding


def _unserved(rule: Rule, ground: Ground) -> Finding | None:
    targets = list(_targets(rule, ground))
    if not targets:
        return None  # named in vain: that is said already
    steps = [_least(rule.match, intent) for intent in rule.match.intent or ground.intents]
    if _some_fits(rule, targets, steps):
        return None
    unbounded = replace(rule, max_cost=None, max_latency_ms=None)
    example = what_it_lacks(rule, steps[0], targets[0], cost_is_lifted=False)
    if _some_fits(unbounded, targets, steps):
        keys = [key for key in ("max_cost", "max_latency_ms") if getattr(rule, key) is not None]
        message = f"No model that this rule may choose stays under its {listed(keys)}: {targets[0].id} {example}."
        fix = "Raise it, or choose among other models."
        if rule.max_latency_ms is not None:
            fix += ' What a model typically takes is stated as latency_ms in [models."provider/model"].'
        return Finding("ceiling_unmet", Severity.WARNING, rule.place, message, fix)
    message = f"No model that this rule may choose has what it demands: {targets[0].id} {example}."
    return Finding("never_served", Severity.WARNING, rule.place, message, "Demand less, or choose among other models.")


def _some_fits(rule: Rule, targets: Iterable[Deployment], steps: list[Facts]) -> bool:
    return any(not what_it_lacks(rule, step, one, cost_is_lifted=False) for one in targets for step in steps)


def _targets(rule: Rule, ground: Ground) -> Iterator[Deployment]:
    named = (rule.target.model,) if rule.target.model else rule.target.sources
    everything = not named
    if everything:
        yield from ground.catalog.deployments
    for name in ground.names.expand((*named, *rule.fallbacks)):
        found = ground.catalog.get(name)
        if found is not None:
            yield found
    if everything or any(one.endswith("*") and one.partition("/")[0] in LOCAL_SERVERS for one in named):
        yield _LOCAL


def _ceilings(guardrail: Guardrail, taken: frozenset[str], ground: Ground) -> Iterator[Finding]:
    """A ceiling that is met by nothing, or by nothing but what runs on one's own machine."""
    demands = guardrail.require
    step = _least(guardrail.match, "chat")
    allowed = [one for one in ground.catalog.deployments if one.id not in taken]
    if demands.max_latency_ms is not None and all(over_latency(one, demands.max_latency_ms) for one in allowed):
        message = f"No model that is known stays under max_latency_ms = {demands.max_latency_ms}, so this refuses all."
        fix = 'Raise it, or state what models take as latency_ms in [models."provider/model"].'
        yield Finding("ceiling_unmet", Severity.WARNING, guardrail.place, message, fix)
    remote = [one for one in allowed if not one.local]
    if demands.max_cost is not None and remote and all(over_ceiling(one, step, demands.max_cost) for one in remote):
        message = (
            f"No remote model that is known stays under max_cost = {demands.max_cost}, even for one token of answer: "
            "only what runs on this machine is left."
        )
        fix = "Raise it, or require `local` if that is meant."
        yield Finding("ceiling_unmet", Severity.WARNING, guardrail.place, message, fix)


def _only_local(guardrail: Guardrail, taken: frozenset[str], ground: Ground) -> Finding | None:
    """A guardrail that no remote model is known to satisfy, though it does not say so."""
    demands = guardrail.require
    asked = [key for key in ("regions", "zero_retention", "certifications", "vendors") if getattr(demands, key)]
    remote = [one for one in ground.catalog.deployments if not one.local]
    if not asked or demands.local or not remote or guardrail.forbid != Demands():
        return None
    if any(one.id not in taken for one in remote):
        return None
    message = f"No remote model is known to satisfy {listed(asked)}: under this guardrail only this machine is left."
    fix = "State the facts of your deployments in [providers.<id>] or [models.<id>], with the evidence."
    return Finding("only_local_left", Severity.INFO, guardrail.place, message, fix)


def _taken(guardrail: Guardrail, ground: Ground) -> frozenset[str]:
    """What it takes away from any step, its ceilings aside."""
    require = replace(guardrail.require, max_cost=None, max_latency_ms=None)
    alone = replace(guardrail, match=Match(), unless=None, require=require)
    decision = ground.decide_with(_least(Match(), "chat"), ground.with_guardrails(alone))
    candidates = decision.candidates if decision is not None else ()
    return frozenset(
        one.deployment for one in candidates if any(reason.code is ReasonCode.GUARDRAIL for reason in one.reasons)
    )


def _least(match: Match, intent: str) -> Facts:
    """The smallest step that matches: what it costs is the least that any step costs."""
    found = witness(match, intent=intent) or Facts(Intent(intent, IntentSource.CALLER, 1.0))
    stated = replace(found.intent, value=intent)
    return replace(found, intent=stated, input_tokens=match.min_tokens or 0, max_output_tokens=1)
