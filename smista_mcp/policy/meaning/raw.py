"""Reading raw data that may have any shape: what has the wrong one is passed over, since the schema reports it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smista_mcp.policy.document import Path


def table(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The table at the end of `keys`; empty where there is none."""
    for key in keys:
        value = data.get(key)
        if not isinstance(value, dict):
            return {}
        data = value
    return data


def tables(data: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables ``[<key>.<name>]`` by name."""
    yield from ((name, inner) for name, inner in table(data, key).items() if isinstance(inner, dict))


def entries(data: dict[str, Any], *keys: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The entries of the list of tables at the end of `keys`, with their paths."""
    found = table(data, *keys[:-1]).get(keys[-1])
    for index, entry in enumerate(found if isinstance(found, list) else ()):
        if isinstance(entry, dict):
            yield (*keys, index), entry


def texts(data: dict[str, Any], key: str) -> Iterator[tuple[Path, str]]:
    """The texts of a key that holds one or a list, each with its path below the table."""
    value = data.get(key)
    if isinstance(value, str):
        yield (key,), value
    elif isinstance(value, list):
        yield from (((key, index), text) for index, text in enumerate(value) if isinstance(text, str))
