"""The policies to start from: they load, and their own tables of cases hold and leave no rule or guardrail untried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smista_mcp import places
from smista_mcp.catalog.build import is_known_model
from smista_mcp.cli.main import main
from smista_mcp.policy.check import check_files
from smista_mcp.policy.findings import Severity

POLICIES = sorted(places.shipped_policies().glob("*.toml"))

FINE = {"budget_not_counted"}
"""A warning that tells the truth: budgets are not counted yet."""


def test_there_is_one_for_every_demand_and_three_to_start_from() -> None:
    assert {one.stem for one in POLICIES} >= {
        "default",
        "solo-developer",
        "cost-saver",
        "security-sensitive-team",
        "jurisdiction",
        "platinum-customers",
        "smallest-model",
        "approved-vendors",
        "latency-budget",
        "local-review",
        "plan-implement-changelog",
    }


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.stem)
def test_loads_without_a_finding_that_is_not_meant(policy: Path) -> None:
    findings = check_files([policy], is_known_model=is_known_model)
    assert [one for one in findings if one.severity is not Severity.INFO and one.code not in FINE] == []


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.stem)
def test_its_own_tests_hold_and_reach_all_of_it(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["policy", "test", str(policy), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == 0, report
    assert report["passed"] >= 2
    assert report["coverage"]["unreached"] == []


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.stem)
def test_says_where_its_schema_is(policy: Path) -> None:
    first = policy.read_text(encoding="utf-8").splitlines()[0]
    assert first == "#:schema ./policy.schema.json"
    assert (policy.parent / "policy.schema.json").is_file()
