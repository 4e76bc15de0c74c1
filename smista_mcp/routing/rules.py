"""The policy's rules in the order in which they are tried, indexed so that a step meets only those that could match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Layer, Match, Rule

_OVERRIDABLE_RANK: Final = Layer.WORKSPACE + 0.5
"""An organisation's default ranks below the workspace's rules and above the user's."""


def rank(rule: Rule) -> tuple[float, int, int, int]:
    """The order in which rules are tried: layer, priority, specificity (most first), file order.

    Specificity is the number of kinds of condition that the rule states.
    """
    layer = _OVERRIDABLE_RANK if rule.layer is Layer.ORGANISATION and rule.overridable else float(rule.layer)
    return (layer, rule.priority, -specificity(rule.match), rule.order)


def specificity(match: Match) -> int:
    """How many kinds of condition `match` states: skill, paths, intent, and each of the others."""
    return sum(map(bool, (match.skill, match.paths, match.intent, match.labels)))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its conditions in the form in which they are tested."""

    rule: Rule
    skills: frozenset[str]
    labels: frozenset[str]
    paths: PathPatterns | None

    def matches(self, facts: Facts) -> bool:
        """Whether every condition but the intent holds (the index has settled that one)."""
        if self.skills and facts.skill not in self.skills:
            return False
        if self.labels and self.labels.isdisjoint(facts.labels):
            return False
        return self.paths is None or any(not path.canonical or self.paths.matches(path.names) for path in facts.paths)


class RuleIndex:
    """All rules by intent, each list in the order of `rank`."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        compiled = [
            CompiledRule(
                rule,
                frozenset(rule.match.skill),
                frozenset(rule.match.labels),
                PathPatterns(rule.match.paths) if rule.match.paths else None,
            )
            for rule in sorted(rules, key=rank)
        ]
        self._for_any_intent = tuple(one for one in compiled if not one.rule.match.intent)
        intents = {intent for one in compiled for intent in one.rule.match.intent}
        self._by_intent = {
            intent: tuple(one for one in compiled if not one.rule.match.intent or intent in one.rule.match.intent)
            for intent in intents
        }

    def matching(self, facts: Facts) -> Iterator[Rule]:
        """The rules that match `facts`, first the one that is tried first."""
        for one in self._by_intent.get(facts.intent.value, self._for_any_intent):
            if one.matches(facts):
                yield one.rule
