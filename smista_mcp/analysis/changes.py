"""What could be otherwise about a step, what is bound, what can be reached and the policy: one change at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from smista_mcp.analysis.steps import SINGLE
from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.facts.gather import known_intents
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Attributes, Facts, IntentSource, Values
from smista_mcp.policy.types import Budget, Demands, Guarantee, Guardrail, Match, Overrides, Policy, Rule, Target
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.limits import ASSUMED_WINDOW, LEAST_OUTPUT


class Kind(IntEnum):
    """What would have to change; the earlier, the easier for whoever asks."""

    STEP = 1
    """What the caller says, or names."""
    MACHINE = 2
    """What can be reached here and now."""
    BOUND = 3
    """What configuration binds."""
    POLICY = 4


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision is made on."""

    facts: Facts
    policy: Policy
    catalog: Catalog
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """One change, in words and to the situation."""

    kind: Kind
    text: str
    make: Callable[[Situation], Situation]


def changes(situation: Situation, model: str, decision: Decision) -> Iterator[Change]:
    """Everything that is tried: what the caller could say, what could be there, what could be bound or written."""
    yield from _of_the_step(situation, model)
    yield from _of_the_machine(situation, model)
    yield from _of_what_is_bound(situation)
    yield from _of_the_policy(situation, model, decision)


# -- the step ---------------------------------------------------------------------------------------------------------


def _of_the_step(situation: Situation, model: str) -> Iterator[Change]:
    facts, policy = situation.facts, situation.policy
    matches = tuple(_matches(policy))
    if facts.proposed_model != model:
        yield _step(f"propose it (--model {model})", lambda one: replace(one, proposed_model=model))
    if facts.proposed_model is not None:
        yield _step("propose no model", lambda one: replace(one, proposed_model=None))
    yield from _fewer_paths(facts)
    for name in sorted(facts.attributes.labels.asserted):
        yield _step(f"leave out the label {name}", _without("labels", name))
    for name in sorted(facts.attributes.data.asserted):
        yield _step(f"leave out the class of data {name}", _without("data", name))
    if facts.skill is not None:
        yield _step(f"leave out the skill {facts.skill}", lambda one: replace(one, skill=None))
    yield from _sizes(situation, model, matches)
    for intent in known_intents(policy):
        if intent != facts.intent.value:
            yield _step(f"intent {intent} instead of {facts.intent.value}", _as_intent(intent))
    if facts.suspected_intents:
        also = ", ".join(facts.suspected_intents)
        yield _step(f"a task that does not read like {also} too", lambda one: replace(one, suspected_intents=()))
    for skill in sorted({skill for one in matches for skill in one.skill} - {facts.skill or ""}):
        yield _step(f"the skill {skill}", _as_skill(skill))
    for label in sorted({label for one in matches for label in one.labels} - facts.attributes.labels.all):
        yield _step(f"the label {label}", _labelled(label, bound=False))


def _fewer_paths(facts: Facts) -> Iterator[Change]:
    declared = tuple(dict.fromkeys(path.declared for path in facts.paths))
    for name in declared[:_MOST_PATHS]:
        yield _step(f"leave out {name}", _without_paths({name}))
    if len(declared) > 1:
        yield _step("leave out all paths", _without_paths(set(declared)))


_MOST_PATHS: Final = 20


def _sizes(situation: Situation, model: str, matches: tuple[Match, ...]) -> Iterator[Change]:
    facts = situation.facts
    deployment = situation.catalog.get(model)
    window = (deployment.context_window if deployment else None) or ASSUMED_WINDOW
    sizes = {window - (facts.max_output_tokens or LEAST_OUTPUT)}
    for one in matches:
        sizes.update(size for size in (one.min_tokens, one.max_tokens) if size is not None)
        sizes.update(size - 1 for size in (one.min_tokens,) if size)
        sizes.update(size + 1 for size in (one.max_tokens,) if size is not None)
    for size in sorted(sizes, key=lambda size: abs(size - facts.input_tokens))[:_MOST_SIZES]:
        if size >= 0 and size != facts.input_tokens:
            yield _step(f"{size} tokens of input instead of {facts.input_tokens}", _sized(size))
    for output in _OUTPUTS:
        if facts.max_output_tokens is None or output < facts.max_output_tokens:
            yield _step(f"at most {output} tokens of answer", _answered_in(output))


