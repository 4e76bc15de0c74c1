"""gitignore-style path patterns, compiled once and asked many times.

Pure: knows nothing of a file system. Names are those of a `smista_mcp.facts.types.PathFact`: relative to the
workspace, forward slashes, NFC, a trailing slash on a directory.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from smista_mcp.errors import PolicyError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_Matcher = Callable[[str], bool]


class PathPatterns:
    """A list of gitignore-style patterns: comments, ``!`` and ``**`` mean what they mean to git.

    `fold_case` is for patterns that take something away: each pattern is also tried case-folded, so that
    ``Secrets/**`` catches ``secrets/x`` (the names of a `PathFact` already bring their own case-folded forms, which
    is what makes ``secrets/**`` catch ``Secrets/x`` in either mode).

    Raises:
        PolicyError: a pattern that git's syntax does not allow, with the pattern in the message.
    """

    __slots__ = ("_matchers", "patterns")

    def __init__(self, patterns: Iterable[str], *, fold_case: bool = False) -> None:
        self.patterns = tuple(patterns)
        lists = [[_plain(pattern) for pattern in self.patterns]]
        if fold_case:
            folded = [unicodedata.normalize("NFC", pattern.casefold()) for pattern in lists[0]]
            if folded != lists[0]:
                lists.append(folded)
        self._matchers: tuple[_Matcher, ...] = tuple(matcher for lines in lists for matcher in _compile(lines))

    def __bool__(self) -> bool:
        return bool(self._matchers)

    def __repr__(self) -> str:
        return f"PathPatterns({list(self.patterns)!r})"

    def matches(self, names: Sequence[str]) -> bool:
        """Whether any of `names`, all of them names of one path, is matched."""
        for matcher in self._matchers:
            for name in names:
                if matcher(name):
                    return True
        return False


def _plain(pattern: str) -> str:
    """NFC, and ``./src`` as ``/src``: git would never match the first, and nobody who writes it means that."""
    pattern = unicodedata.normalize("NFC", pattern)
    return pattern[1:] if pattern.startswith("./") else pattern


def _compile(lines: Sequence[str]) -> list[_Matcher]:
    if not lines:
        return []
    from pathspec import GitIgnoreSpec  # 50 ms that a policy without path patterns need not pay

    specs = [_one(GitIgnoreSpec, line) for line in lines]
    if all(pattern.include is not False for spec in specs for pattern in spec.patterns):
        # Without a ``!`` the order of patterns has no meaning: asking their expressions directly says the same as
        # the library's own matcher in a quarter of the time.
        found = [pattern.regex for spec in specs for pattern in spec.patterns if pattern.include]
        return [_searcher(regex) for regex in found if regex is not None]
    whole = GitIgnoreSpec.from_lines(lines, backend="simple")

    def in_order(name: str) -> bool:
        return whole.match_file(name, separators=())

    return [in_order]


def _one(spec: type[GitIgnoreSpec], line: str) -> GitIgnoreSpec:
    try:
        with warnings.catch_warnings():
            # ``[[`` may mean a nested set in some later version of `re`; here it means what it says.
            warnings.simplefilter("ignore", FutureWarning)
            return spec.from_lines([line], backend="simple")
    except (ValueError, re.error) as error:
        raise PolicyError(
            f"path pattern {line!r} cannot be read",
            hint="Write it as in a .gitignore file: src/**, *.pem, docs/[a-z]*.md",
        ) from error


def _searcher(regex: re.Pattern[str]) -> _Matcher:
    search = regex.search

    def matcher(name: str) -> bool:
        return search(name) is not None

    return matcher
