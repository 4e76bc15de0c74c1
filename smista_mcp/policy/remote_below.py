"""The organisation's remote file below those on this machine: where both set the same thing, theirs stands.

Two files of one layer that contradict each other are an error otherwise. Here there is an order to go by: who may write
to this machine's own file is closer to what is meant here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from smista_mcp.policy.document import Document
from smista_mcp.policy.document import Path as KeyPath
from smista_mcp.policy.schema import LONGEST_TEXT

_SETTINGS: Final[tuple[tuple[str, ...], ...]] = (
    ("classification",),
    ("regions",),
    ("groups",),
    ("providers",),
    ("models",),
    ("identity",),
)
"""Tables in which one name has one value. Everything else is united, the strictest wins, or all of it holds."""
_WHOLE: Final = frozenset({("groups",), ("regions",)})
"""Of these what stands under one name is taken or left as a whole."""
_NAMED_LISTS: Final[tuple[tuple[str, ...], ...]] = (("routing", "rules"), ("budgets",), ("tests",), ("guarantees",))
"""Entries that are known by name, of which the one on this machine stands. (Of guardrails both do: see `below`.)"""


def below(local: Iterable[Document], remote: Document) -> Document:
    """`remote` without what the organisation's files on this machine set too, and without ``[policy.remote]``.

    What only takes away is never left out: guardrails, restricted paths, permissions, overrides, ``detect``. A
    guardrail that shares its name with one on this machine gets the address of the remote file behind its own.
    """
    files = tuple(local)
    data = _copy(remote.data)
    _at(data, ("policy",)).pop("remote", None)
    if any(_at(document.data, ("routing", "default")) for document in files):
        _at(data, ("routing",)).pop("default", None)
    for path in _SETTINGS:
        for document in files:
            _leave_out(_at(data, path), _at(document.data, path), whole=path in _WHOLE)
    lines = dict(remote.lines)
    for path in _NAMED_LISTS:
        lines = _without_named(data, path, {name for document in files for name in _names(document.data, path)}, lines)
    taken = {name for document in files for name in _names(document.data, ("guardrails",))}
    for entry in _list(data, ("guardrails",)):
        if isinstance(entry, dict) and entry.get("name") in taken:
            entry["name"] = f"{entry['name']} ({remote.file})"[:LONGEST_TEXT]
    return replace(remote, data=data, lines=lines)


def _leave_out(from_table: dict[str, Any], stated: Mapping[str, Any], *, whole: bool) -> None:
    for name, value in stated.items():
        if isinstance(value, list) and not whole:
            continue  # of lists the entries count, not the list
        mine = from_table.get(name)
        if whole or not isinstance(value, dict) or not isinstance(mine, dict):
            from_table.pop(name, None)
        else:
            for key in value:
                mine.pop(key, None)


def _without_named(
    data: dict[str, Any], path: tuple[str, ...], taken: set[str], lines: dict[KeyPath, int]
) -> dict[KeyPath, int]:
    """Leave out the entries that are called as in `taken`; the lines of those that stay go with them."""
    found = _list(data, path)
    kept = [number for number, one in enumerate(found) if not (isinstance(one, dict) and one.get("name") in taken)]
    if len(kept) == len(found):
        return lines
    moved: dict[KeyPath, KeyPath] = {(*path, old): (*path, new) for new, old in enumerate(kept)}
    length = len(path) + 1
    result: dict[KeyPath, int] = {}
    for at, line in lines.items():
        entry = at[:length]
        if at[: len(path)] == path and len(at) >= length and isinstance(at[len(path)], int):
            if entry in moved:
                result[(*moved[entry], *at[length:])] = line
        else:
            result[at] = line
    found[:] = [found[number] for number in kept]
    return result


def _names(data: Mapping[str, Any], path: tuple[str, ...]) -> set[str]:
    named = (one.get("name") for one in _list(data, path) if isinstance(one, dict))
    return {name for name in named if isinstance(name, str)}


def _list(data: Mapping[str, Any], path: tuple[str, ...]) -> list[Any]:
    found = _at(data, path[:-1]).get(path[-1])
    return found if isinstance(found, list) else []


def _at(data: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    found: Any = data
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _copy(value: Any) -> Any:
    # A document's data is shared with whoever parsed the same bytes.
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
