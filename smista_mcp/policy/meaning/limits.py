"""Guardrails, guarantees, budgets, regions, and privacy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from smista_mcp.policy.countries import COUNTRIES
from smista_mcp.policy.document import Path
from smista_mcp.policy.findings import Finding, Severity, nearest, shown
from smista_mcp.policy.meaning.base import Checks, called
from smista_mcp.policy.meaning.raw import entries, table, texts
from smista_mcp.policy.meaning.world import is_seen
from smista_mcp.policy.types import Layer

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_TURNED_ROUND: Final = {
    ("require", "local", False): "forbid = { local = true }",
    ("require", "zero_retention", False): "require = { zero_retention = true }",
    ("forbid", "zero_retention", True): "require = { zero_retention = true }",
}
"""Demands that say the opposite of what anybody means, with what is probably meant."""


class LimitsChecks(Checks):
    """The tables that take away and tighten, and the one that lifts."""

    def all(self) -> Iterator[Finding]:
        """Everything to say about them."""
        for path, entry in entries(self._data, "guardrails"):
            yield from self._guardrail(path, entry)
        for path, entry in entries(self._data, "guarantees"):
            if self._layer is not Layer.ORGANISATION:
                yield self._organisation_only(path, "Guarantees are")
            yield from self._granting(path, entry, "a guarantee")
        yield from self._budgets()
        yield from self._regions()
        yield from self._privacy()

    def _guardrail(self, path: Path, entry: dict[str, Any]) -> Iterator[Finding]:
        yield from self._conditions(path, entry, exceptions=False)
        unless = entry.get("unless")
        if isinstance(unless, dict):
            yield from self._granting((*path, "unless"), unless, "an exemption")
            if not unless:
                message = "`unless` states nothing, so it would exempt every step."
                yield self._error("never_matches", (*path, "unless"), message, "State a condition, or remove it.")
        if not any(entry.get(key, {}) != {} for key in ("require", "forbid")):
            message = f"{called('guardrail', entry)} neither requires nor forbids anything."
            yield self._error("without_demand", path, message, "Write for example: require = { local = true }")
        for key in ("require", "forbid"):
            demands = entry.get(key)
            if isinstance(demands, dict):
                yield from self._demands((*path, key), key, demands)

    def _demands(self, path: Path, kind: str, demands: dict[str, Any]) -> Iterator[Finding]:
        for (where, key, value), instead in _TURNED_ROUND.items():
            if where == kind and demands.get(key) is value:
                message = f"`{key} = {str(value).lower()}` under `{kind}` says the opposite of what it seems to say."
                yield self._error("bad_value", (*path, key), message, f"Write {instead}, or remove it.")
        yield from self._models_in(path, demands, "models", wildcard=True)
        for at, name in texts(demands, "regions"):
            yield from self._region((*path, *at), name)

    def _region(self, path: Path, name: str) -> Iterator[Finding]:
        if name in COUNTRIES:
            return
        if name in self._world.regions:
            if not is_seen(self._world.regions, name, self._layer):
                yield self._unseen(path, f"The region {shown(name)}")
            return
        close = nearest(name, self._world.regions) or (name.upper() if name.upper() in COUNTRIES else None)
        fix = f"Did you mean {shown(close)}? " if close else ""
        fix += f'Say what it means: [regions] and below it {shown(name)} = ["DE", "FR"].'
        message = f"{shown(name)} is neither a country's code nor a region that `[regions]` define."
        yield self._error("unknown_region", path, message, fix)

    def _budgets(self) -> Iterator[Finding]:
        warned = False
        for path, entry in entries(self._data, "budgets"):
            yield from self._conditions(path, entry, exceptions=False)
            if not warned:
                warned = True
                message = "What was spent before is not counted yet: a budget bounds what one step can cost at most."
                fix = "Nothing to change here; but do not rely on it to stop a sum of many steps."
                yield self._found("budget_not_counted", Severity.WARNING, path, message, fix)

    def _regions(self) -> Iterator[Finding]:
        for name in table(self._data, "regions"):
            if not _NAME.fullmatch(name):
                message = f"{shown(name)} is no name for a region: it is one word in lower case."
                yield self._error("bad_value", ("regions", name), message, 'Write for example: eu = ["DE", "FR"].')

    def _privacy(self) -> Iterator[Finding]:
        privacy = table(self._data, "privacy")
        yield from self._patterns_in(("privacy",), privacy, "restricted_paths", exceptions=False)
        detect = table(privacy, "detect")
        for name in detect:
            if name != name.lower() or not name.strip() or any(char.isspace() for char in name):
                message = f"{shown(name)} is no name for a class of data: it is one word in lower case."
                yield self._error("bad_value", ("privacy", "detect", name), message, "Write for example `personal`.")
        if detect:
            message = (
                "Nothing is searched for yet: a class counts where the caller states it or configuration binds it."
            )
            if "redact" in detect.values():
                message += " Nothing is redacted yet either: `redact` keeps the step on this machine."
            fix = "Bind classes to repositories with [[repositories]] data, or restrict paths."
            yield self._found("detect_not_scanned", Severity.WARNING, ("privacy", "detect"), message, fix)
