"""Rules that come too late, rules between which only chance decides, and rules that are taken for guardrails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from smista_mcp.analysis.ground import Ground, called, decides, went_to
from smista_mcp.analysis.implication import covers, paths_cover
from smista_mcp.analysis.steps import describe, witness
from smista_mcp.facts.types import Facts
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.types import Layer, Match, Rule
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.rules import rank

_MOST_COMPARED: Final = 50
"""Rules of one rank that each rule is compared with for ties."""

_INTENTS_TRIED: Final = 4


def shadowed(ground: Ground) -> Iterator[Finding]:
    """Rules of which every step is taken by others before them, each with a step that shows it."""
    index = _Index()
    for rule in sorted(ground.policy.rules, key=rank):
        if rule.layer in ground.written and (found := _shadow(rule, index, ground)):
            yield found
        index.add(rule)


class _Index:
    """Rules that come earlier, filed under one of their intents or skills, so that few have to be compared."""

    def __init__(self) -> None:
        self._filed: defaultdict[tuple[str, str], list[Rule]] = defaultdict(list)

    def add(self, rule: Rule) -> None:
        """File a rule."""
        match = rule.match
        kind, values = ("skill", match.skill) if match.skill else ("intent", match.intent)
        for value in values or ("",):
            self._filed[(kind if values else "", value)].append(rule)

    def candidates(self, match: Match) -> Iterator[Rule]:
        """Those that could cover `match`, which has one intent at most."""
        yield from self._filed.get(("", ""), ())
        for intent in match.intent[:1]:
            yield from self._filed.get(("intent", intent), ())
        for skill in match.skill[:1]:
            yield from self._filed.get(("skill", skill), ())


def _shadow(rule: Rule, index: _Index, ground: Ground) -> Finding | None:
    parts = [replace(rule.match, intent=(intent,)) for intent in rule.match.intent] or [rule.match]
    before: dict[tuple[Layer, str], Rule] = {}
    example = ""
    for part in parts:
        cover = next((one for one in index.candidates(part) if ground.compare() and covers(one, rule, part)), None)
        step = witness(part) if cover is not None else None
        decision = ground.decide(step) if step is not None else None
        if cover is None or step is None or decision is None or decision.rule is None or decides(decision, rule):
            return None
        if decision.rule.priority is None or not (decision.chain or cover.local_only):
            return None
        before.setdefault((cover.layer, cover.name), cover)
        by = f"by {decision.rule.name!r}" if len(parts) > 1 or not decides(decision, cover) else "by it"
        example = example or f"a step with {describe(step)} is sent to {went_to(decision)} {by}"
    shadows = tuple(before.values())
    names = " and ".join(map(called, shadows))
    same_layer = all(one.layer is rule.layer for one in shadows)
    message = f"Whatever this rule matches, {names} {'matches' if len(shadows) == 1 else 'match'} before it: {example}."
    if all(one.local_only for one in shadows):
        message += " It is never used."
    else:
        message += " It only counts where nothing that is named there may be used."
    fix = "Give it a lower `priority`, narrow the other, or put its model into the other's `fallbacks`."
    if not same_layer:
        fix = "That is how layers work; leave it out if it is not meant as a stand-in."
    return Finding("shadowed", Severity.WARNING if same_layer else Severity.INFO, rule.place, message, fix)


def tied(ground: Ground) -> Iterator[Finding]:
    """Rules of one rank that a step can both match, and that would send it elsewhere were they the other way round."""
    ranks: defaultdict[tuple[float, int, int], list[Rule]] = defaultdict(list)
    for rule in sorted(ground.rules(), key=rank):
        earlier = ranks[rank(rule)[:3]]
        finding = _tie(rule, earlier[-_MOST_COMPARED:], ground)
        if finding is not None:
            yield finding
        earlier.append(rule)


def _tie(rule: Rule, earlier: Iterable[Rule], ground: Ground) -> Finding | None:
    for other in earlier:
        if (other.target, other.fallbacks, other.local_only) == (rule.target, rule.fallbacks, rule.local_only):
            continue
        if not ground.compare():
            return None
        for step in _both(other, rule, ground):
            decision = ground.decide(step)
            if decision is None:
                return None
            if not decides(decision, other):
                continue
            turned = (replace(rule, order=0), replace(other, order=1))
            # Guardrails that the step does not meet have no say, and would only have to be compiled.
            met = ground.with_guardrails(*ground.met(decision))
            swapped = ground.decide_with(step, replace(met, rules=turned))
            if swapped is None or not decides(swapped, rule) or swapped.chain == decision.chain:
                continue
            message = (
                f"This rule and {called(other)} can match the same step with the same priority and as many kinds of "
                f"condition: a step with {describe(step)} goes to {went_to(decision)}, and to {went_to(swapped)} were "
                "they the other way round. Only their order in the file decides."
            )
            fix = "Give the one that should win a lower `priority`."
            return Finding("tie", Severity.WARNING, rule.place, message, fix)
    return None


def _both(one: Rule, other: Rule, ground: Ground) -> Iterator[Facts]:
    stated = bool(one.match.intent or other.match.intent)
    for intent in ("chat",) if stated else ground.intents[:_INTENTS_TRIED]:
        step = witness(one.match, other.match, intent=intent)
        if step is not None:
            yield step


def escaping(ground: Ground) -> Iterator[Finding]:
    """Rules with ``local_only`` for files or data that leave this machine in steps of another kind."""
    for rule in ground.rules():
        match = rule.match
        if not rule.local_only or not (match.paths or match.labels or match.data):
            continue
        bare = replace(match, intent=(), skill=())
        for intent in ground.intents:
            step = witness(bare, intent=intent)
            decision = ground.decide(step) if step is not None else None
            if step is None or decision is None:
                break
            if decision.selected is None or decision.selected.local:
                continue
            if _guarded(match, decision, ground):
                break  # somebody has thought of the other steps, and said where they may go
            what = "files" if match.paths else "data"
            message = (
                f"`local_only` holds for the steps that this rule decides, not for the {what}: "
                f"a step with {describe(step)} goes to {went_to(decision)}."
            )
            fix = "To keep them here whatever the step, write [[guardrails]] with require = { local = true }"
            fix += ", or name the files in [privacy] restricted_paths." if match.paths else "."
            yield Finding("local_only_escapes", Severity.WARNING, rule.place, message, fix)
            break


def _guarded(match: Match, decision: Decision, ground: Ground) -> bool:
    """Whether a guardrail that the step meets speaks of the very files or data that `match` speaks of."""
    for one in ground.met(decision):
        files = bool(match.paths) and paths_cover(one.match.paths, match.paths)
        labels = bool(match.labels) and set(match.labels) <= set(one.match.labels)
        data = bool(match.data) and set(match.data) <= set(one.match.data)
        if files or labels or data:
            return True
    return False
