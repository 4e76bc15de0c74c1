"""What another policy would change: the same steps, decided under both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from smista_mcp.analysis.policy_tests import Bench, own_tests
from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.errors import StepError
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Policy, PolicyTest
from smista_mcp.routing.decide import decide
from smista_mcp.routing.decision import Decision


@dataclass(frozen=True, slots=True)
class Change:
    """One step that the two policies do not decide alike."""

    case: str
    """The test's name, or the id under which the decision is recorded."""
    source: str
    """``test`` or ``recorded``."""
    differences: tuple[str, ...]
    before: Decision | None
    after: Decision | None


def diff_tests(old: Bench, new: Bench) -> tuple[int, tuple[Change, ...]]:
    """Decide the tests of both policies under both. Returns how many there were, and what would change."""
    tests: dict[object, PolicyTest] = {}
    for test in (*own_tests(old.policy), *own_tests(new.policy)):
        tests.setdefault(repr((test.name, test.given)), test)
    changes = []
    for test in tests.values():
        before, after = _attempt(old, test), _attempt(new, test)
        differences = tuple(_differences(before, after))
        if differences:
            sides = [one if isinstance(one, Decision) else None for one in (before, after)]
            changes.append(Change(test.name, "test", differences, *sides))
    return len(tests), tuple(changes)


def diff_recorded(
    decision_id: str, facts: Facts, catalog: Catalog, snapshot: Snapshot, old: Bench, new: Bench
) -> Change | None:
    """Decide a recorded step under both policies, with the models that there were then.

    What either policy names and the record does not have is taken from that policy's own catalog, as available. The
    intent stays as it was recorded; which paths are restricted is worked out anew.
    """
    kept = frozenset(path.declared for path in facts.paths)
    facts = replace(facts, restricted=tuple(one for one in facts.restricted if one not in kept))
    known = {one.id for one in catalog.deployments}
    added = {one.id: one for bench in (old, new) for one in bench.catalog.deployments if one.id not in known}
    named = {one for bench in (old, new) for one in bench.names.expand(_mentioned(bench.policy))}
    missing = tuple(one for name, one in added.items() if name in named)
    if missing:
        catalog = Catalog(tuple(sorted((*catalog.deployments, *missing), key=lambda one: one.id)))
    before, after = (decide(facts, one.policy, catalog, snapshot) for one in (old, new))
    differences = tuple(_differences(before, after))
    return Change(decision_id, "recorded", differences, before, after) if differences else None


def _mentioned(policy: Policy) -> Iterable[str]:
    yield from policy.mentioned_models()
    for group in policy.groups.values():
        yield from group.models


def _attempt(bench: Bench, test: PolicyTest) -> Decision | str:
    try:
        return bench.decide(test)
    except StepError as error:
        return str(error)


def _differences(before: Decision | str, after: Decision | str) -> Iterator[str]:
    if isinstance(before, str) or isinstance(after, str):
        if before != after:
            yield f"step: {_possible(before)} before, {_possible(after)} now"
        return
    if before.outcome is not after.outcome:
        yield f"outcome: {before.outcome.value} before, {after.outcome.value} now"
    chains = [[choice.deployment for choice in one.chain] for one in (before, after)]
    if chains[0] != chains[1]:
        yield f"chain: {_listed(chains[0])} before, {_listed(chains[1])} now"
    eligible = [{one.deployment for one in side.candidates if one.eligible} for side in (before, after)]
    if gone := eligible[0] - eligible[1]:
        yield f"no longer eligible: {_listed(sorted(gone))}"
    if come := eligible[1] - eligible[0]:
        yield f"newly eligible: {_listed(sorted(come))}"
    efforts = [one.selected.effort if one.selected else None for one in (before, after)]
    if efforts[0] != efforts[1]:
        yield f"effort: {efforts[0] or 'none'} before, {efforts[1] or 'none'} now"
    for tool in before.permissions:
        was, now = before.permissions[tool], after.permissions.get(tool, before.permissions[tool])
        if was is not now:
            yield f"permission {tool.value}: {was.value} before, {now.value} now"
    rules = [one.rule.name if one.rule else "no rule" for one in (before, after)]
    if rules[0] != rules[1]:
        yield f"decided by: {rules[0]!r} before, {rules[1]!r} now"


def _possible(side: Decision | str) -> str:
    return f"not possible ({side})" if isinstance(side, str) else "possible"


_MOST_NAMED = 6


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing"
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
