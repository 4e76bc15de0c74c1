"""Findings as SARIF 2.1.0, the format in which code review tools take them.

Written by hand after the OASIS standard (sections 3.13 to 3.30): the little of it that is needed is smaller than any
library for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

from smista_mcp import __version__
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.types import JsonDict

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

DESCRIPTIONS: Final = {
    "asserted_only": "A guardrail rests on what the caller says",
    "bad_glob": "A path pattern cannot be read",
    "bad_value": "A value cannot be what it is",
    "budget_not_counted": "A budget is not counted yet",
    "ceiling_unmet": "No model stays under a ceiling",
    "check_bounded": "Not everything was analysed",
    "conflict": "Two files of one layer contradict each other",
    "dead_reference": "A name stands for no model",
    "detect_not_scanned": "Data of a class is not searched for yet",
    "duplicate_fallback": "A fallback stands there twice",
    "duplicate_name": "Two entries have one name",
    "duplicate_rule_name": "Two rules have one name",
    "editions_unknown": "Which editions were seen is not known",
    "encoding": "The file is not UTF-8",
    "fallback_to_itself": "A model is its own fallback",
    "literal_secret": "A secret is written out",
    "local_only_escapes": "local_only is taken for a guardrail",
    "local_only_scope": "local_only holds for its rule alone",
    "missing_key": "A key is missing",
    "model_reference": "A model's name is not complete",
    "more_findings": "There are more findings",
    "never_grants": "An exemption or guarantee can never hold",
    "never_local": "A remote model stands under local_only",
    "never_matches": "An entry can never match",
    "never_served": "No model has what a rule demands",
    "no_default": "There is no default route",
    "no_effect": "A key has no effect",
    "no_evidence": "A fact has no evidence",
    "nobody_bound": "Nothing binds what a rule asks for",
    "not_analysed": "The file was not analysed beyond its syntax",
    "not_believed": "A fact is not believed of this layer",
    "not_defined_here": "A name is defined in another layer",
    "not_in_workspace": "A repository may not state this",
    "nothing_left": "Guardrails leave no model",
    "older_edition": "An older edition of the organisation's policy",
    "only_local_left": "No remote model is known to satisfy a guardrail",
    "organisation_only": "Only the organisation may state this",
    "redefined": "A name is defined twice",
    "required_missing": "The organisation's policy is required and missing",
    "rule_target": "A rule chooses nothing, or twice",
    "rule_without_condition": "A classification rule has no condition",
    "shadowed": "A rule is never reached",
    "syntax": "The file is not TOML",
    "test_without_expectation": "A test expects nothing",
    "tie": "Only their order decides between two rules",
    "too_deep": "The file is nested too deeply",
    "too_large": "The file is too large",
    "unencrypted": "An address is not encrypted",
    "unknown_intent": "An intent is not defined",
    "unknown_key": "A key is not known",
    "unknown_model": "A model is not known",
    "unknown_provider": "A provider is not known",
    "unknown_region": "A region is not defined",
    "unreadable": "A file cannot be read",
    "untrusted": "The organisation's policy may not be believed",
    "unused_group": "A group is not used",
    "without_binding": "A repository entry binds nothing",
    "without_demand": "A guardrail demands nothing",
    "without_pick": "A key means nothing without pick",
    "without_repository": "A repository entry names no repository",
    "wrong_type": "A value has the wrong type",
}
"""What each code stands for, in a few words."""


def sarif(findings: Iterable[Finding], root: Path) -> JsonDict:
    """One SARIF log with one run.

    Places in files below `root`, the folder that the command works in, are relative to it (``%SRCROOT%``), so that
    a review tool finds them in the repository.
    """
    every = tuple(findings)
    codes = sorted({one.code for one in every})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "smista-mcp",
                        "version": __version__,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True}],
                "results": [_result(one, codes, root) for one in every],
            }
        ],
    }


def _rule(code: str) -> JsonDict:
    text = DESCRIPTIONS.get(code, code.replace("_", " ").capitalize())
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in code.split("_")),
        "shortDescription": {"text": text},
    }


def _result(finding: Finding, codes: list[str], root: Path) -> JsonDict:
    location: JsonDict = {"artifactLocation": _artifact(finding.place.file, root)}
    if finding.place.line:
        location["region"] = {"startLine": finding.place.line}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message} {finding.fix}".strip()},
        "locations": [{"physicalLocation": location}],
        "properties": {"fix": finding.fix},
    }


def _artifact(file: str, root: Path) -> JsonDict:
    path = Path(file).expanduser() if file.startswith("~/") else Path(file)
    if path.is_absolute():
        if not path.is_relative_to(root):
            return {"uri": path.as_uri()}
        path = path.relative_to(root)
    return {"uri": quote(PurePath(path).as_posix()), "uriBaseId": "%SRCROOT%"}
