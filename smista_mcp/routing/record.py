"""A decision as JSON: the shape that ``preview --json`` prints, tools return as data, and the ledger keeps."""

from __future__ import annotations

from decimal import Decimal

from smista_mcp.policy.types import JsonDict, Tool
from smista_mcp.routing.decision import Choice, Decision, Estimate, RuleRef


def decision_json(decision: Decision) -> JsonDict:
    """The whole decision. Money is text (a decimal), never a float; keys are stable and only ever added to."""
    intent, context = decision.intent, decision.context
    return {
        "outcome": decision.outcome.value,
        "decision_id": decision.decision_id,
        "intent": {
            "value": intent.value,
            "source": intent.source.value,
            "confidence": round(intent.confidence, 3),
            "evidence": intent.evidence,
        },
        "selected": _choice(decision.selected) if decision.selected else None,
        "chain": [_choice(choice) for choice in decision.chain],
        "rule": _rule(decision.rule) if decision.rule else None,
        "why": decision.why,
        "passed_over": list(decision.passed_over),
        "notes": list(decision.notes),
        "guardrails": list(decision.guardrails),
        "guarantees": list(decision.guarantees),
        "candidates": [
            {
                "deployment": candidate.deployment,
                "eligible": candidate.eligible,
                "reasons": [{"code": reason.code.value, "text": reason.text} for reason in candidate.reasons],
            }
            for candidate in decision.candidates
        ],
        "estimate": _estimate(decision.estimate) if decision.estimate else None,
        "context": {
            "included": [
                {
                    "path": file.path,
                    "bytes": file.bytes,
                    "tokens": file.tokens,
                    "sha256": file.sha256,
                    "truncated": file.truncated,
                    "note": file.note,
                }
                for file in context.included
            ],
            "excluded": [
                {"path": file.path, "reason": file.reason.value, "detail": file.detail} for file in context.excluded
            ],
        },
        "permissions": {tool.value: decision.permissions[tool].value for tool in Tool if tool in decision.permissions},
        "policy_digest": decision.policy_digest,
        "snapshot": {"digest": decision.snapshot_digest, "taken_at": decision.snapshot_taken_at},
    }


def money(amount: Decimal | None) -> str | None:
    """A decimal as plain text without exponent or trailing zeros; ``None`` stays ``None``."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _choice(choice: Choice) -> JsonDict:
    return {
        "deployment": choice.deployment,
        "provider": choice.provider,
        "model": choice.model,
        "local": choice.local,
        "effort": choice.effort.value if choice.effort else None,
    }


def _rule(rule: RuleRef) -> JsonDict:
    return {"name": rule.name, "layer": rule.layer.label, "priority": rule.priority, "place": str(rule.place)}


def _estimate(estimate: Estimate) -> JsonDict:
    return {
        "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens,
        "cost_min": money(estimate.cost_min),
        "cost_max": money(estimate.cost_max),
        "currency": estimate.currency,
    }
