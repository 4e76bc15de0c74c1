"""``smista-mcp models``: what is known here, what can be used, and what to do about the rest."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable

from smista_mcp.catalog.types import Deployment, Snapshot
from smista_mcp.cli.arguments import add_json_flag, add_workspace_argument
from smista_mcp.cli.output import print_json
from smista_mcp.policy.types import JsonDict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to list all, the workspace, and ``--json``."""
    parser.add_argument("--all", action="store_true", help="list those that cannot be used too")
    add_workspace_argument(parser)
    add_json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the catalog."""
    from smista_mcp.execution.engine import Engine

    async def look() -> tuple[tuple[Deployment, ...], Snapshot]:
        async with Engine.for_workspace(arguments.workspace) as engine:
            conditions = await engine.conditions()
        return conditions.catalog.deployments, conditions.snapshot

    deployments, snapshot = asyncio.run(look())
    if arguments.json:
        listed = [{**_facts(one), "unavailable": snapshot.unavailable.get(one.id)} for one in deployments]
        print_json({"taken_at": snapshot.taken_at, "deployments": listed})
        return 0
    usable = [one for one in deployments if one.id not in snapshot.unavailable]
    _print_table(usable)
    rest = [one for one in deployments if one.id in snapshot.unavailable]
    if arguments.all:
        for one in rest:
            print(f"{one.id}: {snapshot.unavailable[one.id]}")
    elif rest:
        reasons = sorted({snapshot.unavailable[one.id] for one in rest})
        print(f"\n{len(rest)} more cannot be used now (--all lists them):")
        for reason in reasons:
            print(f"  {reason}")
    return 0


def _facts(one: Deployment) -> JsonDict:
    from smista_mcp.routing.record import money

    price = one.price
    return {
        "deployment": one.id,
        "provider": one.provider,
        "model": one.model,
        "dialect": one.dialect.value,
        "vendor": one.vendor,
        "family": one.family,
        "local": one.local,
        "local_evidence": one.local_evidence,
        "context_window": one.context_window,
        "max_output_tokens": one.max_output_tokens,
        "capabilities": sorted(one.capabilities),
        "quality": dict(sorted(one.quality.items())),
        "quality_source": one.quality_source,
        "price": None
        if price is None
        else {
            "input": money(price.input),
            "output": money(price.output),
            "cached_input": money(price.cached_input),
            "currency": price.currency,
            "source": price.source,
        },
        "speed": one.speed,
        "latency_ms": one.latency_ms,
        "processing_countries": _countries(one.processing_countries),
        "storage_countries": _countries(one.storage_countries),
        "serving_scope": one.serving_scope.value if one.serving_scope else None,
        "operator_country": one.operator_country,
        "zero_retention": one.zero_retention,
        "trains_on_data": one.trains_on_data,
        "certifications": sorted(one.certifications),
        "evidence_url": one.evidence_url or None,
        "evidence_date": one.evidence_date or None,
        "trial": one.trial,
        "known": one.known,
    }


def _countries(codes: frozenset[str] | None) -> list[str] | None:
    """Sorted; ``None`` where it is not known, which is not the same as nowhere."""
    return None if codes is None else sorted(codes)


def _print_table(deployments: Iterable[Deployment]) -> None:
    from smista_mcp.routing.record import money

    rows = [("model", "where", "window", "quality", "per million tokens in/out")]
    for one in deployments:
        price = "not known"
        if one.price is not None:
            free = not one.price.input and not one.price.output
            price = "none" if free else f"{money(one.price.input)} / {money(one.price.output)} {one.price.currency}"
        quality = one.quality_for("default")
        rows.append(
            (
                one.id,
                "local" if one.local else "remote",
                str(one.context_window or "not known"),
                "not known" if quality is None else f"{quality:g}",
                price,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
