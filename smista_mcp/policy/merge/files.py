"""The files that are merged, and what every table's merging needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.types import Layer, Place

if TYPE_CHECKING:
    from smista_mcp.policy.layers import ReadFile

TRUSTED = (Layer.ORGANISATION, Layer.USER, Layer.BUILTIN)
"""Whose word about what is so is believed: not the workspace's, whose file arrives with a clone."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is right in itself."""

    layer: Layer
    source: ReadFile
    tables: Mapping[str, Any]

    def table(self, name: str) -> Mapping[str, Any]:
        """One of its tables; empty where it has none."""
        found: Mapping[str, Any] = self.tables.get(name, {})
        return found

    def place(self, *path: str | int) -> Place:
        """Where `path` stands in it."""
        return self.source.document.place(path)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list of tables, with its position among all of its layer's."""

    table: Mapping[str, Any]
    layer: Layer
    order: int
    place: Place


@dataclass(frozen=True, slots=True)
class Said:
    """One key's value, and who said so where."""

    value: Any
    layer: Layer
    place: Place


def entries(files: Iterable[File], *path: str) -> Iterator[Entry]:
    """All entries of one list of tables, file after file, numbered within each layer."""
    orders: dict[Layer, int] = {}
    for file in files:
        table: Any = file.tables
        for part in path:
            table = table.get(part, {})
        for index, entry in enumerate(table or ()):
            order = orders.get(file.layer, 0)
            orders[file.layer] = order + 1
            yield Entry(entry, file.layer, order, file.place(*path, index))


def first(values: Iterable[Any]) -> Any:
    """The first of them, or ``None``."""
    return next(iter(values), None)


def stated(files: Iterable[File], findings: list[Finding], table: str, key: str) -> list[Any]:
    """What each layer says about one key, most trusted first."""
    found: dict[Layer, Said] = {}
    for file in files:
        value = file.table(table).get(key)
        if value is None:
            continue
        if file.layer in found and found[file.layer].value != value:
            findings.append(conflict(file.place(table, key), f"`{key}`", found[file.layer].place))
        found.setdefault(file.layer, Said(value, file.layer, file.place(table, key)))
    return [said.value for said in found.values()]


def conflict(place: Place, what: str, other: Place) -> Finding:
    """The finding for two files of one layer that say different things."""
    message = f"{what} is already set in another file of the same layer, at {other}, and differently."
    return Finding("conflict", Severity.ERROR, place, message, "Keep one of the two.")
