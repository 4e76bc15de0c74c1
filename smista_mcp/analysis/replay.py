"""Recorded decisions, made again from what they were made on, and held against the record to the byte."""

from __future__ import annotations

import json
from dataclasses import dataclass

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import JsonDict, Policy
from smista_mcp.routing.decide import decide
from smista_mcp.routing.record import decision_json


@dataclass(frozen=True, slots=True)
class Replay:
    """One recorded decision made again."""

    decision_id: str
    same: bool
    differences: tuple[str, ...] = ()
    """Which members of the record differ and how, in words; a change of form alone is said to be one."""


def replay(
    decision_id: str, record: JsonDict, facts: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> Replay:
    """Decide again and compare with `record`, which is what was kept."""
    again = decision_json(decide(facts, policy, catalog, snapshot))
    if canonical(again) == canonical(record):
        return Replay(decision_id, True)
    return Replay(decision_id, False, tuple(_differences(record, again)))


def canonical(record: JsonDict) -> bytes:
    """A record as the bytes that are compared: keys sorted, no spaces, ASCII."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _differences(record: JsonDict, again: JsonDict) -> list[str]:
    found = []
    for key in sorted({*record, *again}):
        before, after = (json.dumps(one.get(key), sort_keys=True, ensure_ascii=True) for one in (record, again))
        if before != after:
            found.append(f"{key}: recorded {_short(before)}, decided {_short(after)}")
    return found


_SHOWN = 160


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
