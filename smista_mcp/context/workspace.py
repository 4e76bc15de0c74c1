"""Reading the files of a step: what goes in, what stays out, and why.

What is named is read, what is only found is chosen:

====================  ==========================================  =========================================
a file is             named exactly                               found below a directory or by a glob
====================  ==========================================  =========================================
missing               left out, with names that come close        (cannot be)
in ``.smistaignore``  left out                                    left out
ignored by git        included: who names a build product means   left out
                      it; a note says so
restricted            included, and no remote deployment may      left out
                      have the step
larger than a limit   its beginning                               left out
binary, a pipe, …     left out                                    left out
outside               left out, and counts as restricted          left out
====================  ==========================================  =========================================

``.git`` is never read. Links are followed where they stay inside the workspace and what they lead to is judged under
both names; links to directories are not followed while searching.
"""

from __future__ import annotations

import difflib
import hashlib
import posixpath
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from smista_mcp.context.ignore import Ignored, wildcards
from smista_mcp.context.material import Material, MaterialFile
from smista_mcp.context.read import EntryKind, NotReadableError, Tree, open_tree
from smista_mcp.context.text import decode
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.paths import Kind, Located, locate, names_above, names_of, printable
from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.facts.types import ContextPlan, ExcludedFile, Exclusion, PathFact, Source

__all__ = ["ContextLimits", "Material", "MaterialFile", "read_context"]


@dataclass(frozen=True, slots=True)
class ContextLimits:
    """How much is read for one step."""

    file_bytes: int = 256 * 1024
    """Of one file. About 80,000 tokens of code."""
    total_bytes: int = 2 * 1024 * 1024
    """Of all files together."""
    files: int = 400
    entries: int = 50_000
    """Names looked at while searching directories."""
    depth: int = 64
    """Directories below one another that are searched."""
    reported: int = 200
    """Files named among those left out; more are counted in one line."""


_SUGGESTIONS: Final = 3
_SUGGESTION_ENTRIES: Final = 5_000
"""Names looked at to find one that comes close to a missing one."""
_MOST_SUGGESTIONS: Final = 10
"""Missing files for which one is looked for."""
_GLOB: Final = frozenset("*?[")


def read_context(
    root: Path, paths: Sequence[str], *, restricted: Sequence[str] = (), limits: ContextLimits | None = None
) -> Material:
    """The workspace's files named in `paths`, read once. Blocks; call it in a thread.

    Args:
        root: the workspace. Nothing outside it is ever read.
        paths: files, directories and globs (``src/**/*.py``), relative to `root` or absolute below it. A path that
            exists as it stands is that path, even if it looks like a glob.
        restricted: gitignore-style patterns of restricted paths.
        limits: how much is read; `ContextLimits()` by default.

    Raises:
        PolicyError: a pattern in `restricted` cannot be read.
    """
    patterns = PathPatterns(restricted, fold_case=True)
    if not paths:
        return Material()
    try:
        with open_tree(root) as tree:
            return _Reading(root, tree, patterns, limits or ContextLimits()).run(paths)
    except NotReadableError as error:
        located = [locate(root, path, names_above(root)) for path in dict.fromkeys(paths)]
        return Material(
            plan=ContextPlan(excluded=tuple(_left_out(found.fact.declared, error) for found in located)),
            path_facts=tuple(found.fact for found in located),
            restricted=tuple(sorted(printable(found.fact.declared) for found in located)),
        )


@dataclass(slots=True)
class _Wanted:
    """A file to be read: its real path, and what it is called in the plan."""

    real: str
    shown: str
    fact: PathFact
    named: bool
    note: str = ""


