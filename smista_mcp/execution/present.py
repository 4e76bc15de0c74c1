"""How decisions and runs are shown: JSON for programs, a few lines for people and for the model in the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from smista_mcp.errors import RefusedError, RunFailedError, SmistaError
from smista_mcp.execution.engine import Delegation, Failure
from smista_mcp.facts.types import in_words
from smista_mcp.ledger.types import Attempt, Run, RunOutcome
from smista_mcp.policy.types import JsonDict
from smista_mcp.providers.types import StopReason
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.record import decision_json, money


def delegation_json(delegation: Delegation) -> JsonDict:
    """A decision's JSON with the answer and all that it took: what ``delegate --json`` prints."""
    return {
        **decision_json(delegation.decision),
        "answer": delegation.answer,
        "stop": delegation.stop.value,
        **run_json(delegation.run),
    }


def run_json(run: Run) -> JsonDict:
    """A run: its attempts in order, what they used together, what they cost together, who answered."""
    answered = next((one.model_answered for one in run.attempts if one.failure is None), None)
    return {
        "run_id": run.id,
        "run_outcome": run.outcome.value,
        "started_at": run.started_at,
        "duration_ms": run.duration_ms,
        "attempts": [_attempt(one) for one in run.attempts],
        "usage": _usage(run.attempts),
        "cost": money(run.cost),
        "currency": run.currency,
        "model_answered": answered,
    }


def error_json(error: SmistaError) -> JsonDict:
    """An error as every ``--json`` command prints it, with the decision and the attempts where there are any."""
    shown: JsonDict = {"error": error.as_dict()}
    if isinstance(error, RefusedError) and isinstance(error.decision, Decision):
        return {**shown, **decision_json(error.decision)}
    if isinstance(error, RunFailedError) and isinstance(error.run, Failure):
        return {**shown, **decision_json(error.run.decision), **run_json(error.run.run)}
    return shown


def reason_text(delegation: Delegation) -> str:
    """Why this model, in a few short lines: deployment, rule, cost, ids, and what else the caller should know."""
    decision, run = delegation.decision, delegation.run
    answered = run.attempts[-1]
    lines = [
        f"Answered by {answered.deployment}{_as_model(answered)}, {_where(decision, answered)}, "
        f"{_seconds(run.duration_ms)}, {_cost_text(run)}.",
        f"Why: {_rule_text(decision)}; {decision.why}.",
    ]
    lines += [f"Before it, {one.deployment} failed: {one.failure}." for one in run.attempts[:-1]]
    if delegation.stop is StopReason.MAX_TOKENS:
        lines.append("The answer was cut at the token limit; ask with a larger max_output_tokens for the rest.")
    elif delegation.stop is StopReason.REFUSAL:
        lines.append("The model declined to do this step.")
    lines += _left_out(decision)
    lines += [f"Note: {note}." for note in decision.notes]
    lines.append(f"Decision {decision.decision_id}, run {run.id}.")
    return "\n".join(lines)


def decision_text(record: JsonDict) -> str:
    """A decision for reading, from its JSON (so that a recorded one reads like a fresh one)."""
    return "\n".join(_decision_lines(record))


def run_text(run: Run) -> str:
    """A recorded run for reading: one line for it and one for each attempt."""
    if run.outcome is RunOutcome.RUNNING:
        return f"Run {run.id}: begun {run.started_at}, no end recorded: it is still running, or its process was killed"
    lines = [f"Run {run.id}: {run.outcome.value} in {_seconds(run.duration_ms)}, {_cost_text(run)}"]
    for number, one in enumerate(run.attempts, 1):
        state = f"failed: {one.failure}: {one.detail}" if one.failure else f"answered{_as_model(one)}"
        lines.append(f"  {number}. {one.deployment} {state} ({_seconds(one.duration_ms)}, {_tokens_text([one])})")
    return "\n".join(lines)


def _decision_lines(record: JsonDict) -> Iterator[str]:
    intent, rule, estimate = record["intent"], record["rule"], record["estimate"]
    if record["selected"]:
        selected = record["selected"]
        effort = f", effort {selected['effort']}" if selected["effort"] else ""
        yield f"Route: {selected['deployment']} ({'local' if selected['local'] else 'remote'}{effort})"
        if fallbacks := [choice["deployment"] for choice in record["chain"][1:]]:
            yield f"Then: {', '.join(fallbacks)}"
    else:
        yield f"Refused: {record['outcome']}"
    if rule:
        yield f"Rule: {rule['name']} ({rule['layer']}, {rule['place']})"
    yield f"Why: {record['why']}"
    for one in record["passed_over"]:
        yield f"Passed over: {one}"
    if record["guardrails"]:
        yield f"Guardrails: {', '.join(record['guardrails'])}"
    if record["guarantees"]:
        yield f"Guarantees: {', '.join(record['guarantees'])}"
    yield f"Intent: {intent['value']} (from the {intent['source']}, confidence {intent['confidence']:.2f})"
    if estimate:
        tokens = f"{estimate['input_tokens']} tokens in, at most {estimate['output_tokens']} out"
        yield f"Estimate: {tokens}, {_range(estimate)}"
    yield from _context_lines(record["context"])
    eligible = [one["deployment"] for one in record["candidates"] if one["eligible"]]
    yield f"Eligible: {', '.join(eligible) or 'none'}"
    yield from _exclusion_lines(record["candidates"])
    for note in record["notes"]:
        yield f"Note: {note}"
    yield f"Decision {record['decision_id']}, policy {record['policy_digest'][:12]}"


