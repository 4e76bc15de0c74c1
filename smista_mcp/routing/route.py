"""The first rule, else default, that can be served: what the policy wants before anybody proposes anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smista_mcp.catalog.types import Deployment
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import DefaultRoute, Layer, Match, Policy, Rule, Target
from smista_mcp.routing.decision import RuleRef
from smista_mcp.routing.eligibility import Split
from smista_mcp.routing.names import ModelNames
from smista_mcp.routing.rules import RuleIndex
from smista_mcp.routing.selection import Selection, select


@dataclass(frozen=True, slots=True)
class Route:
    """What settled the chain, a rule or a default, and what it came to."""

    rule: Rule
    ref: RuleRef
    selection: Selection


@dataclass(frozen=True, slots=True)
class Skipped:
    """A matching rule or default that could not be served, and why not."""

    layer: Layer
    why: str


@dataclass(frozen=True, slots=True)
class Search:
    """The route, if there is one, and what was passed over on the way to it."""

    route: Route | None
    skipped: tuple[Skipped, ...]

    @property
    def passed_over(self) -> tuple[str, ...]:
        """All that the policy would rather have had, in words: what was skipped, and what the route itself lacks."""
        own = () if self.route is None else self.route.selection.passed_over
        called = "" if self.route is None else _called(self.route.ref)
        return (*(one.why for one in self.skipped), *(f"{called}: {one}" for one in own))

    @property
    def chain(self) -> tuple[Deployment, ...]:
        """The deployments to try, best first; empty where there is no route or it has no target."""
        return self.route.selection.chain if self.route else ()


class Routes:
    """All rules and defaults of a policy."""

    def __init__(self, policy: Policy, names: ModelNames) -> None:
        self._rules = RuleIndex(policy.rules)
        self._defaults = tuple(_as_rule(default) for default in policy.defaults)
        self._names = names

    def first(self, facts: Facts, split: Split, *, cost_is_lifted: bool) -> Search:
        """The first that matches and has an eligible target.

        A matching rule with `local_only` ends the search even with nothing to offer: it is returned with an empty
        chain, so that the step is refused and never falls through to a remote model.
        """
        skipped: list[Skipped] = []
        for rule, ref in self._in_order(facts):
            selection = select(
                rule, facts, split.eligible, self._names, cost_is_lifted=cost_is_lifted, why_not=split.why_not
            )
            if selection.chain or rule.local_only:
                return Search(Route(rule, ref, selection), tuple(skipped))
            skipped.append(Skipped(rule.layer, f"{_called(ref)}: {nothing_left(selection)}"))
        return Search(None, tuple(skipped))

    def _in_order(self, facts: Facts) -> Iterator[tuple[Rule, RuleRef]]:
        """What matches, in the order in which it is tried.

        A default comes after all rules that people wrote, and before the built-in ones: these stand in for a default
        where nobody has stated any.
        """
        defaults = iter(self._defaults)
        pending = next(defaults, None)
        for rule in self._rules.matching(facts):
            while rule.layer is Layer.BUILTIN and pending is not None and pending[0].layer is not Layer.BUILTIN:
                yield pending
                pending = next(defaults, None)
            yield rule, RuleRef(rule.name, rule.layer, rule.priority, rule.place)
        if pending is not None:
            yield pending
        yield from defaults


def nothing_left(selection: Selection) -> str:
    """Why a selection is empty, in words."""
    return "; ".join(selection.passed_over) or "nothing eligible fits"


def _called(ref: RuleRef) -> str:
    """A rule by its name; a default is its own name."""
    return ref.name if ref.priority is None else f"rule {ref.name!r}"


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
