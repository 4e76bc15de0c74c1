"""``smista-mcp check``: every problem of policy files, with its line and what to write instead."""

from __future__ import annotations

import argparse
from pathlib import Path

from smista_mcp.cli.arguments import add_json_flag, add_workspace_argument
from smista_mcp.cli.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, the workspace and ``--json``."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="policy files; all layers in force if none")
    add_workspace_argument(parser)
    add_json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 if one of them is an error."""
    from smista_mcp.catalog.build import is_known_model
    from smista_mcp.policy.check import check_files, check_places
    from smista_mcp.policy.findings import Severity
    from smista_mcp.policy.layers import PolicyPlaces

    if arguments.files:
        findings = check_files(arguments.files, is_known_model=is_known_model)
    else:
        findings = check_places(PolicyPlaces.standard(arguments.workspace), is_known_model=is_known_model)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    if arguments.json:
        print_json({"findings": [finding.as_dict() for finding in findings], "errors": errors, "warnings": warnings})
    else:
        for finding in findings:
            print(finding)
        print(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return 1 if errors else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
