"""The policy's rules in the order in which they are tried, indexed so that a step meets only those that could match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Final

from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Layer, Match, Rule
from smista_mcp.routing.conditions import Conditions, Reading
from smista_mcp.routing.index import MatchIndex

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
    return sum(getattr(match, one.name) not in ((), None) for one in fields(match))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its conditions in the form in which they are tested."""

    rule: Rule
    conditions: Conditions


class RuleIndex:
    """All rules in the order of `rank`; a step meets only those that could match."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(_compile(rule) for rule in sorted(rules, key=rank))
        listed = [one.rule for one in self._rules]
        self._index = MatchIndex([rule.match for rule in listed], [rule.local_only for rule in listed])

    def matching(self, facts: Facts) -> Iterator[Rule]:
        """The rules that match `facts`, first the one that is tried first."""
        rules = self._rules
        for position in self._index.possible(facts):
            one = rules[position]
            if one.conditions.hold(facts):
                yield one.rule


def _compile(rule: Rule) -> CompiledRule:
    return CompiledRule(rule, Conditions(rule.match, Reading.RULE, protective=rule.local_only))