_MOST_SIZES: Final = 8
_OUTPUTS: Final = (8_192, 4_096, 2_048, 1_024, 512, 256)


# -- the machine, and what is bound -----------------------------------------------------------------------------------


def _of_the_machine(situation: Situation, model: str) -> Iterator[Change]:
    why = situation.snapshot.unavailable.get(model)
    if why is None:
        return

    def reach(one: Situation) -> Situation:
        rest = {name: text for name, text in one.snapshot.unavailable.items() if name != model}
        return replace(one, snapshot=replace(one.snapshot, unavailable=rest))

    yield Change(Kind.MACHINE, f"make it reachable ({why})", reach)


def _of_what_is_bound(situation: Situation) -> Iterator[Change]:
    matches = tuple(_matches(situation.policy))
    known = situation.facts.attributes
    for name in SINGLE:
        values: Values = getattr(known, name)
        asked = {value for one in matches for value in getattr(one, name)}
        for value in sorted(asked - values.bound):
            yield Change(Kind.BOUND, f"were the {name} {value}, by configuration", _bound_to(name, value))
    for label in sorted({label for one in matches for label in one.labels} - known.labels.bound):
        change = _labelled(label, bound=True)
        yield Change(Kind.BOUND, f"were the label {label} bound to the repository", _on_facts(change))


# -- the policy -------------------------------------------------------------------------------------------------------


def _of_the_policy(situation: Situation, model: str, decision: Decision) -> Iterator[Change]:
    policy, facts = situation.policy, situation.facts
    met = set(decision.guardrails)
    for guardrail in policy.guardrails:
        if f"{guardrail.layer.label}:{guardrail.name}" in met:
            yield from _loosened(guardrail)
    for pattern in policy.restricted_paths:
        if any(not one.canonical or PathPatterns((pattern,), fold_case=True).matches(one.names) for one in facts.paths):
            yield Change(Kind.POLICY, f"without the restricted path {pattern}", _unrestricted(pattern))
    for budget in policy.budgets:
        yield Change(Kind.POLICY, f"without the budget {budget.name!r} ({budget.place})", _without_budget(budget))
    if not policy.overrides.allow or policy.overrides.models is not None:
        yield Change(Kind.POLICY, "with [overrides] that allow it to be proposed", _overridable)
    if decision.rule is None:
        return
    for rule in policy.rules:
        if (rule.layer, rule.name) == (decision.rule.layer, decision.rule.name):
            place = f"{rule.name!r} ({rule.place})"
            if rule.target.model != model:
                yield Change(Kind.POLICY, f"with this model in the rule {place}", _naming(rule, model))
            yield Change(Kind.POLICY, f"without the rule {place}", _without_rule(rule))
    for default in policy.defaults:
        if decision.rule.priority is None and default.layer is decision.rule.layer and default.model != model:

            def named(one: Situation, layer: object = default.layer) -> Situation:
                routes = tuple(replace(d, model=model) if d.layer is layer else d for d in one.policy.defaults)
                return replace(one, policy=replace(one.policy, defaults=routes))

            yield Change(Kind.POLICY, f"with this model as the {decision.rule.name} ({default.place})", named)


def _loosened(guardrail: Guardrail) -> Iterator[Change]:
    place = f"the {guardrail.layer.label} guardrail {guardrail.name!r} ({guardrail.place})"
    require = guardrail.require
    if require.max_cost is not None:
        demands = replace(require, max_cost=None)
        yield Change(Kind.POLICY, f"without max_cost = {require.max_cost} in {place}", _demanding(guardrail, demands))
    if require.max_latency_ms is not None:
        text = f"without max_latency_ms = {require.max_latency_ms} in {place}"
        yield Change(Kind.POLICY, text, _demanding(guardrail, replace(require, max_latency_ms=None)))

    def dropped(one: Situation) -> Situation:
        rest = tuple(other for other in one.policy.guardrails if not _same(other, guardrail))
        return replace(one, policy=replace(one.policy, guardrails=rest))

    yield Change(Kind.POLICY, f"without {place}", dropped)


def _demanding(guardrail: Guardrail, demands: Demands) -> Callable[[Situation], Situation]:
    def make(one: Situation) -> Situation:
        changed = tuple(
            replace(other, require=demands) if _same(other, guardrail) else other for other in one.policy.guardrails
        )
        return replace(one, policy=replace(one.policy, guardrails=changed))

    return make


