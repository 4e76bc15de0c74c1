"""What the ``policy`` commands print: JSON for programs, lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from smista_mcp.analysis.steps import describe
from smista_mcp.policy.types import JsonDict, Policy
from smista_mcp.routing.record import decision_json

if TYPE_CHECKING:
    from smista_mcp.analysis.diff import Change
    from smista_mcp.analysis.nearest import Way, WhyNot
    from smista_mcp.analysis.policy_tests import Report, Result
    from smista_mcp.analysis.replay import Replay
    from smista_mcp.analysis.show import Line
    from smista_mcp.analysis.trace import Met, Trace, Tried
    from smista_mcp.facts.types import Facts
    from smista_mcp.routing.decision import Candidate, Decision

# -- test -------------------------------------------------------------------------------------------------------------


def report_json(report: Report) -> JsonDict:
    """``policy test --json``."""
    return {
        "tests": [
            {
                "name": one.test.name,
                "place": str(one.test.place),
                "passed": not one.failures,
                "failures": list(one.failures),
                "decision": decision_json(one.decision) if one.decision else None,
            }
            for one in report.results
        ],
        "passed": len(report.results) - report.failed,
        "failed": report.failed,
        "coverage": {
            "parts": report.parts,
            "unreached": [
                {"kind": one.kind, "name": one.name, "layer": one.layer.label, "place": str(one.place)}
                for one in report.unreached
            ],
        },
    }


def report_text(report: Report) -> str:
    """``policy test``: the failures with their reasons, the count, and what no test reached."""
    lines = [line for one in report.results if one.failures for line in _failed(one)]
    lines.append(f"{len(report.results) - report.failed} passed, {report.failed} failed")
    if not report.results:
        lines.append("There are no tests: write [[tests]] with `name`, `given` and `expect` into the policy.")
    reached = report.parts - len(report.unreached)
    lines.append(f"Reached: {reached} of {report.parts} rules, defaults, guardrails and guarantees")
    lines += [f"  not reached: {one.kind} {one.name!r} ({one.place})" for one in report.unreached]
    return "\n".join(lines)


def _failed(result: Result) -> Iterator[str]:
    yield f"FAILED {result.test.name} ({result.test.place})"
    for failure in result.failures:
        yield f"  {failure}"
    if result.decision is not None:
        yield f"  decided: {_outcome(result.decision)}: {result.decision.why}"


# -- diff, replay -----------------------------------------------------------------------------------------------------


def diff_json(tests: int, decisions: int, changes: Sequence[Change]) -> JsonDict:
    """``policy diff --json``."""
    return {
        "tests": tests,
        "recorded": decisions,
        "changed": len(changes),
        "changes": [
            {
                "case": one.case,
                "source": one.source,
                "differences": list(one.differences),
                "before": decision_json(one.before) if one.before else None,
                "after": decision_json(one.after) if one.after else None,
            }
            for one in changes
        ],
    }


def diff_text(tests: int, decisions: int, changes: Sequence[Change]) -> str:
    """``policy diff``: each step that would go otherwise, and the count."""
    lines = []
    for one in changes:
        lines.append(f"{one.source} {one.case}")
        lines += [f"  {difference}" for difference in one.differences]
    decided = f"{_number(tests, 'test')} and {_number(decisions, 'recorded decision')}"
    lines.append(f"{decided}: {len(changes)} would change")
    return "\n".join(lines)


def replay_json(replays: Sequence[Replay]) -> JsonDict:
    """``policy replay --json``."""
    different = [one for one in replays if not one.same]
    return {
        "replayed": len(replays),
        "different": [{"decision_id": one.decision_id, "differences": list(one.differences)} for one in different],
    }


def replay_text(replays: Sequence[Replay]) -> str:
    """``policy replay``: what differs, and the count."""
    lines = []
    different = [one for one in replays if not one.same]
    for one in different:
        lines.append(f"DIFFERS {one.decision_id}")
        lines += [f"  {difference}" for difference in one.differences]
    lines.append(f"{_number(len(replays), 'decision')} replayed, {len(different)} different")
    return "\n".join(lines)


# -- show -------------------------------------------------------------------------------------------------------------


def show_json(policy: Policy, lines: Iterable[Line]) -> JsonDict:
    """``policy show --json``."""
    return {
        "digest": policy.digest,
        "layers": [{"layer": layer.label, "file": file} for layer, file in policy.layers],
        "parts": [
            {
                "section": one.section,
                "text": one.text,
                "layer": one.layer.label,
                "place": str(one.place),
                "in_force": one.in_force,
                "overruled_by": str(one.overruled_by) if one.overruled_by else None,
            }
            for one in lines
        ],
    }


def show_text(policy: Policy, lines: Iterable[Line]) -> str:
    """``policy show``: by table, what is overruled marked as such."""
    shown = [f"Policy {policy.digest[:12]}"]
    shown += [f"  {layer.label}: {file}" for layer, file in policy.layers]
    section = ""
    for one in lines:
        if one.section != section:
            section = one.section
            shown += ["", section]
        overruled = f", overruled by {one.overruled_by}" if one.overruled_by else ""
        shown.append(f"  {one.text}   # {one.layer.label}, {one.place}{overruled}")
    return "\n".join(shown)


# -- explain ----------------------------------------------------------------------------------------------------------


def explain_json(traced: Trace, answer: WhyNot | None) -> JsonDict:
    """``policy explain --json``."""
    return {
        "decision": decision_json(traced.decision),
        "guardrails": [
            {
                "name": one.name,
                "layer": one.layer.label,
                "place": str(one.place),
                "met": one.met,
                "unmet": list(one.unmet),
                "exempt": one.exempt,
            }
            for one in traced.guardrails
        ],
        "tried": [
            {
                "name": one.name,
                "layer": one.layer.label,
                "place": str(one.place),
                "matched": one.matched,
                "unmet": list(one.unmet),
                "decided": one.decided,
                "lacking": one.lacking,
            }
            for one in traced.tried
        ],
        "untried": traced.untried,
        "why_not": _why_not_json(answer) if answer else None,
    }


def explain_text(facts: Facts, traced: Trace, answer: WhyNot | None) -> str:
    """``policy explain``: the decision as a tree, from the step down to the choice."""
    decision = traced.decision
    branches: list[tuple[str, list[str]]] = [
        (f"Step: {describe(facts)}", [f"about {facts.input_tokens} tokens of input", *_suspicions(facts)]),
        (f"Guardrails: {_met_count(traced.guardrails)}", [_guardrail(one) for one in traced.guardrails]),
        _candidates(decision.candidates),
        ("Tried in this order", [_tried(one) for one in traced.tried] + _untried(traced)),
        (f"Result: {_outcome(decision)}", [f"why: {decision.why}", *_beside(decision)]),
    ]
    if answer is not None:
        branches.append(_why_not(answer))
    return "\n".join([f"Decision {decision.decision_id}", *_tree(branches)])


def _tree(branches: list[tuple[str, list[str]]]) -> Iterator[str]:
    for number, (title, leaves) in enumerate(branches, 1):
        last = number == len(branches)
        yield f"{'└─' if last else '├─'} {title}"
        for position, leaf in enumerate(leaves, 1):
            yield f"{'   ' if last else '│  '}{'└─' if position == len(leaves) else '├─'} {leaf}"


def _suspicions(facts: Facts) -> list[str]:
    also = facts.suspected_intents
    return [f"for guardrails also: {', '.join(also)}, which the text suggests"] if also else []


def _met_count(guardrails: Sequence[Met]) -> str:
    return f"{sum(one.met for one in guardrails)} of {len(guardrails)} met" if guardrails else "none"


def _guardrail(one: Met) -> str:
    named = f"{one.layer.label} {one.name!r} ({one.place})"
    if one.met:
        return f"met: {named}{': ' + one.why if one.why else ''}"
    return f"not met: {named}: {'its `unless` holds' if one.exempt else _not(one.unmet)}"


def _not(unmet: Sequence[str]) -> str:
    return f"not so: {', '.join(unmet)}"


def _candidates(candidates: Sequence[Candidate]) -> tuple[str, list[str]]:
    eligible = [one.deployment for one in candidates if one.eligible]
    by_reason: dict[str, list[str]] = {}
    for one in candidates:
        if not one.eligible:
            by_reason.setdefault("; ".join(reason.text for reason in one.reasons), []).append(one.deployment)
    leaves = [f"eligible: {', '.join(eligible) or 'none'}"]
    for reason, names in by_reason.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        leaves.append(f"not: {', '.join(names[:_NAMED])}{more}: {reason}")
    return f"Models: {len(eligible)} of {len(candidates)} eligible", leaves


_NAMED = 3


def _tried(one: Tried) -> str:
    named = f"{one.layer.label} {one.name!r} ({one.place})"
    if not one.matched:
        return f"passed: {named}: {_not(one.unmet)}"
    if one.decided:
        return f"decides: {named}{': ' + one.lacking if one.lacking else ''}"
    return f"matches, cannot be served: {named}: {one.lacking}"


def _untried(traced: Trace) -> list[str]:
    return [f"{traced.untried} more were not needed"] if traced.untried else []


def _outcome(decision: Decision) -> str:
    if decision.selected is None:
        return decision.outcome.value
    rest = [choice.deployment for choice in decision.chain[1:]]
    return decision.selected.deployment + (f", then {', '.join(rest)}" if rest else "")


def _beside(decision: Decision) -> list[str]:
    tools = [f"{tool.value} {permission.value}" for tool, permission in decision.permissions.items()]
    held = [f"guarantees: {', '.join(decision.guarantees)}"] if decision.guarantees else []
    return [*held, f"permissions: {', '.join(tools)}", *(f"note: {note}" for note in decision.notes)]


def _why_not(answer: WhyNot) -> tuple[str, list[str]]:
    title = f"Why not {answer.model}?"
    if not answer.known:
        return title, ["the catalog does not have it: no provider, server or policy names it"]
    if answer.selected:
        return title, ["it is what was chosen"]
    leaves = ["it is eligible"] if answer.eligible else [f"not eligible: {reason}" for reason in answer.reasons]
    if not answer.eligible:
        leaves += _ways("to be eligible", answer.to_be_eligible)
    return title, leaves + _ways("to be chosen", answer.to_be_selected)


def _ways(goal: str, ways: Sequence[Way]) -> list[str]:
    if not ways:
        return [f"{goal}: no change, and no two changes, that were tried are enough"]
    return [f"{goal}: {' and '.join(way.changes)}" for way in ways]


def _why_not_json(answer: WhyNot) -> JsonDict:
    return {
        "model": answer.model,
        "known": answer.known,
        "eligible": answer.eligible,
        "selected": answer.selected,
        "reasons": list(answer.reasons),
        "to_be_eligible": [list(way.changes) for way in answer.to_be_eligible],
        "to_be_selected": [list(way.changes) for way in answer.to_be_selected],
        "tried": answer.tried,
    }


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
