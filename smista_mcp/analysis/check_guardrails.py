"""Guardrails that together leave nothing: a step is made up for each way in which they can meet, and decided."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from smista_mcp.analysis.ground import Ground, called, is_detecting
from smista_mcp.analysis.steps import NOBODY, SINGLE, describe, witness
from smista_mcp.facts.types import Facts
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.types import Guardrail
from smista_mcp.routing.decision import Decision


def leaving_nothing(ground: Ground) -> Iterator[Finding]:
    """Guardrails under which some step has no candidate left. Each smallest set of them is reported once."""
    written = tuple(ground.guardrails())
    if not written:
        return
    reported: list[frozenset[str]] = []
    for step in _steps(written, ground):
        decision = ground.decide(step)
        if decision is None:
            return
        if any(one.eligible for one in decision.candidates):
            continue
        if any(names <= set(decision.guardrails) for names in reported):
            continue
        blamed = _blamed(step, decision, ground)
        if not blamed or all(map(is_detecting, blamed)):
            continue
        reported.append(frozenset(_ref(one) for one in blamed))
        yield _finding(step, blamed)


def _steps(written: tuple[Guardrail, ...], ground: Ground) -> Iterator[Facts]:
    made: list[Facts | None] = [witness(intent=intent) for intent in ground.intents]
    for one in written:
        made += [witness(one.match, intent=intent) for intent in one.match.intent or ("chat",)]
    intents = sorted({intent for one in written for intent in one.match.intent})
    for one in written:
        if not one.match.intent:
            made += [witness(one.match, intent=intent) for intent in intents]
    made.append(witness(singles_known=False))
    made += [witness(one.match, singles_known=False) for one in written]
    yield from dict.fromkeys(step for step in made if step is not None)
    for one, other in combinations(written, 2):
        if not ground.compare():
            return
        step = witness(one.match, other.match)
        if step is not None:
            yield step


def _blamed(step: Facts, decision: Decision, ground: Ground) -> tuple[Guardrail, ...]:
    """The fewest of the guardrails met that leave nothing by themselves; none where it is not they."""
    met = list(ground.met(decision))
    if not _leaves_nothing(step, tuple(met), ground) or _leaves_nothing(step, (), ground):
        return ()
    for one in tuple(met):
        rest = tuple(other for other in met if other is not one)
        if _leaves_nothing(step, rest, ground):
            met = list(rest)
    return tuple(met)


def _leaves_nothing(step: Facts, guardrails: tuple[Guardrail, ...], ground: Ground) -> bool:
    decision = ground.decide_with(step, ground.with_guardrails(*guardrails))
    return decision is not None and not any(one.eligible for one in decision.candidates)


def _ref(one: Guardrail) -> str:
    return f"{one.layer.label}:{one.name}"


def _finding(step: Facts, blamed: tuple[Guardrail, ...]) -> Finding:
    last = max(blamed, key=lambda one: (one.layer, one.order))
    others = [one for one in blamed if one is not last]
    together = f" together with {' and '.join(map(called, others))}" if others else ""
    message = f"This guardrail{together} leaves no model for a step with {describe(step)}{_unknown(step, blamed)}."
    fix = "Loosen one of them, or make them match different steps; keep it if such steps are to be refused."
    return Finding("nothing_left", Severity.WARNING, last.place, message, fix)


def _unknown(step: Facts, blamed: tuple[Guardrail, ...]) -> str:
    """What is not known of the step and therefore met by guardrails that ask for it."""
    asked = {name for one in blamed for name in SINGLE if getattr(one.match, name)}
    missing = [name for name in SINGLE if name in asked and not getattr(step.attributes, name).bound - {NOBODY}]
    return f" of which the {' and '.join(missing)} is not known" if missing else ""
