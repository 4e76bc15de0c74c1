"""The policies to start from: they load without a finding, and send steps where their tables of cases say."""

from __future__ import annotations

from pathlib import Path

import pytest

from smista_mcp import places
from smista_mcp.catalog.build import is_known_model
from smista_mcp.policy.check import check_files
from smista_mcp.policy.findings import Severity

POLICIES = sorted(places.shipped_policies().glob("*.toml"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.stem)
def test_loads_without_an_error_or_warning(policy: Path) -> None:
    findings = check_files([policy], is_known_model=is_known_model)
    assert [one for one in findings if one.severity is not Severity.INFO] == []
