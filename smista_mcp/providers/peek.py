"""Looking into JSON that others wrote, where any member may be missing or of another type than was promised."""

from __future__ import annotations

from typing import Final

_GREATEST_COUNT: Final = 2**53
"""Above this a count is nonsense; it is also where JSON numbers stop being exact."""


def at(value: object, *path: str | int) -> object:
    """What stands at `path` (object members by name, array members by place), or ``None``."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def text_at(value: object, *path: str | int) -> str:
    """The string at `path`; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def count_at(value: object, *path: str | int) -> int | None:
    """The count at `path`: a whole number that is not negative and not absurdly great, or ``None``."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if not 0 <= found <= _GREATEST_COUNT or found != int(found):
        return None
    return int(found)


def list_at(value: object, *path: str | int) -> list[object]:
    """The array at `path`; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []
