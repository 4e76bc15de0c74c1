"""One decision, laid out: which guardrails were met and why, which rules were tried in which order, what was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from smista_mcp.catalog.types import Catalog, Deployment, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import DefaultRoute, Layer, Match, Place, Policy, Rule, Target
from smista_mcp.routing.conditions import Conditions, Reading
from smista_mcp.routing.decide import decide
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.names import ModelNames
from smista_mcp.routing.route import nothing_left
from smista_mcp.routing.rules import rank
from smista_mcp.routing.selection import select


@dataclass(frozen=True, slots=True)
class Met:
    """A guardrail and whether the step meets it."""

    name: str
    layer: Layer
    place: Place
    why: str
    met: bool
    unmet: tuple[str, ...] = ()
    """The conditions that do not hold, where it is not met for that reason."""
    exempt: bool = False
    """Its conditions hold, and so does its ``unless``."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule or default, in the order in which they are tried, up to the one that decides."""

    name: str
    layer: Layer
    place: Place
    matched: bool
    unmet: tuple[str, ...] = ()
    """The conditions that do not hold."""
    decided: bool = False
    lacking: str = ""
    """Why it could not be served, where it matched and could not."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A decision and the way to it."""

    decision: Decision
    guardrails: tuple[Met, ...]
    tried: tuple[Tried, ...]
    untried: int
    """How many more rules and defaults there are after the one that decides."""


def trace(facts: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> Trace:
    """Decide, and lay out how it came about."""
    decision = decide(facts, policy, catalog, snapshot)
    tried: list[Tried] = []
    rows = in_order(policy)
    eligible = {one.deployment for one in decision.candidates if one.eligible}
    there: dict[str, Deployment] = {one.id: one for one in catalog.deployments if one.id in eligible}
    names = ModelNames(catalog, policy.groups)
    lifted = any(one.unlimited_cost and one.name in decision.guarantees for one in policy.guarantees)
    decided = False
    for rule, name in rows:
        unmet = unmet_conditions(rule.match, facts, Reading.RULE, protective=rule.local_only)
        if unmet:
            tried.append(Tried(name, rule.layer, rule.place, False, unmet))
            continue
        selection = select(rule, facts, there, names, cost_is_lifted=lifted)
        decided = bool(selection.chain) or rule.local_only
        lacking = "" if selection.chain else nothing_left(selection)
        tried.append(Tried(name, rule.layer, rule.place, True, (), decided, lacking))
        if decided:
            break
    return Trace(decision, tuple(_guardrails(policy, facts)), tuple(tried), len(rows) - len(tried))


def in_order(policy: Policy) -> list[tuple[Rule, str]]:
    """All rules and defaults with their names, in the order in which routing tries them."""
    rules = sorted(policy.rules, key=rank)
    defaults = [(_as_rule(one), f"default route of the {one.layer.label} policy") for one in policy.defaults]
    rows: list[tuple[Rule, str]] = []
    for built_in in (False, True):
        rows += [(one, one.name) for one in rules if (one.layer is Layer.BUILTIN) is built_in]
        rows += [row for row in defaults if (row[0].layer is Layer.BUILTIN) is built_in]
    return rows


def unmet_conditions(match: Match, facts: Facts, reading: Reading, *, protective: bool = False) -> tuple[str, ...]:
    """The conditions of `match` that do not hold for a step, as they would be written."""
    return tuple(
        f"{key} = {written(value)}"
        for key, value in stated(match)
        if not Conditions(Match(**{key: value}), reading, protective=protective).hold(facts)
    )


def stated(match: Match) -> Iterator[tuple[str, Any]]:
    """The conditions that `match` states, by key."""
    for one in fields(match):
        value = getattr(match, one.name)
        if value not in ((), None):
            yield one.name, value


def written(value: tuple[str, ...] | int) -> str:
    """A condition's value as it stands in a policy."""
    if isinstance(value, int):
        return str(value)
    quoted = [f'"{one}"' for one in value]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def _guardrails(policy: Policy, facts: Facts) -> Iterator[Met]:
    for one in policy.guardrails:
        unmet = unmet_conditions(one.match, facts, Reading.TAKE)
        exempt = not unmet and one.unless is not None and Conditions(one.unless, Reading.GRANT).hold(facts)
        yield Met(one.name, one.layer, one.place, one.why, not unmet and not exempt, unmet, exempt)


def _as_rule(default: DefaultRoute) -> Rule:
    return Rule(
        name="",
        layer=default.layer,
        order=0,
        match=Match(),
        target=Target(model=default.model),
        place=default.place,
        fallbacks=default.fallbacks,
        effort=default.effort,
    )
