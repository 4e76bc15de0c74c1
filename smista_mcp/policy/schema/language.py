"""Of what the description of a language is made: keys and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic_core import CoreSchema


class Form(Enum):
    """How a table is written, with its path for the braces."""

    ONE = "[{}]"
    LIST = "[[{}]]"
    NAMED = "[{}.<name>]"
    """Under a name that the author chooses."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language: what it is for, a line that shows it, and what it holds: a value or a table."""

    description: str
    example: str
    holds: CoreSchema | None = None
    table: Table | None = None
    form: Form = Form.ONE
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the language and its keys, by name; or one whose keys the author chooses, which all hold `each`."""

    description: str
    keys: Mapping[str, Key] = field(default_factory=dict)
    each: Key | None = None

    def key(self, name: str) -> Key | None:
        """The key called `name`, or ``None`` where the table has no such key."""
        return self.keys.get(name, self.each)


def tables_of(table: Table, path: str = "") -> Iterator[tuple[str, Table]]:
    """Every table of the language below `table` by the name under which it is written, e.g. ``[[routing.rules]]``."""
    for name, key in table.keys.items():
        if key.table is not None:
            here = f"{path}.{name}" if path else name
            yield key.form.value.format(here), key.table
            yield from tables_of(key.table, here)
