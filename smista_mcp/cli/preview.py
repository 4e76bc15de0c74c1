"""``smista-mcp preview``: the decision, without running anything."""

from __future__ import annotations

import argparse
import asyncio

from smista_mcp.cli.output import print_json
from smista_mcp.cli.step import add_step_arguments, step_from
from smista_mcp.errors import RefusedError

add_arguments = add_step_arguments


def run(arguments: argparse.Namespace) -> int:
    """Print the decision; exits with 4 where the step would be refused."""
    from smista_mcp.execution.engine import Engine
    from smista_mcp.execution.present import decision_text
    from smista_mcp.routing.record import decision_json

    async def decide() -> int:
        async with Engine.for_workspace(arguments.workspace) as engine:
            decision = await engine.preview(step_from(arguments))
        record = decision_json(decision)
        if arguments.json:
            print_json(record)
        else:
            print(decision_text(record))
        return 0 if decision.selected else RefusedError.exit_code

    return asyncio.run(decide())
