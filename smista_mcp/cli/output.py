"""What every command prints: JSON when asked, text for people, errors on standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from smista_mcp.errors import PolicyError, SmistaError

if TYPE_CHECKING:
    from smista_mcp.policy.types import JsonDict


def print_json(value: JsonDict) -> None:
    """Print `value` as one indented JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def report_error(error: SmistaError, *, as_json: bool) -> None:
    """Print an error: as ``{"error": …}`` on standard output with ``--json``, else in words on standard error."""
    if as_json:
        from smista_mcp.execution.present import error_json

        print_json(error_json(error))
        return
    print(f"smista-mcp: {error}", file=sys.stderr)
    if isinstance(error, PolicyError):
        for finding in error.findings:
            print(f"  {finding}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
