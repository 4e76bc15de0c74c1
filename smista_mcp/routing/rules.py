"""The policy's rules in the order in which they are tried, indexed so that a step meets only those that could match."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Final

from smista_mcp.facts.types import Facts, PathFact
from smista_mcp.policy.types import Layer, Match, Rule
from smista_mcp.routing.conditions import Conditions, Reading

_OVERRIDABLE_RANK: Final = Layer.WORKSPACE + 0.5
"""An organisation's default ranks below the workspace's rules and above the user's."""

_WILD: Final = frozenset("*?[\\")


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
    """All rules in the order of `rank`, each filed under the one condition that rules out most steps.

    Where a rule names skills it is filed under each; else under the folders its path patterns start with, if all of
    them do; else under its intents; else it is met by every step. A look-up costs what could match, no more.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(_compile(rule) for rule in sorted(rules, key=rank))
        self._always: list[int] = []
        self._by_skill: defaultdict[str, list[int]] = defaultdict(list)
        self._by_folder: defaultdict[str, list[int]] = defaultdict(list)
        self._by_intent: defaultdict[str, list[int]] = defaultdict(list)
        for position, one in enumerate(self._rules):
            folders = _folders(one.rule)
            if one.rule.match.skill:
                _file(self._by_skill, one.rule.match.skill, position)
            elif folders and all(folders):
                _file(self._by_folder, folders, position)
            elif one.rule.match.intent:
                _file(self._by_intent, one.rule.match.intent, position)
            else:
                self._always.append(position)

    def matching(self, facts: Facts) -> Iterator[Rule]:
        """The rules that match `facts`, first the one that is tried first."""
        rules = self._rules
        for position in self._possible(facts):
            one = rules[position]
            if one.conditions.hold(facts):
                yield one.rule

    def _possible(self, facts: Facts) -> Iterable[int]:
        """Positions of the rules whose filing condition could hold, ascending."""
        found = self._always + self._by_intent.get(facts.intent.value, [])
        if facts.skill is not None:
            found += self._by_skill.get(facts.skill, [])
        if facts.paths and self._by_folder:
            found += self._in_folders(facts.paths)
        found.sort()
        return found

    def _in_folders(self, paths: Iterable[PathFact]) -> set[int]:
        found: set[int] = set()
        for path in paths:
            if not path.canonical:
                # A protective rule is met by such a path wherever it looks, so no folder can rule anything out.
                return {position for filed in self._by_folder.values() for position in filed}
            for name in path.names:
                for folder in folders_of(name):
                    found.update(self._by_folder.get(folder, ()))
        return found


def folders_of(name: str) -> Iterator[str]:
    """Every folder that `name` lies in, outermost first: ``src`` and ``src/auth`` for ``src/auth/login.py``."""
    end = name.find("/")
    while end != -1:
        yield name[:end]
        end = name.find("/", end + 1)


def literal_folder(pattern: str) -> str:
    """The folder that everything matched by `pattern` lies in, e.g. ``src/auth`` for ``src/auth/**/*.py``.

    Empty where there is none: a pattern without a slash inside matches at any depth, and one that begins with a
    wildcard begins anywhere.
    """
    pattern = unicodedata.normalize("NFC", pattern)
    whole = pattern.removeprefix("./").removeprefix("/")
    anchored = "/" in whole.rstrip("/") or pattern.startswith("/")
    folders: list[str] = []
    for segment in whole.split("/")[:-1]:
        if not anchored or not segment or _WILD & set(segment) or segment.startswith(("!", "#")):
            break
        folders.append(segment)
    return "/".join(folders)


def _folders(rule: Rule) -> list[str]:
    """The folders to file `rule` under: also case-folded where its patterns are tried so; empty strings for none."""
    folders = [literal_folder(pattern) for pattern in rule.match.paths]
    return folders + [folder.casefold() for folder in folders] if rule.local_only else folders


def _compile(rule: Rule) -> CompiledRule:
    return CompiledRule(rule, Conditions(rule.match, Reading.RULE, protective=rule.local_only))


def _file(index: defaultdict[str, list[int]], keys: Iterable[str], position: int) -> None:
    for key in set(keys):
        index[key].append(position)
