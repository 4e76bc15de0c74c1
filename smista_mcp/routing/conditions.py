"""Whether the conditions of a rule, guardrail or guarantee hold for a step: the same keys, three ways to read them.

=============== ============================ ======================= =============================================
reading         which values count           an unknown single value several paths
=============== ============================ ======================= =============================================
`Reading.RULE`  all, whoever said them       does not match          one that matches is enough
`Reading.TAKE`  all, and suspected intents   matches (fails closed)  one is enough; one that is not canonical matches
`Reading.GRANT` bound and observed only      does not match          every one must match, and be seen by us
=============== ============================ ======================= =============================================

Guardrails and budgets are read as `TAKE`, guarantees and exemptions as `GRANT`. What a caller merely asserts (its
intent, its skill, its labels) therefore never grants anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, auto
from fnmatch import translate
from typing import Final

from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Facts, Source, Values
from smista_mcp.policy.types import Match


class Reading(Enum):
    """How conditions are read; see the table of this module."""

    RULE = auto()
    TAKE = auto()
    GRANT = auto()


Test = Callable[[Facts], bool]

_SETS: Final = ("labels", "data", "languages")
_SINGLE: Final = ("tier", "tenant", "team", "workload")


class Conditions:
    """A `Match` in the form in which it is tested, for one reading. Stating nothing holds for every step."""

    __slots__ = ("_tests",)

    def __init__(self, match: Match, reading: Reading, *, protective: bool = False) -> None:
        """`protective` is for a rule that takes something away (`local_only`): it is met by a path not canonical."""
        self._tests = tuple(_tests(match, reading, protective))

    def hold(self, facts: Facts) -> bool:
        """Whether every stated condition holds."""
        for test in self._tests:  # noqa: SIM110 - all() over a generator costs three times as much here
            if not test(facts):
                return False
        return True


def _tests(match: Match, reading: Reading, protective: bool) -> Iterable[Test]:
    if match.intent:
        yield _intent(frozenset(match.intent), reading)
    if match.skill:
        yield _skill(frozenset(match.skill), reading)
    for name in _SETS:
        if wanted := frozenset(getattr(match, name)):
            yield _values(name, wanted, reading, unknown=False)
    for name in _SINGLE:
        if wanted := frozenset(getattr(match, name)):
            yield _values(name, wanted, reading, unknown=reading is Reading.TAKE)
    if match.repo:
        yield _repo(match.repo, reading)
    if match.min_tokens is not None:
        yield _at_least(match.min_tokens)
    if match.max_tokens is not None:
        yield _at_most(match.max_tokens)
    if match.paths:
        yield _paths(match.paths, reading, protective)


def _intent(wanted: frozenset[str], reading: Reading) -> Test:
    if reading is Reading.GRANT:
        # Whoever writes the task decides what it looks like: no reading of it proves anything.
        return lambda _: False
    if reading is Reading.TAKE:
        return lambda facts: facts.intent.value in wanted or not wanted.isdisjoint(facts.suspected_intents)
    return lambda facts: facts.intent.value in wanted


def _skill(wanted: frozenset[str], reading: Reading) -> Test:
    if reading is Reading.GRANT:
        return lambda _: False
    return lambda facts: facts.skill in wanted


def _values(name: str, wanted: frozenset[str], reading: Reading, *, unknown: bool) -> Test:
    if reading is Reading.GRANT:
        return lambda facts: not wanted.isdisjoint(_of(facts, name).proven)
    if unknown:

        def matches_or_unknown(facts: Facts) -> bool:
            values = _of(facts, name).all
            return not values or not wanted.isdisjoint(values)

        return matches_or_unknown
    return lambda facts: not wanted.isdisjoint(_of(facts, name).all)


def _of(facts: Facts, name: str) -> Values:
    values: Values = getattr(facts.attributes, name)
    return values


def _repo(patterns: tuple[str, ...], reading: Reading) -> Test:
    matches = re.compile("|".join(translate(pattern.casefold()) for pattern in patterns)).match
    if reading is Reading.GRANT:
        return lambda facts: any(map(matches, facts.attributes.repo.bound))
    return lambda facts: any(map(matches, facts.attributes.repo.all))


def _at_least(tokens: int) -> Test:
    return lambda facts: facts.input_tokens >= tokens


def _at_most(tokens: int) -> Test:
    return lambda facts: facts.input_tokens <= tokens


def _paths(patterns: tuple[str, ...], reading: Reading, protective: bool) -> Test:
    takes = reading is Reading.TAKE or protective
    matches = PathPatterns(patterns, fold_case=takes).matches
    if reading is Reading.GRANT:

        def every_seen_path(facts: Facts) -> bool:
            seen = facts.paths
            return bool(seen) and all(
                path.canonical and path.source is Source.OBSERVED and matches(path.names) for path in seen
            )

        return every_seen_path

    def any_path(facts: Facts) -> bool:
        for path in facts.paths:  # noqa: SIM110 - as in `hold`
            if (path.canonical and matches(path.names)) or (takes and not path.canonical):
                return True
        return False

    return any_path
