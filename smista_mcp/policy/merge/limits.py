"""Guardrails, guarantees, budgets, and what privacy demands, of all layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.merge.files import Entry, File, Said, entries
from smista_mcp.policy.merge.routing import match, modes
from smista_mcp.policy.types import Budget, Demands, Detect, Guarantee, Guardrail, Layer, Match, Then

_STRICTNESS: Final = tuple(Detect)


def guardrails(files: Iterable[File]) -> tuple[Guardrail, ...]:
    """``[[guardrails]]``, most trusted first."""
    return tuple(map(_guardrail, entries(files, "guardrails")))


def _guardrail(entry: Entry) -> Guardrail:
    table = entry.table
    return Guardrail(
        name=table.get("name", f"guardrail {entry.order + 1}"),
        layer=entry.layer,
        order=entry.order,
        match=match(table),
        place=entry.place,
        unless=match(table["unless"]) if "unless" in table else None,
        require=_demands(table.get("require", {})),
        forbid=_demands(table.get("forbid", {})),
        why=table.get("why", ""),
    )


def _demands(table: Mapping[str, Any]) -> Demands:
    return Demands(
        local=table.get("local"),
        regions=table.get("regions", ()),
        vendors=table.get("vendors", ()),
        models=tuple(sorted(set(table.get("models", ())))),
        zero_retention=table.get("zero_retention"),
        certifications=table.get("certifications", ()),
        max_cost=table.get("max_cost"),
        max_latency_ms=table.get("max_latency_ms"),
        tools=modes(table),
    )


def guarantees(files: Iterable[File]) -> tuple[Guarantee, ...]:
    """``[[guarantees]]`` of the organisation; of anybody else they are an error that was found before."""
    found = entries((file for file in files if file.layer is Layer.ORGANISATION), "guarantees")
    return tuple(
        Guarantee(
            name=entry.table.get("name", f"guarantee {entry.order + 1}"),
            order=entry.order,
            match=match(entry.table),
            place=entry.place,
            why=entry.table.get("why", ""),
        )
        for entry in found
    )


def budgets(files: Iterable[File], findings: list[Finding]) -> tuple[Budget, ...]:
    """``[[budgets]]``. Names are unique over all layers, since money is counted under them."""
    found: dict[str, Budget] = {}
    for entry in entries(files, "budgets"):
        table = entry.table
        budget = Budget(
            name=table["name"],
            layer=entry.layer,
            order=entry.order,
            per=table["per"],
            limit=table["limit"],
            period=table["period"],
            then=table.get("then", Then.DENY),
            place=entry.place,
            match=match(table),
        )
        first = found.setdefault(budget.name, budget)
        if first is not budget:
            message = f"Two budgets are called {shown(budget.name)}; the first is at {first.place}."
            fix = "Give one of them another name: money is counted under it."
            findings.append(Finding("duplicate_name", Severity.ERROR, budget.place, message, fix))
    return tuple(found.values())


def detect(files: Iterable[File]) -> tuple[Mapping[str, Detect], tuple[Guardrail, ...]]:
    """``[privacy.detect]``: for each class the strictest that any layer says, and the guardrails that carry it out."""
    found: dict[str, Said] = {}
    for file in files:
        for name, action in file.table("privacy").get("detect", {}).items():
            said = Said(action, file.layer, file.place("privacy", "detect", name))
            # The more trusted layer keeps its word where another says the same.
            found[name] = max(found.get(name, said), said, key=lambda one: _STRICTNESS.index(one.value))
    actions = MappingProxyType({name: found[name].value for name in sorted(found)})
    made = (_detected(name, found[name], order) for order, name in enumerate(actions))
    return actions, tuple(sorted((one for one in made if one is not None), key=lambda one: one.layer))


def _detected(name: str, said: Said, order: int) -> Guardrail | None:
    if said.value is Detect.WARN:
        return None
    blocked = said.value is Detect.BLOCK
    why = {
        Detect.BLOCK: f"data of the class {name} goes to no model",
        Detect.LOCAL: f"data of the class {name} stays on this machine",
        Detect.REDACT: f"data of the class {name} stays on this machine as long as it cannot be redacted",
    }
    return Guardrail(
        name=f"privacy.detect {name}",
        layer=said.layer,
        order=_AFTER_ALL_OTHERS + order,
        match=Match(data=(name,)),
        place=said.place,
        require=Demands(local=True),
        # Required and forbidden at once: there is no such model.
        forbid=Demands(local=True) if blocked else Demands(),
        why=why[said.value],
    )


_AFTER_ALL_OTHERS: Final = 1_000_000
