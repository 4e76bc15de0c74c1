"""Whether the conditions of a rule, guardrail or guarantee hold for a step: the same keys, three ways to read them.

=============== ============================ ======================= ==========================================
reading         which values count           an unknown single value a path that is not canonical
=============== ============================ ======================= ==========================================
`Reading.RULE`  all, whoever said them       does not match          does not match (of `local_only` rules, does)
`Reading.TAKE`  all, and suspected intents   matches (fails closed)  matches
`Reading.GRANT` bound ones only              does not match          no path ever matches
=============== ============================ ======================= ==========================================

A single value is known where it is bound. One that is only observed, which may be no more than the repository's own
claim, counts beside the unknown and does not replace it: or claiming a tier would lead around the guardrails of every
other. A repository of which it cannot be told which one it is (`UNKNOWN_REPO`) is to `TAKE` any that is asked for.

Rules and budgets are read as `RULE`, guardrails as `TAKE`, guarantees and exemptions as `GRANT`. Nothing that the
caller controls grants anything: neither what it asserts (intent, skill, labels) nor what we observe of what it chose to
name (paths, languages, size), or adding a harmless file to a step could widen where the rest of it may go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, auto
from fnmatch import translate
from typing import Final

from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import UNKNOWN_REPO, Facts, Values
from smista_mcp.policy.types import Match


class Reading(Enum):
    """How conditions are read; see the table of this module."""

    RULE = auto()
    TAKE = auto()
    GRANT = auto()


Test = Callable[[Facts], bool]

_SETS: Final = ("labels", "data", "languages")
_SINGLE: Final = ("tier", "tenant", "team", "workload")
_BOUND: Final = ("labels", "data", *_SINGLE)


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
    if reading is Reading.GRANT:
        yield from _granting(match)
        return
    if match.intent:
        yield _intent(frozenset(match.intent), reading)
    if match.skill:
        yield _skill(frozenset(match.skill))
    for name in _SETS:
        if wanted := frozenset(getattr(match, name)):
            yield _values(name, wanted)
    for name in _SINGLE:
        if wanted := frozenset(getattr(match, name)):
            yield _value_or_unknown(name, wanted) if reading is Reading.TAKE else _values(name, wanted)
    if match.repo:
        yield _repo(match.repo, reading)
    if match.min_tokens is not None:
        yield _at_least(match.min_tokens)
    if match.max_tokens is not None:
        yield _at_most(match.max_tokens)
    if match.paths:
        yield _paths(match.paths, takes=protective or reading is Reading.TAKE)


def _granting(match: Match) -> Iterable[Test]:
    """Only what is bound; a condition on anything that the caller controls never holds."""
    controlled = (match.intent, match.skill, match.paths, match.languages)
    if any(controlled) or match.min_tokens is not None or match.max_tokens is not None:
        yield lambda _: False
    for name in _BOUND:
        if wanted := frozenset(getattr(match, name)):
            yield _bound_values(name, wanted)
    if match.repo:
        matches = _repo_pattern(match.repo)
        yield lambda facts: any(map(matches, facts.attributes.repo.bound))


def _intent(wanted: frozenset[str], reading: Reading) -> Test:
    if reading is Reading.TAKE:
        return lambda facts: facts.intent.value in wanted or not wanted.isdisjoint(facts.suspected_intents)
    return lambda facts: facts.intent.value in wanted


def _skill(wanted: frozenset[str]) -> Test:
    return lambda facts: facts.skill in wanted


def _values(name: str, wanted: frozenset[str]) -> Test:
    return lambda facts: not wanted.isdisjoint(_of(facts, name).all)


def _value_or_unknown(name: str, wanted: frozenset[str]) -> Test:
    def holds(facts: Facts) -> bool:
        values = _of(facts, name)
        return not values.bound or not wanted.isdisjoint(values.all)

    return holds


def _bound_values(name: str, wanted: frozenset[str]) -> Test:
    return lambda facts: not wanted.isdisjoint(_of(facts, name).bound)


def _of(facts: Facts, name: str) -> Values:
    values: Values = getattr(facts.attributes, name)
    return values


def _repo(patterns: tuple[str, ...], reading: Reading) -> Test:
    matches = _repo_pattern(patterns)
    if reading is Reading.TAKE:
        return lambda facts: any(one == UNKNOWN_REPO or matches(one) for one in facts.attributes.repo.all)
    return lambda facts: any(map(matches, facts.attributes.repo.all))


def _repo_pattern(patterns: tuple[str, ...]) -> Callable[[str], object]:
    return re.compile("|".join(translate(pattern.casefold()) for pattern in patterns)).match


def _at_least(tokens: int) -> Test:
    return lambda facts: facts.input_tokens >= tokens


def _at_most(tokens: int) -> Test:
    return lambda facts: facts.input_tokens <= tokens


def _paths(patterns: tuple[str, ...], *, takes: bool) -> Test:
    matches = PathPatterns(patterns, fold_case=takes).matches

    def any_path(facts: Facts) -> bool:
        for path in facts.paths:  # noqa: SIM110 - as in `hold`
            if (path.canonical and matches(path.names)) or (takes and not path.canonical):
                return True
        return False

    return any_path
