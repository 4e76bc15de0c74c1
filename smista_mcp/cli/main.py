"""Entry point of ``smista-mcp``."""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    raise SystemExit("not wired yet")
