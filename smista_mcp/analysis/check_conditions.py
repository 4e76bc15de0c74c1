"""Conditions that no step can meet, and protection that rests on what the caller says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from smista_mcp.analysis.ground import Ground
from smista_mcp.analysis.steps import SINGLE, sample_path
from smista_mcp.policy.findings import Finding, Severity, listed, shown
from smista_mcp.policy.types import Budget, Guardrail, Match, Policy, Rule

_ASSERTED: Final = ("intent", "skill", "labels", "data")
"""Conditions on what nobody but the caller need say."""


def never_matching(ground: Ground) -> Iterator[Finding]:
    """Rules, guardrails and budgets that no step can meet."""
    policy = ground.policy
    parts: tuple[Rule | Guardrail | Budget, ...] = (*ground.rules(), *ground.guardrails(), *policy.budgets)
    for one in parts:
        unknown = [intent for intent in one.match.intent if intent not in ground.intents]
        if unknown and len(unknown) == len(one.match.intent):
            message = f"{shown(one.name)} never matches: no step has the intent {listed(unknown)}."
            fix = "Check the spelling, or define the intent with a [[classification.rules]] entry."
            yield Finding("never_matches", Severity.WARNING, one.place, message, fix)
        if one.match.paths and _excludes_itself(one.match.paths):
            message = f"{shown(one.name)} never matches: its exceptions take back all of its `paths`."
            yield Finding("never_matches", Severity.WARNING, one.place, message, "Remove the exception.")


def nobody_bound(ground: Ground) -> Iterator[Finding]:
    """Rules about a tier, team or so that nothing in these layers binds to any step."""
    for rule in ground.rules():
        for name in SINGLE:
            wanted = getattr(rule.match, name)
            if wanted and not _bound(ground.policy, name) & set(wanted):
                message = f"Nothing in force here binds the {name} {listed(wanted)}, so this rule matches no step here."
                fix = f"State `{name}` under [identity] or in a [[repositories]] entry, if it should."
                yield Finding("nobody_bound", Severity.INFO, rule.place, message, fix)


def asserted_floors(ground: Ground) -> Iterator[Finding]:
    """Guardrails that a host can lead around by leaving something out."""
    for one in ground.guardrails():
        stated = [key for key in _ASSERTED if getattr(one.match, key)]
        if not stated or _has_firm_condition(one.match) or _all_bound(ground.policy, one.match):
            continue
        message = f"The guardrail {shown(one.name)} rests on what the caller says ({listed(stated)})."
        message += " A host that leaves it out, or says something else, is not held by it."
        fix = "Match `paths` or `repo` as well or instead, or bind the label or class in a [[repositories]] entry."
        if "intent" in stated:
            fix += " (Of an intent, what the task's text suggests counts too.)"
        yield Finding("asserted_only", Severity.WARNING, one.place, message, fix)


def _has_firm_condition(match: Match) -> bool:
    """Whether something is asked that we see ourselves or that configuration binds."""
    firm = (match.paths, match.repo, match.languages, *(getattr(match, name) for name in SINGLE))
    return any(firm)


def _all_bound(policy: Policy, match: Match) -> bool:
    """Whether the labels and classes of data asked for are bound to some repository, and nothing else is asked."""
    if match.intent or match.skill:
        return False
    labels = {label for one in policy.repositories for label in one.labels}
    data = {name for one in policy.repositories for name in one.data}
    return set(match.labels) <= labels and set(match.data) <= data


def _bound(policy: Policy, name: str) -> set[str]:
    values = [getattr(policy.identity, name), *(getattr(one, name) for one in policy.repositories)]
    return {value for value in values if value is not None}


def _excludes_itself(patterns: tuple[str, ...]) -> bool:
    """Whether each pattern is taken back by a later exception that is the same or takes back everything."""
    for position, pattern in enumerate(patterns):
        if pattern.startswith("!"):
            continue
        taken_back = {"!" + pattern, "!**", "!*"}
        if not taken_back & set(patterns[position + 1 :]):
            return False
    return sample_path(patterns) is None