@dataclass(slots=True)
class _Reading:
    root: Path
    tree: Tree
    patterns: PathPatterns
    limits: ContextLimits
    wanted: dict[str, _Wanted] = field(default_factory=dict)
    """By real path: a file under two names is read once."""
    facts: dict[tuple[str, ...], PathFact] = field(default_factory=dict)
    excluded: dict[tuple[str, Exclusion], ExcludedFile] = field(default_factory=dict)
    restricted: set[str] = field(default_factory=set)
    looked_at: int = 0
    known: list[str] | None = None
    suggested: int = 0
    ignored: Ignored = field(init=False)
    above: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.above = names_above(self.root)
        self.ignored = Ignored(self.tree)

    def run(self, paths: Sequence[str]) -> Material:
        globs: list[str] = []
        folders: list[Located] = []
        for path in sorted(dict.fromkeys(paths)):
            found = locate(self.root, path, self.above)
            if found.kind is Kind.MISSING and _GLOB & set(path):
                globs.append(path)
            elif found.kind is Kind.DIRECTORY:
                folders.append(found)
            else:
                self._named(found)
        # What is named comes before what is found: it is judged by the milder rules and has the first claim to room.
        for found in folders:
            self._directory(found)
        for path in globs:
            self._glob(path)
        files = tuple(sorted(self._read(), key=lambda file: file.path))
        return Material(
            files=files,
            plan=ContextPlan(included=tuple(file.included() for file in files), excluded=self._reported()),
            path_facts=tuple(sorted(self.facts.values(), key=lambda fact: (fact.declared, fact.names))),
            restricted=tuple(sorted(self.restricted)),
            notes=tuple(f"{file.path}: {file.note}" for file in files if file.note),
        )

    # --- what is named

    def _named(self, found: Located) -> None:
        fact = found.fact
        self._keep(fact)
        shown = printable(found.lexical or fact.declared)
        if not fact.canonical:
            self.restricted.add(printable(fact.declared))
            reason = Exclusion.OUTSIDE if found.outside else Exclusion.UNREADABLE
            self._exclude(printable(fact.declared), reason, found.problem)
            return
        if self.patterns.matches(fact.names):
            self.restricted.add(shown)
        if _in_git(found.lexical) or _in_git(found.real):
            self._exclude(shown, Exclusion.IGNORED, "git's own files are never read")
        elif found.kind is Kind.MISSING:
            self._exclude(shown, Exclusion.MISSING, self._suggestion(found.lexical))
        elif found.kind is Kind.SPECIAL:
            self._exclude(shown, Exclusion.UNREADABLE, "not a regular file (a pipe, socket or device)")
        elif own := self._kept_out(found.lexical, found.real):
            self._exclude(shown, Exclusion.IGNORED, own)
        else:
            git = self.ignored.by_git(found.real, directory=False)
            note = f"ignored by git ({git}), read because it was named" if git else ""
            self.wanted.setdefault(found.real, _Wanted(found.real, shown, fact, named=True, note=note))

    def _kept_out(self, *names: str, directory: bool = False) -> str:
        for name in dict.fromkeys(names):
            if why := self.ignored.by_own(name, directory=directory):
                return why
        return ""

    def _suggestion(self, missing: str) -> str:
        """“no such file”, and what may have been meant."""
        self.suggested += 1
        if self.suggested > _MOST_SUGGESTIONS:
            return "no such file"
        if self.known is None:
            self.known = list(self._known())
        wanted = missing.rstrip("/").casefold()
        by_name = {path.casefold(): path for path in self.known}
        last = posixpath.basename(wanted)
        same_name = [path for path in self.known if posixpath.basename(path).casefold() == last]
        near = difflib.get_close_matches(wanted, by_name, n=_SUGGESTIONS, cutoff=0.7)
        close = list(dict.fromkeys([*same_name, *(by_name[path] for path in near)]))[:_SUGGESTIONS]
        return f"no such file; did you mean {' or '.join(map(printable, close))}?" if close else "no such file"

    def _known(self) -> Iterator[str]:
        """The workspace's files that nobody wants left alone, those near the root first."""
        budget = _SUGGESTION_ENTRIES
        folders = deque([""])
        while folders and budget > 0:
            folder = folders.popleft()
            for name, kind in self._list(folder):
                budget -= 1
                path = posixpath.join(folder, name)
                directory = kind is EntryKind.DIRECTORY
                if _in_git(name) or _garbled(name) or self._kept_out(path, directory=directory):
                    continue
                if self.ignored.by_git(path, directory=directory):
                    continue
                if directory:
                    folders.append(path)
                elif not self.patterns.matches(names_of(path)):
                    yield path

    # --- what is found

    def _directory(self, found: Located) -> None:
        if found.real:
            self._keep(found.fact)  # the root is in every step, so that it is named says nothing
        if _in_git(found.real) or _in_git(found.lexical):
            self._exclude(printable(found.lexical) + "/", Exclusion.IGNORED, "git's own files are never read")
            return
        if found.real and (own := self._kept_out(found.lexical, found.real, directory=True)):
            self._exclude(printable(found.lexical) + "/", Exclusion.IGNORED, own)
            return
        # A directory that git ignores and that is named all the same is searched as if it were not ignored.
        before = len(self.wanted), len(self.excluded)
        for path in self._walk(found.real, found.real):
            self._found(path, found)
        if (len(self.wanted), len(self.excluded)) == before and not self._holds_wanted(found.real):
            self._exclude((printable(found.lexical) or ".") + "/", Exclusion.MISSING, "no files in it")

    def _holds_wanted(self, folder: str) -> bool:
        return any(not folder or real.startswith(folder + "/") for real in self.wanted)

    def _glob(self, pattern: str) -> None:
        shown = printable(pattern)
        tidy = posixpath.normpath(unicodedata.normalize("NFC", pattern.replace("\\", "/")))
        base = locate(self.root, ".")
        if tidy.startswith("/") and base.fact.canonical:
            for prefix in (str(self.root), str(self.root.resolve())):
                if tidy.startswith(prefix.rstrip("/") + "/"):
                    tidy = tidy[len(prefix.rstrip("/")) + 1 :]
        if tidy.startswith(("/", "../")) or tidy == "..":
            self.restricted.add(shown)
            self._keep(PathFact(pattern, (), Source.ASSERTED, canonical=False))
            self._exclude(shown, Exclusion.OUTSIDE, "outside the workspace")
            return
        regex = wildcards(tidy)
        fixed = posixpath.dirname(tidy[: min(tidy.find(char) for char in _GLOB if char in tidy)])
        matched = False
        if regex is not None:
            start = locate(self.root, fixed or ".", self.above)
            if start.kind is Kind.DIRECTORY:
                for path in self._walk(start.real, ""):
                    name = posixpath.join(fixed, path[len(start.real) :].lstrip("/")) if fixed else path
                    if regex.fullmatch(unicodedata.normalize("NFC", name)):
                        matched = True
                        self._found(path, start)
        if not matched:
            self._keep(PathFact(pattern, names_of(tidy), Source.ASSERTED))
            self._exclude(shown, Exclusion.MISSING, "no file matches")

    def _found(self, path: str, start: Located) -> None:
        """A file or link that a search came upon, judged by the stricter rules."""
        if _garbled(path):
            self._exclude(printable(path), Exclusion.UNREADABLE, "its name is not text")
            return
        spelled = path
        if start.lexical != start.real:
            spelled = posixpath.join(start.lexical, path[len(start.real) :].lstrip("/"))
        found = locate(self.root, spelled, self.above)
        shown = printable(found.lexical or spelled)
        if not found.fact.canonical:
            reason = Exclusion.OUTSIDE if found.outside else Exclusion.UNREADABLE
            self._exclude(shown, reason, found.problem)
        elif found.kind is Kind.DIRECTORY:
            self._exclude(shown, Exclusion.IGNORED, "links to directories are not followed; name it to have it read")
        elif found.kind is not Kind.FILE:
            self._exclude(shown, Exclusion.UNREADABLE, "not a regular file (a pipe, socket or device)")
        elif found.real in self.wanted:
            return
        elif _in_git(found.real):
            self._exclude(shown, Exclusion.IGNORED, "git's own files are never read")
        elif self.patterns.matches(found.fact.names):
            self._exclude(shown, Exclusion.RESTRICTED, "name it explicitly to let a local model read it")
        elif own := self._kept_out(found.lexical, found.real):
            self._exclude(shown, Exclusion.IGNORED, own)
        elif found.real != path and (git := self.ignored.by_git(found.real, directory=False)):
            self._exclude(shown, Exclusion.IGNORED, git)
        else:
            self.wanted[found.real] = _Wanted(found.real, shown, found.fact, named=False)

    def _walk(self, folder: str, unignored: str, depth: int = 0) -> Iterator[str]:
        """Files and links below `folder` that are not ignored, in the order of their names.

        `unignored` is a directory that was named: whether it is ignored itself does not count.
        """
        if depth > self.limits.depth:
            self._exclude(
                printable(folder) + "/", Exclusion.OVER_LIMIT, f"more than {self.limits.depth} directories deep"
            )
            return
        for name, kind in self._list(folder):
            path = posixpath.join(folder, name) if folder else name
            if _in_git(name):
                continue
            self.looked_at += 1
            if self.looked_at > self.limits.entries:
                self._exclude("…", Exclusion.OVER_LIMIT, f"only the first {self.limits.entries:,} names were looked at")
                return
            directory = kind is EntryKind.DIRECTORY
            why = self.ignored.by_own(path, directory=directory)
            why = why or self.ignored.by_git(path, directory=directory, below=unignored) or ""
            if why:
                self._exclude(printable(path) + ("/" if directory else ""), Exclusion.IGNORED, why)
            elif directory:
                yield from self._walk(path, unignored, depth + 1)
            else:
                yield path

    def _list(self, folder: str) -> list[tuple[str, EntryKind]]:
        try:
            return [(entry.name, entry.kind) for entry in self.tree.entries(folder)]
        except NotReadableError as error:
            self._exclude(printable(folder) + "/", error.reason, error.detail)
            return []

    # --- reading

    def _read(self) -> Iterator[MaterialFile]:
        room, count = self.limits.total_bytes, 0
        for wanted in sorted(self.wanted.values(), key=lambda wanted: (not wanted.named, wanted.shown)):
            if count >= self.limits.files:
                self._exclude(wanted.shown, Exclusion.OVER_LIMIT, f"more than {self.limits.files} files")
                continue
            if room <= 0:
                self._exclude(
                    wanted.shown, Exclusion.OVER_LIMIT, f"more than {_size(self.limits.total_bytes)} together"
                )
                continue
            try:
                file = self._one(wanted, room)
            except NotReadableError as error:
                self._exclude(wanted.shown, error.reason, error.detail)
                continue
            self._keep(wanted.fact)
            room -= file.bytes
            count += 1
            yield file

    def _one(self, wanted: _Wanted, room: int) -> MaterialFile:
        raw = self.tree.read(wanted.real, min(self.limits.file_bytes, room))
        data, cut = raw.data, raw.size > len(raw.data)
        if cut and not wanted.named:
            if raw.size <= self.limits.file_bytes:
                raise NotReadableError(Exclusion.OVER_LIMIT, f"more than {_size(self.limits.total_bytes)} together")
            raise NotReadableError(
                Exclusion.TOO_LARGE,
                f"{_size(raw.size)}, at most {_size(self.limits.file_bytes)}; name it to have its beginning read",
            )
        text, note = decode(data, cut=cut)
        notes = [part for part in (wanted.note, note) if part]
        if cut:
            notes.append(f"the first {_size(len(data))} of {_size(raw.size)}")
        return MaterialFile(
            path=wanted.shown,
            text=text,
            bytes=len(data),
            tokens=estimate_tokens(text),
            sha256=hashlib.sha256(data).hexdigest(),
            truncated=cut,
            note="; ".join(notes),
        )

    # --- book-keeping

    def _keep(self, fact: PathFact) -> None:
        self.facts.setdefault((*fact.names, str(fact.canonical)) if fact.names else (fact.declared,), fact)

    def _exclude(self, path: str, reason: Exclusion, detail: str) -> None:
        self.excluded.setdefault((path, reason), ExcludedFile(path, reason, detail))

    def _reported(self) -> tuple[ExcludedFile, ...]:
        ordered = sorted(self.excluded.values(), key=lambda file: (file.reason is Exclusion.IGNORED, file.path))
        shown = ordered[: self.limits.reported]
        if len(ordered) > len(shown):
            rest = ExcludedFile("…", Exclusion.OVER_LIMIT, f"and {len(ordered) - len(shown):,} more left out")
            shown.append(rest)
        return tuple(sorted(shown, key=lambda file: (file.path == "…", file.path, file.reason)))


def _in_git(path: str) -> bool:
    # ``git~1`` is what Windows calls ``.git`` where it needs a short name.
    return any(part.casefold().rstrip(". ") in (".git", "git~1") for part in path.split("/"))


def _garbled(path: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in path)


def _left_out(path: str, error: NotReadableError) -> ExcludedFile:
    return ExcludedFile(printable(path), error.reason, error.detail)


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / 1024:,.0f} KiB" if count < 10 * 1024 * 1024 else f"{count / 1024 / 1024:,.0f} MiB"
