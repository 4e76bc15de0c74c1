"""Whether every step that meets one set of conditions meets another. Errs on the side of no."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from smista_mcp.policy.types import Match, Rule
from smista_mcp.routing.index import literal_folder

_NUMBERS: Final = ("min_tokens", "max_tokens")
_LISTS: Final = tuple(one.name for one in fields(Match) if one.name not in (*_NUMBERS, "paths", "repo"))


def covers(general: Rule, special: Rule, match: Match | None = None) -> bool:
    """Whether `general` matches every step that `special` matches; with `match`, that `special` with it would match."""
    narrow, wide = match or special.match, general.match
    if not all(_within(getattr(narrow, key), getattr(wide, key)) for key in _LISTS):
        return False
    if wide.repo and "*" not in wide.repo and not _within(narrow.repo, wide.repo):
        return False
    if wide.min_tokens is not None and (narrow.min_tokens is None or narrow.min_tokens < wide.min_tokens):
        return False
    if wide.max_tokens is not None and (narrow.max_tokens is None or narrow.max_tokens > wide.max_tokens):
        return False
    if wide.paths and special.local_only and not general.local_only:
        return False  # a path that is not canonical meets the protective rule alone
    return not wide.paths or paths_cover(wide.paths, narrow.paths)


def paths_cover(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    """Whether whatever one of `narrow` matches, one of `wide` matches."""
    if not narrow:
        return False
    if any(pattern.startswith("!") for pattern in wide):
        return wide == narrow
    return all(any(_covers(one, other) for one in wide) for other in narrow if not other.startswith("!"))


def _within(narrow: tuple[str, ...], wide: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _covers(wide: str, narrow: str) -> bool:
    if wide == narrow or wide in ("**", "*"):
        return True
    folder = literal_folder(wide)
    if not folder or wide.removeprefix("./").lstrip("/") not in (f"{folder}/**", f"{folder}/"):
        return False
    inside = literal_folder(narrow)
    return inside == folder or inside.startswith(folder + "/")
