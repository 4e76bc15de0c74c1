"""Digests that name what was decided on, so that a decision can be found again and replayed."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Final

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.facts.types import Attributes, Facts, Values

_ID_DIGITS: Final = 20


def snapshot_digest(catalog: Catalog, snapshot: Snapshot) -> str:
    """SHA-256 (hex) of every deployment's facts and of the snapshot, independent of mappings' order."""
    hashing = hashlib.sha256(_canonical(snapshot).encode())
    for deployment in catalog.deployments:
        hashing.update(b"\0" + _canonical(deployment).encode())
    return hashing.hexdigest()


def decision_id(policy_digest: str, snapshot_digest: str, facts: Facts) -> str:
    """``d_`` and hex digits of the SHA-256 of all that a decision depends on."""
    text = f"{policy_digest}\0{snapshot_digest}\0{_facts(facts)}"
    return "d_" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_ID_DIGITS]


def _facts(facts: Facts) -> str:
    """All of `facts` as text, field by field: a dataclass's own ``repr`` would take as long as the whole decision."""
    intent, plan = facts.intent, facts.context
    parts: list[object] = [
        (intent.value, intent.source.value, intent.confidence, intent.evidence),
        [(path.declared, path.names, path.source.value, path.canonical) for path in facts.paths],
        (facts.skill, facts.effort and facts.effort.value, facts.proposed_model, facts.restricted),
        (facts.input_tokens, facts.max_output_tokens, facts.suspected_intents, facts.task_sha256, facts.task_chars),
        [(one.path, one.bytes, one.tokens, one.sha256, one.truncated, one.note) for one in plan.included],
        [(one.path, one.reason.value, one.detail) for one in plan.excluded],
    ]
    for name in _ATTRIBUTES:
        values: Values = getattr(facts.attributes, name)
        if values.bound or values.observed or values.asserted:
            parts.append((name, sorted(values.bound), sorted(values.observed), sorted(values.asserted)))
    return repr(parts)


_ATTRIBUTES: Final = tuple(one.name for one in fields(Attributes))


def _canonical(value: object) -> str:
    """A text that is the same for equal values: mappings and sets sorted, everything else as it prints."""
    if hasattr(value, "__dataclass_fields__"):
        inner = ",".join(f"{one.name}={_canonical(getattr(value, one.name))}" for one in fields(value))  # type: ignore[arg-type]
        return f"{type(value).__name__}({inner})"
    if hasattr(value, "items"):
        return "{" + ",".join(f"{key!r}:{_canonical(inner)}" for key, inner in sorted(value.items())) + "}"
    if isinstance(value, (frozenset, set)):
        return "{" + ",".join(sorted(map(repr, value))) + "}"
    return repr(value)
