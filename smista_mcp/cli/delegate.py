"""``smista-mcp delegate``: run one step; the answer on standard output, the reason for its route on standard error."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from smista_mcp.cli.output import print_json
from smista_mcp.cli.step import add_step_arguments, step_from

add_arguments = add_step_arguments


def run(arguments: argparse.Namespace) -> int:
    """Carry the step out and print what came of it."""
    from smista_mcp.execution.engine import Delegation, Engine
    from smista_mcp.execution.present import delegation_json, reason_text

    async def carry_out() -> Delegation:
        _end_on_signals()
        async with Engine.for_workspace(arguments.workspace) as engine:
            return await engine.delegate(step_from(arguments), on_progress=_report if _shows_progress() else None)

    try:
        delegation = asyncio.run(carry_out())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        if _shows_progress():
            _clear_line()
    if arguments.json:
        print_json(delegation_json(delegation))
    else:
        print(delegation.answer)
        sys.stdout.flush()
        print(f"\n{reason_text(delegation)}", file=sys.stderr)
    return 0


def _end_on_signals() -> None:
    """Let SIGTERM and a closed terminal cancel the step as Ctrl-C does: the run is recorded, no child process left."""
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        for name in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)


def _shows_progress() -> bool:
    return sys.stderr.isatty()


async def _report(message: str) -> None:
    """One line that is written over by the next."""
    _clear_line()
    print(message, end="", file=sys.stderr, flush=True)


def _clear_line() -> None:
    print("\r\033[K", end="", file=sys.stderr, flush=True)
