"""A policy's own tests, run: each step is decided under the merged policy and held against what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from smista_mcp.analysis.steps import given_facts
from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.errors import StepError
from smista_mcp.policy.types import Expected, Layer, Place, Policy, PolicyTest
from smista_mcp.routing.decide import Router
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.names import ModelNames


@dataclass(frozen=True, slots=True)
class Result:
    """One test: what was decided (``None`` where its step cannot be), and each way in which that is not as expected."""

    test: PolicyTest
    decision: Decision | None
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreached:
    """A part of the policy that no test reached."""

    kind: str
    """``rule``, ``default``, ``guardrail`` or ``guarantee``."""
    name: str
    layer: Layer
    place: Place


@dataclass(frozen=True, slots=True)
class Report:
    """All results, in order, and what of the policy they leave untested."""

    results: tuple[Result, ...]
    unreached: tuple[Unreached, ...]
    parts: int
    """How many rules, defaults, guardrails and guarantees could have been reached."""

    @property
    def failed(self) -> int:
        """How many tests failed."""
        return sum(bool(one.failures) for one in self.results)


def models_named(tests: Iterable[PolicyTest]) -> tuple[str, ...]:
    """Models that the tests' steps rely on being there: those said to be available, and those proposed."""
    found: set[str] = set()
    for test in tests:
        found.update(test.given.available or ())
        if test.given.model:
            found.add(test.given.model)
    return tuple(sorted(found))


def run_tests(policy: Policy, catalog: Catalog, taken_at: str) -> Report:
    """Run the policy's own tests.

    Args:
        catalog: everything that is there. A test whose step says nothing of `available` has all of it.
        taken_at: the moment that the decisions' snapshots bear.
    """
    bench = Bench(policy, catalog, taken_at)
    results = tuple(_run(test, bench) for test in own_tests(policy))
    decisions = [one.decision for one in results if one.decision is not None]
    parts = tuple(_parts(policy))
    reached = {key for decision in decisions for key in _reached(decision)}
    unreached = tuple(part for part in parts if (part.kind, part.layer, part.name) not in reached)
    return Report(results, unreached, len(parts))


class Bench:
    """Decides tests' steps under one policy; steps with the same models available share a router."""

    def __init__(self, policy: Policy, catalog: Catalog, taken_at: str) -> None:
        self.policy = policy
        self.catalog = catalog
        self.names = ModelNames(catalog, policy.groups)
        self._taken_at = taken_at
        self._routers: dict[tuple[str, ...] | None, Router] = {}

    def decide(self, test: PolicyTest) -> Decision:
        """The decision for a test's step.

        Raises:
            StepError: no step can be as the test says.
        """
        available = test.given.available
        if available not in self._routers:
            self._routers[available] = Router(self.policy, self.catalog, self._snapshot(available))
        return self._routers[available].decide(given_facts(test.given, self.policy))

    def _snapshot(self, available: tuple[str, ...] | None) -> Snapshot:
        if available is None:
            return Snapshot(self._taken_at)
        there = set(self.names.expand(available))
        gone = {one.id: "the test says that it cannot be reached" for one in self.catalog.deployments}
        return Snapshot(self._taken_at, {name: why for name, why in gone.items() if name not in there})


def _run(test: PolicyTest, bench: Bench) -> Result:
    try:
        decision = bench.decide(test)
    except StepError as error:
        return Result(test, None, (f"no step can be like this: {error}. {error.hint}".strip(),))
    return Result(test, decision, tuple(_failures(test.expect, decision, bench)))


