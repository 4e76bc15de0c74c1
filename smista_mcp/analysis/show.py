"""The merged policy, part by part, each with the layer and the line that it came from, and what overrules what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from smista_mcp.policy.document import Document
from smista_mcp.policy.types import Layer, Place, Policy
from smista_mcp.routing.rules import rank

Source = tuple[Layer, Document]
"""A file of the policy and whose it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the policy: an entry of a list, or one key of a table."""

    section: str
    """The table as it is written: ``[[routing.rules]]``, ``[tools.permissions]``."""
    text: str
    layer: Layer
    place: Place
    in_force: bool = True
    overruled_by: Place | None = None
    """What counts in its place, where it is not in force."""


def show(policy: Policy, sources: Iterable[Source]) -> tuple[Line, ...]:
    """Everything that the policy's files state, in the order in which it counts."""
    files = sorted(sources, key=lambda one: one[0])
    raw = _Raw(files)
    lines: list[Line] = [*_stated(files, "policy", None)]
    lines += _entries(raw, "guardrails", (one for one in policy.guardrails if raw.has(one.place)))
    lines += _guarantees(raw, policy)
    lines += _entries(raw, "routing.rules", sorted(policy.rules, key=rank))
    lines += [
        Line("[routing.default]", raw.text(one.place, "routing.default"), one.layer, one.place)
        for one in policy.defaults
    ]
    lines += _entries(raw, "budgets", policy.budgets)
    lines += _entries(raw, "classification.rules", policy.classification)
    lines += [one for one in _stated(files, "classification", None) if not one.text.startswith("rules = ")]
    lines += _paths(files)
    lines += _stated(files, "privacy.detect", {name: one.value for name, one in policy.detect.items()})
    lines += _overrides(files, policy)
    permissions = {tool.value: permission.value for tool, permission in policy.permissions.items()}
    lines += _stated(files, "tools.permissions", permissions)
    lines += _stated(files, "regions", None)
    for table in ("groups", "providers", "models"):
        lines += _named(files, table)
    lines += _stated(files, "identity", None)
    lines += _entries(raw, "repositories", policy.repositories)
    lines += _entries(raw, "tests", policy.tests)
    return tuple(lines)


class _Raw:
    """The files' tables by where they stand: what a rule says is shown as it was written, key by key."""

    def __init__(self, files: list[Source]) -> None:
        self._tables: dict[tuple[str, int, str], dict[str, Any]] = {}
        for _, document in files:
            for section in _LISTS:
                found = _at(document.data, section)
                for position, table in enumerate(found if isinstance(found, list) else ()):
                    place = document.place((*section.split("."), position))
                    self._tables[(place.file, place.line, section)] = table
            default = _at(document.data, "routing.default")
            if isinstance(default, dict):
                place = document.place(("routing", "default"))
                self._tables[(place.file, place.line, "routing.default")] = default

    def has(self, place: Place) -> bool:
        """Whether an entry of a list stands there."""
        return any(self._key(place, section) in self._tables for section in _LISTS)

    def text(self, place: Place, section: str) -> str:
        """What stands there, on one line."""
        table = self._tables.get(self._key(place, section), {})
        return ", ".join(f"{key} = {toml(value)}" for key, value in table.items())

    def _key(self, place: Place, section: str) -> tuple[str, int, str]:
        return (place.file, place.line, section)


_LISTS: Final = (
    "guardrails",
    "guarantees",
    "routing.rules",
    "budgets",
    "classification.rules",
    "repositories",
    "tests",
)


def _entries(raw: _Raw, section: str, parts: Iterable[Any]) -> Iterator[Line]:
    for one in parts:
        yield Line(f"[[{section}]]", raw.text(one.place, section), one.layer, one.place)


def _guarantees(raw: _Raw, policy: Policy) -> Iterator[Line]:
    for one in policy.guarantees:
        yield Line("[[guarantees]]", raw.text(one.place, "guarantees"), Layer.ORGANISATION, one.place)


def _stated(files: list[Source], section: str, merged: dict[str, str] | None) -> Iterator[Line]:
    """The keys of one table over all layers.

    With `merged`, what is in force is what agrees with it; without, whatever the most trusted layer states.
    """
    yield from _judged(
        (
            (key, Line(f"[{section}]", f"{key} = {toml(value)}", layer, document.place((*section.split("."), key))))
            for layer, document in files
            for key, value in _table(document.data, section).items()
        ),
        None if merged is None else {key: f"{key} = {toml(value)}" for key, value in merged.items()},
    )


def _judged(lines: Iterable[tuple[str, Line]], merged: dict[str, str] | None) -> Iterator[Line]:
    every = list(lines)
    chosen: dict[str, Line] = {}
    for key, line in every:
        if merged is None or merged.get(key) == line.text:
            chosen.setdefault(key, line)
    for key, line in every:
        winner = chosen.get(key, line)
        yield line if winner is line else replace(line, in_force=False, overruled_by=winner.place)


def _paths(files: list[Source]) -> Iterator[Line]:
    for layer, document in files:
        for position, path in enumerate(_table(document.data, "privacy").get("restricted_paths", ())):
            place = document.place(("privacy", "restricted_paths", position))
            yield Line("[privacy]", f"restricted_paths: {toml(path)}", layer, place)


def _overrides(files: list[Source], policy: Policy) -> Iterator[Line]:
    """All layers must allow proposals, so a layer that allows them is overruled by one that does not."""
    for line in _stated(files, "overrides", None):
        if line.text.startswith("allow = "):
            continue
        yield replace(line, in_force=True, overruled_by=None)  # lists are intersected: each one counts
    yield from _judged(
        (
            ("allow", Line("[overrides]", f"allow = {toml(table['allow'])}", layer, document.place(_ALLOW)))
            for layer, document in files
            if "allow" in (table := _table(document.data, "overrides"))
        ),
        {"allow": f"allow = {toml(policy.overrides.allow)}"},
    )


_ALLOW: Final = ("overrides", "allow")


def _named(files: list[Source], section: str) -> Iterator[Line]:
    """``[<section>.<name>]``, key by key; a table within it counts as one key."""
    yield from _judged(
        (
            (
                f"{name}\0{key}",
                Line(
                    f"[{section}.{_key(name)}]",
                    f"{key} = {toml(value)}",
                    layer,
                    document.place((section, name, key)),
                ),
            )
            for layer, document in files
            for name, table in _table(document.data, section).items()
            if isinstance(table, dict)
            for key, value in table.items()
        ),
        None,
    )


def toml(value: object) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return str(value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def _at(data: dict[str, Any], section: str) -> Any:
    found: Any = data
    for key in section.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _table(data: dict[str, Any], section: str) -> dict[str, Any]:
    found = _at(data, section)
    return found if isinstance(found, dict) else {}
