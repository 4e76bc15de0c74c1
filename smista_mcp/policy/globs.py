"""Whether a path pattern can mean what its author thinks it means.

Patterns are gitignore-style and read from the workspace's root. ``pathspec`` settles what is well formed; beyond
that, patterns are refused that are well formed but can never match anything inside a workspace (``./a``, ``../a``,
``C:\\a``), since a rule or a restriction that silently never applies is worse than an error.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from smista_mcp.policy.findings import shown

LONGEST: Final = 1024
"""Most characters in one pattern."""
MOST_STARS: Final = 4
"""Most ``*`` in one part of a path, and most ``**`` in one pattern: a handful of them can make matching take hours."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_BRACES: Final = re.compile(r"\{[^{}/]*,[^{}/]*\}")
_WINDOWS: Final = re.compile(r"\\[A-Za-z0-9_.]")
_CLASS: Final = re.compile(r"\[[!^]?\]?[^\[\]\\/&~|]*\]")
_RANGE: Final = re.compile(r"(.)-(.)")
_SYSTEM_ROOTS: Final = re.compile(
    r"applications|bin|boot|dev|etc|home|lib(64|rary)?|mnt|media|opt|private|proc|root|run|sbin|srv|sys(tem)?|tmp|users"
    r"|usr|var|volumes"
)


@functools.lru_cache(maxsize=4096)
def problem(pattern: str, *, exceptions: bool = True) -> tuple[str, str] | None:
    """What is wrong with `pattern` and what to write instead, or ``None`` where it is good.

    The first part completes the sentence "the pattern … ". `exceptions` says whether it may begin with ``!``, which
    takes out again what an earlier pattern of its list matched.
    """
    if pattern.startswith("!"):
        if not exceptions:
            return "begins with `!`, and nothing may be taken out again here", "Name what should match."
        pattern = pattern[1:]
        if pattern.startswith("!"):
            return "begins with `!` twice", "Write one."
    return _form(pattern) or _reach(pattern) or _wildcards(pattern) or _compiled(pattern)


def _form(pattern: str) -> tuple[str, str] | None:
    if not pattern.strip():
        return "is empty and would match nothing", "Write a pattern such as `src/**`, or leave it out."
    if len(pattern) > LONGEST:
        return f"is longer than {LONGEST} characters", "Use wildcards, or split it into several patterns."
    if not pattern.isprintable():
        return "contains a control character", "Remove it."
    if pattern != pattern.strip():
        return "begins or ends with a space", "Remove the space."
    if pattern.startswith("#"):
        return "begins with `#`, which gitignore reads as a comment", "Write `\\\\#…` for a name that begins with it."
    return None


def _reach(pattern: str) -> tuple[str, str] | None:
    if _DRIVE.match(pattern) or pattern.startswith("\\\\"):
        return "is an absolute path", "Write it from the workspace's root: `src/**`."
    if _WINDOWS.search(pattern):
        return "uses backslashes between folders", f"Write {shown(pattern.replace(chr(92), '/').lstrip('/'))}."
    if pattern.startswith("~"):
        return "points to a home directory, outside the workspace", "Write it from the workspace's root: `src/**`."
    parts = pattern.strip("/").split("/")
    if ".." in parts:
        return "leaves the workspace", "Write it from the workspace's root, without `..`."
    if pattern.startswith("/") and (len(parts) > 1 or _SYSTEM_ROOTS.fullmatch(parts[0].casefold()) or not parts[0]):
        rest = pattern.strip("/") or "src/**"
        return "looks like an absolute path", f"Patterns start at the workspace's root: write {shown(rest)}."
    if "." in parts:
        return "has a `.` among its folders and would match nothing", f"Write {shown(_without(parts, '.'))}."
    if "" in parts:
        return "has an empty part between two slashes and would match nothing", f"Write {shown(_without(parts, ''))}."
    return None


def _without(parts: list[str], unwanted: str) -> str:
    return "/".join(part for part in parts if part != unwanted) or "**"


def _wildcards(pattern: str) -> tuple[str, str] | None:
    if _BRACES.search(pattern):
        return "uses braces, which gitignore does not know", "Write one pattern for each choice."
    parts = pattern.split("/")
    if sum(part == "**" for part in parts) > MOST_STARS or any(part.count("*") > MOST_STARS for part in parts):
        return f"has more than {MOST_STARS} stars in one place", "Use fewer wildcards, or several patterns."
    position = 0
    while position < len(pattern):
        if pattern[position] == "[":
            found = _CLASS.match(pattern, position)
            body = found.group()[1:-1] if found else "--"
            if found is None or "--" in body or any(low > high for low, high in _RANGE.findall(body)):
                return "has a `[…]` that is not closed or not well formed", "Write for example `[a-z]`, or `\\\\[`."
            position = found.end()
        else:
            position += 2 if pattern[position] == "\\" else 1
    return None


def _compiled(pattern: str) -> tuple[str, str] | None:
    import pathspec

    try:
        compiled = pathspec.GitIgnoreSpec.from_lines([pattern]).patterns
        usable = len(compiled) == 1 and compiled[0].include is True
    except Exception:  # pathspec raises ValueError, IndexError and re.error for bad patterns
        usable = False
    return None if usable else ("is not a gitignore pattern", "Write for example `src/**`, `*.py` or `docs/`.")
