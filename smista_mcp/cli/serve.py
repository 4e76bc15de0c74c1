"""``smista-mcp serve``: the MCP server over standard input and output."""

from __future__ import annotations

import argparse

from smista_mcp.cli.arguments import add_workspace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The workspace, and whether to describe rather than serve."""
    add_workspace_argument(parser)
    parser.add_argument("--json", action="store_true", help="print what a host would be offered, and serve nothing")


def run(arguments: argparse.Namespace) -> int:
    """Serve until the host hangs up; returns the exit code."""
    if arguments.json:
        from smista_mcp import __version__
        from smista_mcp.cli.output import print_json
        from smista_mcp.server.surface import INSTRUCTIONS, NAME, TOOLS

        print_json({"name": NAME, "version": __version__, "instructions": INSTRUCTIONS, "tools": list(TOOLS)})
        return 0
    from smista_mcp.server.stdio import serve

    return serve(arguments.workspace)
