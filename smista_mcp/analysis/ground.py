"""What the analyses of one policy share: its catalog, a router, and the decisions made with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.facts.gather import known_intents
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Guardrail, Layer, Policy, Rule
from smista_mcp.routing.decide import Router
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.names import ModelNames

MOST_DECISIONS: Final = 4_000
"""Decisions that one analysis may make."""

_COMPILING: Final = 10
"""As how many decisions one counts for which a policy has to be compiled first."""

MOST_COMPARISONS: Final = 200_000
"""Pairs of conditions that one analysis may hold against each other."""


class Ground:
    """A policy with a catalog in which everything can be reached, and bounds on what is tried.

    Once a bound is met, `exhausted` is true, and the analyses leave it at what they have found.
    """

    def __init__(self, policy: Policy, catalog: Catalog, taken_at: str) -> None:
        self.policy = policy
        self.catalog = catalog
        self.snapshot = Snapshot(taken_at)
        self.names = ModelNames(catalog, policy.groups)
        self.intents = known_intents(policy)
        self.written = frozenset(layer for layer, _ in policy.layers) - {Layer.BUILTIN} or frozenset({Layer.BUILTIN})
        """The layers whose parts are looked at; the built-in one only where there is no other."""
        self._router = Router(policy, catalog, self.snapshot)
        self._decisions = MOST_DECISIONS
        self._comparisons = MOST_COMPARISONS

    @property
    def exhausted(self) -> bool:
        """Whether something was not tried any more."""
        return self._decisions <= 0 or self._comparisons <= 0

    def compare(self) -> bool:
        """Take one comparison; false where there are none left."""
        self._comparisons -= 1
        return self._comparisons > 0

    def decide(self, facts: Facts) -> Decision | None:
        """The decision under the whole policy; ``None`` where no more may be made."""
        self._decisions -= 1
        return self._router.decide(facts) if self._decisions > 0 else None

    def decide_with(self, facts: Facts, policy: Policy) -> Decision | None:
        """The decision under a changed policy; ``None`` where no more may be made."""
        self._decisions -= _COMPILING
        return Router(policy, self.catalog, self.snapshot).decide(facts) if self._decisions > 0 else None

    def with_guardrails(self, *guardrails: Guardrail) -> Policy:
        """The policy with these guardrails alone, and without rules: they have no say in what is eligible."""
        return replace(self.policy, guardrails=guardrails, rules=(), defaults=())

    def met(self, decision: Decision) -> tuple[Guardrail, ...]:
        """The guardrails that a decision's step meets."""
        names = frozenset(decision.guardrails)
        return tuple(one for one in self.policy.guardrails if f"{one.layer.label}:{one.name}" in names)

    def rules(self) -> Iterator[Rule]:
        """The rules that are looked at."""
        return (rule for rule in self.policy.rules if rule.layer in self.written)

    def guardrails(self) -> Iterator[Guardrail]:
        """The guardrails that somebody wrote as such; those that ``[privacy.detect]`` stands for are not among them."""
        return (one for one in self.policy.guardrails if one.layer in self.written and not is_detecting(one))


def called(one: Rule | Guardrail) -> str:
    """A rule or guardrail as messages call it: kind, name and place."""
    kind = "rule" if isinstance(one, Rule) else "guardrail"
    return f"the {kind} {one.name!r} ({one.place})"


def is_detecting(guardrail: Guardrail) -> bool:
    """Whether it stands for an entry of ``[privacy.detect]``."""
    return guardrail.name.startswith("privacy.detect ")


def decides(decision: Decision, rule: Rule) -> bool:
    """Whether it was this rule that decided."""
    ref = decision.rule
    return ref is not None and ref.priority is not None and (ref.layer, ref.name) == (rule.layer, rule.name)


def went_to(decision: Decision) -> str:
    """Where a decision sends its step, in words."""
    return decision.selected.deployment if decision.selected else f"nothing ({decision.outcome.value})"
