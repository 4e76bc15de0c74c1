"""Which of many matches could hold for a step, found without asking each."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from smista_mcp.facts.types import Facts, PathFact
from smista_mcp.policy.types import Match

_WILD: Final = frozenset("*?[\\")
_Filed = defaultdict[str, list[int]]


class MatchIndex:
    """Files each of a sequence of matches under the one condition that rules out most steps.

    Where a match names skills it is filed under each; else under the folders its path patterns start with, if all of
    them do; else under its labels, its classes of data, its intents; else it is met by every step. So a look-up costs
    what could match, not what there is. Conditions whose value may be unknown (a tier, a team) file nothing: what is
    unknown may count as met.
    """

    def __init__(self, matches: Sequence[Match], folding: Sequence[bool]) -> None:
        """`folding` says of each match whether its path patterns are tried case-folded too."""
        self._always: list[int] = []
        self._by_skill: _Filed = defaultdict(list)
        self._by_folder: _Filed = defaultdict(list)
        self._by_label: _Filed = defaultdict(list)
        self._by_data: _Filed = defaultdict(list)
        self._by_intent: _Filed = defaultdict(list)
        for position, (match, folds) in enumerate(zip(matches, folding, strict=True)):
            folders = _folders(match.paths, folds)
            if match.skill:
                _file(self._by_skill, match.skill, position)
            elif folders and all(folders):
                _file(self._by_folder, folders, position)
            elif match.labels:
                _file(self._by_label, match.labels, position)
            elif match.data:
                _file(self._by_data, match.data, position)
            elif match.intent:
                _file(self._by_intent, match.intent, position)
            else:
                self._always.append(position)

    def possible(self, facts: Facts) -> list[int]:
        """Positions of the matches whose filing condition could hold, ascending, each once."""
        found = self._always + self._by_intent.get(facts.intent.value, [])
        several: set[int] = set()
        if self._by_intent:
            for intent in facts.suspected_intents:
                several.update(self._by_intent.get(intent, ()))
        if facts.skill is not None:
            found += self._by_skill.get(facts.skill, [])
        if self._by_label:
            for label in facts.attributes.labels.all:
                several.update(self._by_label.get(label, ()))
        if self._by_data:
            for data in facts.attributes.data.all:
                several.update(self._by_data.get(data, ()))
        if facts.paths and self._by_folder:
            several |= self._in_folders(facts.paths)
        if several:
            found = list(several.union(found))
        found.sort()
        return found

    def _in_folders(self, paths: Iterable[PathFact]) -> set[int]:
        found: set[int] = set()
        for path in paths:
            if not path.canonical:
                # What takes something away is met by such a path wherever it looks: no folder can rule anything out.
                return {position for filed in self._by_folder.values() for position in filed}
            for name in path.names:
                for folder in folders_of(name):
                    found.update(self._by_folder.get(folder, ()))
        return found


def folders_of(name: str) -> Iterator[str]:
    """Every folder that `name` lies in, outermost first: ``src`` and ``src/auth`` for ``src/auth/login.py``."""
    end = name.find("/")
    while end != -1:
        yield name[:end]
        end = name.find("/", end + 1)


def literal_folder(pattern: str) -> str:
    """The folder that everything matched by `pattern` lies in, e.g. ``src/auth`` for ``src/auth/**/*.py``.

    Empty where there is none: a pattern without a slash inside matches at any depth, and one that begins with a
    wildcard begins anywhere.
    """
    pattern = unicodedata.normalize("NFC", pattern)
    whole = pattern.removeprefix("./").removeprefix("/")
    anchored = "/" in whole.rstrip("/") or pattern.startswith("/")
    folders: list[str] = []
    for segment in whole.split("/")[:-1]:
        if not anchored or not segment or _WILD & set(segment) or segment.startswith(("!", "#")):
            break
        folders.append(segment)
    return "/".join(folders)


def _folders(patterns: Iterable[str], folds: bool) -> list[str]:
    """The folders to file patterns under: also case-folded where they are tried so; empty strings for none."""
    folders = [literal_folder(pattern) for pattern in patterns]
    if not folds:
        return folders
    return folders + [unicodedata.normalize("NFC", folder.casefold()) for folder in folders]


def _file(index: _Filed, keys: Iterable[str], position: int) -> None:
    for key in set(keys):
        index[key].append(position)