def _context_lines(context: JsonDict) -> Iterator[str]:
    for one in context["included"]:
        yield f"Sends: {one['path']} ({one['tokens']} tokens{', cut' if one['truncated'] else ''})"
    for one in context["excluded"]:
        yield f"Leaves out: {one['path']}: {one['detail'] or one['reason'].replace('_', ' ')}"


def _exclusion_lines(candidates: list[JsonDict]) -> Iterator[str]:
    """The excluded, those with the same reasons on one line."""
    by_reason: dict[str, list[str]] = {}
    for one in candidates:
        if not one["eligible"]:
            reasons = "; ".join(reason["text"] for reason in one["reasons"])
            by_reason.setdefault(reasons, []).append(one["deployment"])
    for reasons, names in by_reason.items():
        shown = ", ".join(names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield f"Not eligible: {shown}{more}: {reasons}"


_MOST_NAMES = 3
"""How many models with one reason are named; the JSON has them all."""


def _range(estimate: JsonDict) -> str:
    least, most = estimate["cost_min"], estimate["cost_max"]
    if most is None:
        return "cost not known"
    if most == "0":
        return "no cost by the token"
    return f"{_short(Decimal(least))} to {_short(Decimal(most))} {estimate['currency']}"


def _where(decision: Decision, attempt: Attempt) -> str:
    local = any(choice.local for choice in decision.chain if choice.deployment == attempt.deployment)
    return "on this machine" if local else "remote"


def _rule_text(decision: Decision) -> str:
    if decision.rule is None:
        return "no rule"
    if decision.rule.priority is None:
        return f"the {decision.rule.name}"
    return f"{decision.rule.layer.label} rule {decision.rule.name!r}"


def _left_out(decision: Decision) -> list[str]:
    excluded = decision.context.excluded
    lines = [f"Left out: {one.path}: {in_words(one)}." for one in excluded[:_MOST_LEFT_OUT]]
    if more := len(excluded) - len(lines):
        lines.append(f"Left out: {more} more files; the decision names them.")
    return lines


_MOST_LEFT_OUT = 5


def _as_model(attempt: Attempt) -> str:
    answered = attempt.model_answered
    return f" (as {answered})" if answered and answered != attempt.model_asked else ""


def _cost_text(run: Run) -> str:
    costs, tokens = run.costs, _tokens_text(run.attempts)
    if costs is None:
        return f"cost not known, {tokens}"
    if not costs:
        return f"no cost by the token, {tokens}"
    return f"{' and '.join(f'{_short(cost)} {currency}' for currency, cost in costs.items())}, {tokens}"


def _tokens_text(attempts: Iterable[Attempt]) -> str:
    usage = _usage(attempts)
    return f"{'about ' if usage['estimated'] else ''}{usage['input_tokens']} tokens in, {usage['output_tokens']} out"


def _usage(attempts: Iterable[Attempt]) -> JsonDict:
    listed = list(attempts)
    return {
        "input_tokens": sum(one.input_tokens for one in listed),
        "output_tokens": sum(one.output_tokens for one in listed),
        "cached_tokens": sum(one.cached_tokens for one in listed),
        "reasoning_tokens": sum(one.reasoning_tokens for one in listed),
        "estimated": any(one.usage_estimated for one in listed),
    }


def _attempt(one: Attempt) -> JsonDict:
    return {
        "deployment": one.deployment,
        "model_asked": one.model_asked,
        "model_answered": one.model_answered,
        "started_at": one.started_at,
        "duration_ms": one.duration_ms,
        "failure": one.failure,
        "detail": one.detail,
        "status": one.status,
        "request_id": one.request_id,
        "usage": _usage([one]),
        "cost": money(one.cost),
        "currency": one.currency,
    }


def _seconds(duration_ms: int) -> str:
    return f"{duration_ms / 1000:.1f} s"


def _short(amount: Decimal) -> str:
    """Money with at most six decimals, and never rounded to nothing."""
    return f"{amount:.6f}".rstrip("0").rstrip(".") if amount >= Decimal("0.000001") or not amount else "<0.000001"
