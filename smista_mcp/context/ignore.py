"""Which files a workspace itself wants left alone: ``.gitignore``, ``.git/info/exclude`` and ``.smistaignore``.

Git's own rules, one path at a time and from the top down: a directory that is ignored takes everything below it along,
among the patterns for one path the last counts, and those of a deeper file come after those of a higher one.
``pathspec``, which matches the patterns of a policy, answers for whole lists of paths; here it would have to be asked
about each directory by itself, stumbles over bytes and classes that git accepts, and can be made to run for hours
by a pattern in a repository that somebody else wrote. So the few wildcards are translated here, without backtracking
over what is matched already.

Read from the workspace only: ignore files of directories above it and the user's own global one are not looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from smista_mcp.context.read import NotReadableError, Tree
from smista_mcp.facts.types import Exclusion

MAX_IGNORE_BYTES: Final = 256 * 1024
"""Longest ignore file that is read; a longer one is cut there."""
MAX_PATTERN_CHARS: Final = 512
"""Longest pattern that is understood. A longer one is passed over, or, where only caution counts, matches."""
_MOST_DOUBLE_STARS: Final = 6
"""Most ``**`` in one pattern; each may stand for any number of directories, so that time grows with their power."""


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """One line of an ignore file."""

    regex: re.Pattern[str]
    negated: bool
    directories_only: bool
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one file; they speak of paths below `folder`."""

    place: str
    folder: str
    patterns: tuple[IgnorePattern, ...]
    closed: bool = False
    """Nothing can be said about what is below: treated as all of it ignored."""

    def verdict(self, path: str, *, directory: bool, spellings: Sequence[str] = ()) -> IgnorePattern | None:
        """The last pattern that matches `path` (relative to the root) or one of its other `spellings`."""
        below = [self._below(name) for name in (path, *spellings)]
        for pattern in reversed(self.patterns):
            if pattern.directories_only and not directory:
                continue
            if any(name is not None and pattern.regex.fullmatch(name) for name in below):
                return pattern
        return None

    def _below(self, path: str) -> str | None:
        if not self.folder:
            return path
        return path[len(self.folder) + 1 :] if path.startswith(self.folder + "/") else None