def _same(one: Guardrail | Rule, other: Guardrail | Rule) -> bool:
    return (one.layer, one.order, one.name) == (other.layer, other.order, other.name)


def _unrestricted(pattern: str) -> Callable[[Situation], Situation]:
    def make(one: Situation) -> Situation:
        rest = tuple(other for other in one.policy.restricted_paths if other != pattern)
        facts = one.facts
        inside = PathPatterns((pattern,), fold_case=True)
        freed = {path.declared for path in facts.paths if path.canonical and inside.matches(path.names)}
        facts = replace(facts, restricted=tuple(name for name in facts.restricted if name not in freed))
        return replace(one, facts=facts, policy=replace(one.policy, restricted_paths=rest))

    return make


def _without_budget(budget: Budget) -> Callable[[Situation], Situation]:
    def make(one: Situation) -> Situation:
        rest = tuple(other for other in one.policy.budgets if other.name != budget.name)
        return replace(one, policy=replace(one.policy, budgets=rest))

    return make


def _overridable(one: Situation) -> Situation:
    return replace(one, policy=replace(one.policy, overrides=Overrides()))


def _naming(rule: Rule, model: str) -> Callable[[Situation], Situation]:
    def make(one: Situation) -> Situation:
        rules = tuple(
            replace(other, target=Target(model=model)) if _same(other, rule) else other for other in one.policy.rules
        )
        return replace(one, policy=replace(one.policy, rules=rules))

    return make


def _without_rule(rule: Rule) -> Callable[[Situation], Situation]:
    def make(one: Situation) -> Situation:
        rest = tuple(other for other in one.policy.rules if not _same(other, rule))
        return replace(one, policy=replace(one.policy, rules=rest))

    return make


# -- making them ------------------------------------------------------------------------------------------------------


def _step(text: str, change: Callable[[Facts], Facts]) -> Change:
    return Change(Kind.STEP, text, _on_facts(change))


def _on_facts(change: Callable[[Facts], Facts]) -> Callable[[Situation], Situation]:
    return lambda one: replace(one, facts=change(one.facts))


def _without(attribute: str, name: str) -> Callable[[Facts], Facts]:
    def make(facts: Facts) -> Facts:
        values: Values = getattr(facts.attributes, attribute)
        return _with(facts, attribute, replace(values, asserted=values.asserted - {name}))

    return make


def _without_paths(declared: set[str]) -> Callable[[Facts], Facts]:
    def make(facts: Facts) -> Facts:
        return replace(
            facts,
            paths=tuple(path for path in facts.paths if path.declared not in declared),
            restricted=tuple(name for name in facts.restricted if name not in declared),
        )

    return make


def _sized(tokens: int) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, input_tokens=tokens)


def _answered_in(tokens: int) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, max_output_tokens=tokens)


def _as_skill(skill: str) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, skill=skill)


def _as_intent(intent: str) -> Callable[[Facts], Facts]:
    def make(facts: Facts) -> Facts:
        suspected = set(facts.suspected_intents) - {intent}
        if facts.intent.source is not IntentSource.CALLER:
            suspected.add(facts.intent.value)  # the text goes on saying what it said
        stated = replace(facts.intent, value=intent, source=IntentSource.CALLER, confidence=1.0)
        return replace(facts, intent=stated, suspected_intents=tuple(sorted(suspected)))

    return make


def _labelled(label: str, *, bound: bool) -> Callable[[Facts], Facts]:
    def make(facts: Facts) -> Facts:
        more = Values(bound=frozenset({label})) if bound else Values(asserted=frozenset({label}))
        return _with(facts, "labels", facts.attributes.labels.merged(more))

    return make


def _bound_to(name: str, value: str) -> Callable[[Situation], Situation]:
    return _on_facts(lambda facts: _with(facts, name, Values(bound=frozenset({value}))))


def _with(facts: Facts, attribute: str, values: Values) -> Facts:
    changed: Attributes = replace(facts.attributes, **{attribute: values})
    return replace(facts, attributes=changed)


def _matches(policy: Policy) -> Iterator[Match]:
    parts: Iterable[Rule | Guardrail | Guarantee | Budget] = (
        *policy.rules,
        *policy.guardrails,
        *policy.guarantees,
        *policy.budgets,
    )
    for one in parts:
        yield one.match
        if isinstance(one, Guardrail) and one.unless is not None:
            yield one.unless
