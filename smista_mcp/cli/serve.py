"""``smista-mcp serve``: the MCP server over standard input and output."""

from __future__ import annotations

import argparse

from smista_mcp.cli.arguments import add_workspace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The workspace."""
    add_workspace_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the host hangs up; returns the exit code."""
    from smista_mcp.server.stdio import serve

    return serve(arguments.workspace)
