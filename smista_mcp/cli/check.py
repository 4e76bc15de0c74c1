"""``smista-mcp check``: every problem of policy files, with its line and what to write instead."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smista_mcp.cli.arguments import add_json_flag, add_workspace_argument
from smista_mcp.cli.output import print_json
from smista_mcp.errors import PolicyError

if TYPE_CHECKING:
    from smista_mcp.policy.findings import Finding

_SUPERSEDED: Final = frozenset({"tie", "local_only_scope"})
"""What syntax alone can only suspect, and the analysis shows with a step or does not say."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files, the workspace, what counts, and in which form."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="policy files; all layers in force if none")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings too")
    add_workspace_argument(parser)
    add_json_flag(parser)
    parser.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code review tools")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 if one of them is an error (with ``--strict``, or a warning)."""
    from smista_mcp.policy.findings import Severity

    findings = _of_files(arguments.files) if arguments.files else _in_force(arguments.workspace)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    if arguments.sarif:
        from smista_mcp.cli.sarif import sarif

        print_json(sarif(findings, Path.cwd()))
    elif arguments.json:
        print_json({"findings": [finding.as_dict() for finding in findings], "errors": errors, "warnings": warnings})
    else:
        for finding in findings:
            print(finding)
        print(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return 1 if errors or (arguments.strict and warnings) else 0


def _of_files(paths: list[Path]) -> tuple[Finding, ...]:
    """Each file for itself: its syntax, and what it comes to over the built-in policy."""
    from smista_mcp.analysis.check import analyse
    from smista_mcp.catalog.build import is_known_model
    from smista_mcp.cli.policy_files import assumed, from_files
    from smista_mcp.policy.check import check_files
    from smista_mcp.policy.findings import Finding, Severity, has_errors
    from smista_mcp.policy.layers import in_order, printable
    from smista_mcp.policy.types import Place

    findings = check_files(paths, is_known_model=is_known_model)
    for path in dict.fromkeys(paths):
        name = printable(str(path))
        if has_errors(one for one in findings if one.place.file == name):
            continue
        try:
            policy = from_files([path]).policy
        except PolicyError:
            message = "The file names what other files define, so only its syntax was checked."
            fix = "Run `smista-mcp check` without a file where all layers are in force."
            findings = (*findings, Finding("not_analysed", Severity.INFO, Place(name, 1), message, fix))
            continue
        catalog, moment = assumed(policy)
        found = [one for one in analyse(policy, catalog, moment) if one.place.file == name]
        findings = _together(findings, found, {name})
    return in_order(findings)


def _in_force(workspace: Path) -> tuple[Finding, ...]:
    from smista_mcp import places
    from smista_mcp.analysis.check import analyse
    from smista_mcp.catalog.build import is_known_model
    from smista_mcp.cli.policy_files import assumed, standard_places
    from smista_mcp.policy.check import check_places
    from smista_mcp.policy.findings import has_errors
    from smista_mcp.policy.layers import in_order, load_policy

    standard = standard_places(workspace)
    findings = check_places(standard, is_known_model=is_known_model, state_dir=places.state_dir())
    if has_errors(findings):
        return findings
    policy = load_policy(standard, is_known_model=is_known_model).policy
    catalog, moment = assumed(policy)
    found = analyse(policy, catalog, moment, in_force=True)
    return in_order(_together(findings, found, {file for _, file in policy.layers}))


def _together(findings: Iterable[Finding], found: Iterable[Finding], files: set[str]) -> tuple[Finding, ...]:
    """What syntax and analysis have to say of `files`, and what was said of others before."""
    analysed = tuple(found)
    superseded: frozenset[str] = frozenset() if any(one.code == "check_bounded" for one in analysed) else _SUPERSEDED
    kept = (one for one in findings if one.code not in superseded or one.place.file not in files)
    return (*kept, *analysed)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