class Ignored:
    """What the ignore files of one workspace say; reads each of them once, when it is first needed."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._git: dict[str, IgnoreFile | None] = {}
        self._own: dict[str, IgnoreFile | None] = {}
        self._exclude = self._load(".git/info/exclude", "", fold=False, fail_closed=False)

    def by_git(self, path: str, *, directory: bool, below: str = "") -> str | None:
        """Why git ignores `path`, as ``file:line pattern``, or ``None``.

        `below` is a directory that is to be looked into whether it is ignored itself or not.
        """
        for prefix, is_directory in _prefixes(path, directory):
            if below and (prefix == below or below.startswith(prefix + "/")):
                continue
            files = [self._exclude]
            files.extend(self._git_file(folder) for folder in _folders(prefix))
            for file in reversed([file for file in files if file is not None]):
                found = file.verdict(_octets(prefix), directory=is_directory)
                if found is not None:
                    if not found.negated:
                        return f"{file.place}:{found.line} {found.text}"
                    break
        return None

    def by_own(self, path: str, *, directory: bool) -> str | None:
        """Why a ``.smistaignore`` keeps `path` out, or ``None``.

        Meant to keep things in, so caution rules: names are compared in NFC and case-folded too, and below a file
        that is there but cannot be read everything stays out.
        """
        for prefix, is_directory in _prefixes(path, directory):
            normal = unicodedata.normalize("NFC", prefix)
            spellings = (normal, unicodedata.normalize("NFC", normal.casefold()))
            for folder in reversed(_folders(prefix)):
                file = self._own_file(folder)
                if file is None:
                    continue
                if file.closed:
                    return f"{file.place} cannot be read"
                found = file.verdict(prefix, directory=is_directory, spellings=spellings)
                if found is not None:
                    if not found.negated:
                        return f"{file.place}:{found.line} {found.text}"
                    break
        return None

    def _git_file(self, folder: str) -> IgnoreFile | None:
        if folder not in self._git:
            self._git[folder] = self._load(_join(folder, ".gitignore"), folder, fold=False, fail_closed=False)
        return self._git[folder]

    def _own_file(self, folder: str) -> IgnoreFile | None:
        if folder not in self._own:
            self._own[folder] = self._load(_join(folder, ".smistaignore"), folder, fold=True, fail_closed=True)
        return self._own[folder]

    def _load(self, place: str, folder: str, *, fold: bool, fail_closed: bool) -> IgnoreFile | None:
        try:
            raw = self._tree.read(place, MAX_IGNORE_BYTES)
        except NotReadableError as error:
            if error.reason is Exclusion.MISSING or not fail_closed or self._is_link(folder):
                return None
            return IgnoreFile(place, folder, (), closed=True)
        if fail_closed and raw.size > MAX_IGNORE_BYTES:
            return IgnoreFile(place, folder, (), closed=True)
        if fold:
            return IgnoreFile(place, folder, parse_ignore(raw.data, fold=True))
        return IgnoreFile(place, _octets(folder), parse_ignore(raw.data))

    def _is_link(self, folder: str) -> bool:
        """Whether `folder` is reached through a link: then what is there is judged by its real name."""
        try:
            self._tree.entries(folder)
        except NotReadableError as error:
            return error.link
        return False


def parse_ignore(data: bytes, *, fold: bool = False) -> tuple[IgnorePattern, ...]:
    """The patterns of an ignore file's bytes, in order.

    They are compared byte by byte as git does, each byte standing as one character (see `_octets`); with `fold`
    character by character, and each also case-folded and in NFC.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    patterns: list[IgnorePattern] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        line = line.removesuffix(b"\r")
        shown = line.decode("utf-8", "replace").strip()[:80]
        forms = [line.decode("latin-1")]
        if fold:
            text = line.decode("utf-8", "surrogateescape")
            normal = unicodedata.normalize("NFC", text)
            forms = [text, normal, unicodedata.normalize("NFC", normal.casefold())]
        for form in dict.fromkeys(forms):
            pattern = _pattern(form, number, shown)
            if pattern is not None:
                patterns.append(pattern)
    return tuple(patterns)


def _octets(path: str) -> str:
    """`path` with each of its bytes as one character: a ``?`` of git's stands for a byte, not for an ``é``."""
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("latin-1")


def _pattern(line: str, number: int, shown: str) -> IgnorePattern | None:
    body = _without_trailing_spaces(line)
    if not body or body.startswith("#"):
        return None
    negated = body.startswith("!")
    body = body[1:] if negated else body
    directories_only = body.endswith("/")
    body = body.removesuffix("/")
    if not body or len(body) > MAX_PATTERN_CHARS:
        return None
    anchored = "/" in body
    regex = wildcards(body.removeprefix("/"), anywhere=not anchored)
    if regex is None:
        return None
    return IgnorePattern(regex, negated, directories_only, number, shown)


def _without_trailing_spaces(line: str) -> str:
    end = len(line)
    while end and line[end - 1] == " ":
        backslashes = 0
        while end - 2 - backslashes >= 0 and line[end - 2 - backslashes] == "\\":
            backslashes += 1
        if backslashes % 2:
            break
        end -= 1
    return line[:end]