def _failures(expect: Expected, decision: Decision, bench: Bench) -> Iterator[str]:
    selected = decision.selected
    got = selected.deployment if selected else None
    if expect.outcome is not None and decision.outcome.value != expect.outcome:
        yield f"outcome: expected {expect.outcome}, got {decision.outcome.value}"
    if expect.model is not None and got not in bench.names.expand((expect.model,)):
        yield f"model: expected {expect.model}, got {got or 'none'}"
    if got is not None and got in bench.names.expand(expect.not_model):
        yield f"not_model: {got} was chosen"
    rule = decision.rule.name if decision.rule else None
    if expect.rule is not None and rule != expect.rule:
        yield f"rule: expected {expect.rule!r}, got {'none' if rule is None else repr(rule)}"
    if expect.local is not None and (selected is None or selected.local != expect.local):
        where = "nothing was chosen" if selected is None else f"{got} is {'local' if selected.local else 'remote'}"
        yield f"local: expected {'local' if expect.local else 'remote'}, but {where}"
    yield from _eligibility(expect, decision, bench)
    if expect.effort is not None and (selected is None or selected.effort != expect.effort):
        effort = selected.effort.value if selected and selected.effort else "none"
        yield f"effort: expected {expect.effort.value}, got {effort}"
    yield from _permissions(expect, decision)


def _eligibility(expect: Expected, decision: Decision, bench: Bench) -> Iterator[str]:
    candidates = {one.deployment: one for one in decision.candidates}
    for key, names in (("not_model", expect.not_model), ("not_eligible", expect.not_eligible)):
        for name in names:
            if not any(one in candidates for one in bench.names.expand((name,))):
                # Otherwise a slip of the pen would make a test that nothing can ever fail.
                yield f"{key}: there is no {name} in the catalog, so this says nothing; list it in `available`"
    for name in bench.names.expand(expect.eligible):
        candidate = candidates.get(name)
        if candidate is None:
            yield f"eligible: there is no {name} in the catalog"
        elif not candidate.eligible:
            yield f"eligible: {name} is not: {'; '.join(reason.text for reason in candidate.reasons)}"
    for name in bench.names.expand(expect.not_eligible):
        candidate = candidates.get(name)
        if candidate is not None and candidate.eligible:
            yield f"not_eligible: {name} is eligible"


def _permissions(expect: Expected, decision: Decision) -> Iterator[str]:
    for tool, wanted in expect.permissions.items():
        found = decision.permissions.get(tool)
        if found != wanted:
            yield f"permissions: expected {tool.value} = {wanted.value}, got {found.value if found else 'none'}"


def _parts(policy: Policy) -> Iterator[Unreached]:
    """What tests should reach. The built-in layer counts only where it is what is being tested."""
    counted = set(Layer) if _only_built_in(policy) else set(Layer) - {Layer.BUILTIN}
    for rule in policy.rules:
        if rule.layer in counted:
            yield Unreached("rule", rule.name, rule.layer, rule.place)
    for default in policy.defaults:
        if default.layer in counted:
            yield Unreached("default", default_name(default.layer), default.layer, default.place)
    for guardrail in policy.guardrails:
        if guardrail.layer in counted:
            yield Unreached("guardrail", guardrail.name, guardrail.layer, guardrail.place)
    for guarantee in policy.guarantees:
        yield Unreached("guarantee", guarantee.name, Layer.ORGANISATION, guarantee.place)


def default_name(layer: Layer) -> str:
    """What routing calls the default route of a layer."""
    return f"default route of the {layer.label} policy"


def own_tests(policy: Policy) -> tuple[PolicyTest, ...]:
    """The tests that speak of this policy. The built-in ones are for the built-in policy as it is: under rules of
    somebody's own they need not hold, so they count only where nothing else is in force."""
    only_built_in = _only_built_in(policy)
    return tuple(test for test in policy.tests if only_built_in or test.layer is not Layer.BUILTIN)


def _only_built_in(policy: Policy) -> bool:
    return all(layer is Layer.BUILTIN for layer, _ in policy.layers)


_LAYERS: Mapping[str, Layer] = {layer.label: layer for layer in Layer}


def _reached(decision: Decision) -> Iterator[tuple[str, Layer, str]]:
    if decision.rule is not None:
        kind = "default" if decision.rule.priority is None else "rule"
        yield kind, decision.rule.layer, decision.rule.name
    for met in decision.guardrails:
        layer, _, name = met.partition(":")
        yield "guardrail", _LAYERS[layer], name
    for name in decision.guarantees:
        yield "guarantee", Layer.ORGANISATION, name
