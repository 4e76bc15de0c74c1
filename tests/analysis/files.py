"""Policies of files made for tests, with the catalog that goes with them."""

from __future__ import annotations

from pathlib import Path

from smista_mcp.analysis.check import analyse
from smista_mcp.catalog.assumed import assumed_catalog
from smista_mcp.catalog.types import Catalog
from smista_mcp.cli.policy_files import from_files
from smista_mcp.policy.findings import Finding
from smista_mcp.policy.types import Policy

MOMENT = "2026-06-01T00:00:00.000Z"


def loaded(folder: Path, text: str, name: str = "policy.toml") -> Policy:
    """What a file with this text comes to."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return from_files([path]).policy


def catalog_of(policy: Policy, *also: str) -> Catalog:
    """Everything that the policy could reach."""
    return assumed_catalog(policy, MOMENT, also=also)


def analysed(folder: Path, text: str) -> tuple[Finding, ...]:
    """What the analysis has to say of such a file."""
    policy = loaded(folder, text)
    return analyse(policy, catalog_of(policy), MOMENT)
