"""``smista-mcp policy``: test, compare, replay, show and explain what a policy does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from smista_mcp import places
from smista_mcp.cli.arguments import add_json_flag, add_workspace_argument
from smista_mcp.cli.output import print_json
from smista_mcp.cli.step import add_step_arguments, step_from
from smista_mcp.errors import LedgerError

if TYPE_CHECKING:
    from smista_mcp.analysis.replay import Replay
    from smista_mcp.ledger.store import Ledger

T = TypeVar("T")

_REPLAYED: Final = 100
"""How many decisions are replayed where nothing else is asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The five things that can be done."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    test = actions.add_parser("test", help="run a policy's own tests and say what they do not reach")
    test.add_argument("files", nargs="*", type=Path, metavar="FILE", help="policy files; all layers in force if none")
    add_workspace_argument(test)
    diff = actions.add_parser("diff", help="show what another policy would change")
    diff.add_argument("old", type=Path, metavar="OLD", help="the policy file as it is")
    diff.add_argument("new", type=Path, metavar="NEW", help="the policy file as it would be")
    diff.add_argument(
        "--recorded", type=_count, default=0, metavar="N", help="decide the last N recorded decisions under both too"
    )
    replay = actions.add_parser("replay", help="decide recorded decisions again and report any that differ")
    replay.add_argument(
        "--last", type=_count, default=_REPLAYED, metavar="N", help=f"how many, the latest first (default: {_REPLAYED})"
    )
    show = actions.add_parser("show", help="show the merged policy and where each part of it comes from")
    add_workspace_argument(show)
    for one in (test, diff, replay, show):
        add_json_flag(one)
    explain = actions.add_parser("explain", help="show how a decision comes about, step by step")
    add_step_arguments(explain)
    explain.add_argument("--why-not", metavar="PROVIDER/MODEL", help="find the nearest change that would choose it")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    actions = {"test": _test, "diff": _diff, "replay": _replay, "show": _show, "explain": _explain}
    return actions[arguments.action](arguments)


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"a number from 0 to {_MOST}")
    return number


_MOST: Final = 100_000


def _test(arguments: argparse.Namespace) -> int:
    """Run the tests; 1 if one fails."""
    from smista_mcp.analysis.policy_tests import models_named, run_tests
    from smista_mcp.cli.policy_files import assumed, from_files, in_force
    from smista_mcp.cli.policy_text import report_json, report_text

    files = from_files(arguments.files) if arguments.files else in_force(arguments.workspace)
    catalog, moment = assumed(files.policy, models_named(files.policy.tests))
    report = run_tests(files.policy, catalog, moment)
    if arguments.json:
        print_json(report_json(report))
    else:
        print(report_text(report))
    return 1 if report.failed else 0


def _diff(arguments: argparse.Namespace) -> int:
    from smista_mcp.analysis.diff import Change, diff_recorded, diff_tests
    from smista_mcp.analysis.policy_tests import Bench, models_named
    from smista_mcp.cli.policy_files import assumed, from_files
    from smista_mcp.cli.policy_text import diff_json, diff_text

    sides = [from_files([path]).policy for path in (arguments.old, arguments.new)]
    named = {name for one in sides for name in (*one.mentioned_models(), *models_named(one.tests))}
    old, new = (Bench(one, *assumed(one, sorted(named))) for one in sides)
    tests, changes = diff_tests(old, new)

    async def recorded(ledger: Ledger) -> tuple[int, list[Change]]:
        found: list[Change] = []
        wanted = await ledger.latest(arguments.recorded)
        for one in wanted:
            inputs = await ledger.inputs(one)
            if inputs is None:
                continue
            change = diff_recorded(one, inputs.facts, inputs.catalog, inputs.snapshot, old, new)
            if change is not None:
                found.append(change)
        return len(wanted), found

    decisions, more = 0, list[Change]()
    if arguments.recorded:
        decisions, more = asyncio.run(_with_ledger(recorded, (0, more)))
        changes = (*changes, *more)
    if arguments.json:
        print_json(diff_json(tests, decisions, changes))
    else:
        print(diff_text(tests, decisions, changes))
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    """Decide again; 1 if a decision differs from its record, or its record cannot be read."""
    from smista_mcp.cli.policy_text import replay_json, replay_text

    async def again(ledger: Ledger) -> list[Replay]:
        return await _replayed(ledger, arguments.last)

    nothing: list[Replay] = []
    replays = asyncio.run(_with_ledger(again, nothing))
    if arguments.json:
        print_json(replay_json(replays))
    else:
        print(replay_text(replays))
    return 0 if all(one.same for one in replays) else 1


async def _replayed(ledger: Ledger, count: int) -> list[Replay]:
    from smista_mcp.analysis.replay import Replay, replay

    found = []
    for one in await ledger.latest(count):
        try:
            entry, inputs = await ledger.entry(one), await ledger.inputs(one)
        except LedgerError as error:
            found.append(Replay(one, False, (str(error),)))
            continue
        if entry is None or inputs is None:
            found.append(Replay(one, False, ("nothing is recorded of what it was made on",)))
        else:
            parts = (inputs.facts, inputs.policy, inputs.catalog, inputs.snapshot)
            found.append(replay(one, entry.decision, *parts))
    return found


def _show(arguments: argparse.Namespace) -> int:
    from smista_mcp.analysis.show import show
    from smista_mcp.cli.policy_files import in_force
    from smista_mcp.cli.policy_text import show_json, show_text

    files = in_force(arguments.workspace)
    lines = show(files.policy, files.sources)
    if arguments.json:
        print_json(show_json(files.policy, lines))
    else:
        print(show_text(files.policy, lines))
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from smista_mcp.analysis.changes import Situation
    from smista_mcp.analysis.nearest import why_not
    from smista_mcp.analysis.trace import trace
    from smista_mcp.cli.policy_text import explain_json, explain_text
    from smista_mcp.execution.engine import Engine

    async def situation() -> Situation:
        async with Engine.for_workspace(arguments.workspace) as engine:
            inputs = await engine.inputs(step_from(arguments))
        return Situation(inputs.facts, inputs.policy, inputs.catalog, inputs.snapshot)

    found = asyncio.run(situation())
    traced = trace(found.facts, found.policy, found.catalog, found.snapshot)
    answer = why_not(found, arguments.why_not) if arguments.why_not else None
    if arguments.json:
        print_json(explain_json(traced, answer))
    else:
        print(explain_text(found.facts, traced, answer))
    return 0


async def _with_ledger(use: Callable[[Ledger], Awaitable[T]], nothing: T) -> T:
    """What `use` makes of this user's ledger; `nothing` where there is none yet."""
    if not places.ledger_file().exists():
        return nothing
    from smista_mcp.ledger.store import Ledger

    ledger = await Ledger.open(places.ledger_file())
    try:
        return await use(ledger)
    finally:
        await ledger.close()
