"""``smista-mcp explain``: a recorded decision and how it was carried out."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from smista_mcp import places
from smista_mcp.cli.arguments import add_json_flag
from smista_mcp.cli.output import print_json
from smista_mcp.errors import LedgerError

if TYPE_CHECKING:
    from smista_mcp.ledger.store import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The id to look up, and ``--json``."""
    parser.add_argument("id", nargs="?", help="a decision's or run's id, or its beginning; the last one if left out")
    add_json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the entry.

    Raises:
        LedgerError: nothing is recorded under that id.
    """
    from smista_mcp.execution.present import decision_text, run_json, run_text

    entry = asyncio.run(_entry(arguments.id))
    if entry is None:
        raise LedgerError(
            f"nothing is recorded under {arguments.id}" if arguments.id else "nothing is recorded yet",
            hint="run a step with `smista-mcp delegate` or from your host; previews are not recorded",
        )
    if arguments.json:
        runs = [run_json(one) for one in entry.runs]
        print_json({"recorded_at": entry.recorded_at, "decision": entry.decision, "runs": runs})
    else:
        print(f"Recorded {entry.recorded_at}")
        print(decision_text(entry.decision))
        for one in entry.runs:
            print(run_text(one))
    return 0


async def _entry(wanted: str | None) -> Entry | None:
    if not places.ledger_file().exists():
        return None
    from smista_mcp.ledger.store import Ledger

    ledger = await Ledger.open(places.ledger_file())
    try:
        return await ledger.entry(wanted)
    finally:
        await ledger.close()