_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@lru_cache(maxsize=4096)
def wildcards(pattern: str, *, anywhere: bool = False) -> re.Pattern[str] | None:
    """The expression for a git wildcard pattern, to be used with ``fullmatch``; ``None`` for one that never matches.

    ``*`` and ``?`` stop at slashes, ``**`` as a whole part stands for any number of directories; `anywhere` lets the
    pattern begin in any directory.
    """
    parts = _split(pattern)
    if parts is None or sum(part == "**" for part in parts) > _MOST_DOUBLE_STARS:
        return None
    out = ["(?:[^/]+/)*" if anywhere else ""]
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if part == "**" and index < last:
            if index and parts[index - 1] == "**":
                continue
            out.append("(?:[^/]+/)*")
        elif part == "**" and last > 0:
            out.append(".+")
        else:
            translated = _part(part)
            if translated is None:
                return None
            out.append(translated + ("/" if index < last else ""))
    try:
        return re.compile("".join(out), re.DOTALL)
    except (re.error, OverflowError):
        return None


def _split(pattern: str) -> list[str] | None:
    """The parts of `pattern`: cut at slashes, but not at one inside of a class. ``None`` if a class never ends."""
    parts, begin, at = [], 0, 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            at += 1
        elif char == "[":
            found = _bracket(pattern, at)
            if found is None:
                return None
            at = found[1]
        elif char == "/":
            parts.append(pattern[begin : at - 1])
            begin = at
    parts.append(pattern[begin:])
    # Git takes three stars and more for two.
    return ["**" if len(part) > 1 and not part.strip("*") else part for part in parts]


def _part(part: str) -> str | None:
    """One part of a path. Each star but the last takes as little as lets its neighbour match, and never more: with
    wildcards that is as good as trying all lengths, and takes linear instead of exponential time."""
    pieces: list[str] = [""]
    at = 0
    while at < len(part):
        char = part[at]
        at += 1
        if char == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif char == "?":
            pieces[-1] += "[^/]"
        elif char == "[":
            found = _bracket(part, at)
            if found is None:
                return None
            expression, at = found
            pieces[-1] += expression
        elif char == "\\":
            if at == len(part):
                return None
            pieces[-1] += re.escape(part[at])
            at += 1
        else:
            pieces[-1] += re.escape(char)
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, end = pieces
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{end}"


def _bracket(part: str, at: int) -> tuple[str, int] | None:
    """The expression for a class whose ``[`` stands before `at`, and where it ends; ``None`` if it never does."""
    negated = at < len(part) and part[at] in "!^"
    at += negated
    members: list[str] = []
    first = True
    while True:
        if at >= len(part):
            return None
        char = part[at]
        if char == "]" and not first:
            at += 1
            break
        first = False
        if char == "[" and part[at + 1 : at + 2] == ":":
            end = part.find(":]", at + 2)
            if end >= 0:
                members_of = _CLASSES.get(part[at + 2 : end])
                if members_of is None:
                    return None
                members.append(members_of)
                at = end + 2
                continue
        low, at = _member(part, at)
        if low is None:
            return None
        high = low
        if part[at : at + 1] == "-" and part[at + 1 : at + 2] not in ("", "]"):
            upper, at = _member(part, at + 1)
            if upper is None:
                return None
            high = upper
        # A range that runs backwards is its first character, as in git.
        members.append(re.escape(low))
        if low < high:
            members.append(f"{re.escape(low)}-{re.escape(high)}")
    if not members:
        return ("[^/]" if negated else r"[^\s\S]"), at
    # A class never stands for a slash.
    return f"(?!/)[{'^' if negated else ''}{''.join(members)}]", at


def _member(part: str, at: int) -> tuple[str | None, int]:
    if part[at] != "\\":
        return part[at], at + 1
    return (part[at + 1], at + 2) if at + 1 < len(part) else (None, at)


def _prefixes(path: str, directory: bool) -> list[tuple[str, bool]]:
    """`path` and the directories above it, the topmost first, each with whether it is a directory."""
    parts = path.split("/") if path else []
    return [("/".join(parts[:end]), end < len(parts) or directory) for end in range(1, len(parts) + 1)]


def _folders(path: str) -> list[str]:
    """The directories whose ignore files speak of `path`, the topmost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts) + 1)]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
