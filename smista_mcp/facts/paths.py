"""From a path as somebody wrote it to every name under which a pattern could catch it.

A path has as many spellings as anyone cares to invent (``./a``, ``x/../a``, ``A`` on a case-blind disk, a symbolic
link, a decomposed ``é``). Policy is written for one of them, so all are brought down to the same few names here, and
a path for which that cannot be done is marked: it counts as restricted.

This looks at the file system but opens nothing: reading is `smista_mcp.context`'s, which goes by `Located.real`.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from smista_mcp.facts.types import PathFact, Source

MAX_PATH_CHARS: Final = 4096
"""Longest path that is looked at: PATH_MAX of Linux, the widest of the common systems."""

_MARKERS: Final = (".git", ".smista")
_DRIVE: Final = re.compile(r"^[A-Za-z]:")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


class Kind(StrEnum):
    """What stands at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SPECIAL = "special"
    """A pipe, socket or device."""
    MISSING = "missing"
    UNUSABLE = "unusable"
    """It could not be made canonical: `Located.problem` says why."""


@dataclass(frozen=True, slots=True)
class Located:
    """A declared path, found."""

    fact: PathFact
    kind: Kind
    real: str = ""
    """The real path below the real root, native characters, forward slashes, ``""`` for the root itself. Only where
    the path is canonical; this, and nothing else, is what may be opened."""
    lexical: str = ""
    """The same without following links: the name as it was written, tidied."""
    problem: str = ""
    """Why it is not canonical, in words."""
    outside: bool = False
    """Whether that is because it lies outside the workspace."""


def names_above(root: Path) -> tuple[str, ...]:
    """What the workspace `root` is called, seen from each workspace around it (a folder above with a ``.git`` or a
    ``.smista``), the nearest first.

    A folder is quickly made a workspace of its own (``git init``, an empty policy), and patterns that were written for
    the whole would then no longer meet what is in it.
    """
    base = Path(os.path.realpath(root))
    around = (above for above in base.parents if any(os.path.lexists(above / one) for one in _MARKERS))
    return tuple(base.relative_to(above).as_posix() for above in around)


def locate(root: Path, declared: str, above: Sequence[str] = ()) -> Located:
    """Where `declared` leads, seen from the workspace `root`. Never raises on account of the path.

    `above` is what the workspace itself is called further up (`names_above`): the path has these names too.

    Relative paths are relative to `root`; absolute ones are taken if they lie below it. Backslashes count as
    separators unless a file of exactly that name exists; ``~`` is nobody's home directory here.
    """
    if problem := _unusable_text(declared):
        return _refused(declared, problem)
    try:
        base = os.path.realpath(root, strict=True)
    except OSError as error:
        return _refused(declared, f"the workspace cannot be read ({_words(error)})")
    relative = _below_root(declared, str(root), base)
    if relative is None:
        return _refused(declared, "outside the workspace", outside=True)
    relative = _existing_spelling(base, relative)
    try:
        return _resolve(declared, base, relative, above)
    except OSError as error:
        return _refused(declared, _words(error))
    except ValueError:
        return _refused(declared, "not a possible file name")


def canonicalise(root: Path, declared: str) -> PathFact:
    """The `PathFact` of `declared`: see `locate`, of which this is the part that routing sees."""
    return locate(root, declared).fact


def names_of(*paths: str, directory: bool = False) -> tuple[str, ...]:
    """The names of one path from its spellings: NFC, then each case-folded, without repetition, in that order.

    `directory` puts a slash at the end, which is what makes ``src/auth/**`` and ``src/auth/`` match the directory
    ``src/auth`` itself.
    """
    plain = [unicodedata.normalize("NFC", path) for path in paths]
    folded = [unicodedata.normalize("NFC", path.casefold()) for path in plain]
    tail = "/" if directory else ""
    return tuple(dict.fromkeys((path or ".") + tail for path in (*plain, *folded)))


def printable(path: str) -> str:
    """`path` fit to be shown: what could garble a line or not be encoded is escaped."""
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), path)


def _unusable_text(declared: str) -> str:
    if not declared.strip():
        return "an empty path"
    if len(declared) > MAX_PATH_CHARS:
        return f"longer than {MAX_PATH_CHARS} characters"
    if "\x00" in declared:
        return "holds a NUL character"
    if any("\ud800" <= char <= "\udfff" for char in declared):
        return "holds bytes that are not text"
    return ""


def _below_root(declared: str, root: str, base: str) -> str | None:
    """`declared` relative to the root, still with its ``..``; ``None`` where its very form leads elsewhere."""
    if os.name == "nt":
        declared = declared.replace("\\", "/")
    for absolute in (base, root):
        if not Path(absolute).is_absolute():
            continue
        prefix = absolute.replace(os.sep, "/").rstrip("/")
        candidate = declared
        if os.name == "nt":
            prefix, candidate = prefix.casefold(), candidate.casefold()
        if candidate == prefix or candidate.startswith(prefix + "/"):
            return declared[len(prefix) :].lstrip("/") or "."
    if declared.startswith("/"):  # by another name of the root, perhaps
        real = os.path.realpath(declared)
        return real[len(base) :].lstrip("/") or "." if _is_below(real, base) else None
    means_elsewhere = declared.startswith(("\\\\", "~")) or _DRIVE.match(declared)
    if means_elsewhere and (os.name == "nt" or not os.path.lexists(posixpath.join(base, declared))):
        return None
    return declared


def _existing_spelling(base: str, relative: str) -> str:
    """The spelling of `relative` that exists, if any does: as it is, with its backslashes as slashes, NFC or NFD."""
    slashed = relative.replace("\\", "/")
    for spelling in (relative, slashed):
        for candidate in (spelling, unicodedata.normalize("NFC", spelling), unicodedata.normalize("NFD", spelling)):
            if os.path.lexists(posixpath.join(base, candidate)):
                return candidate
    return slashed


def _resolve(declared: str, base: str, relative: str, above: Sequence[str]) -> Located:
    lexical = posixpath.normpath(relative)
    lexical = "" if lexical == "." else lexical
    if os.name == "nt" and (problem := windows_oddity(lexical)):
        return _refused(declared, problem, lexical)
    # The real path is taken from the spelling with its ``..`` in place: behind a link to a directory they lead to
    # the parent of where the link points, as they do for the system.
    full = posixpath.join(base, relative)
    if broken := _broken_link(base, relative):
        return _refused(declared, f"the link {printable(broken)} leads nowhere", lexical)
    real = os.path.realpath(full)
    if not _is_below(real, base):
        return _refused(declared, "outside the workspace", lexical, outside=True)
    below = real[len(base) :].replace(os.sep, "/").strip("/")
    leaves_by_name = lexical == ".." or lexical.startswith("../")
    spellings = [below] if leaves_by_name else [lexical, below]
    if "\\" in lexical:  # a file of that very name; a pattern may still have been meant for the other reading
        spellings.append(lexical.replace("\\", "/"))
    kind = _kind(real)
    is_directory = kind is Kind.DIRECTORY or (kind is Kind.MISSING and relative.endswith("/"))
    fact = PathFact(
        declared=declared,
        names=names_of(
            *spellings,
            *(posixpath.join(outer, one) if one else outer for outer in above for one in spellings),
            directory=is_directory,
        ),
        source=Source.ASSERTED if kind is Kind.MISSING else Source.OBSERVED,
    )
    return Located(fact=fact, kind=kind, real=below, lexical=spellings[0])


def _kind(real: str) -> Kind:
    try:
        mode = os.lstat(real).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Kind.MISSING
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.SPECIAL


def _broken_link(base: str, relative: str) -> str:
    """The first link on the way that leads nowhere (or round in a circle), relative to the root; ``""``: none."""
    walked = base
    for part in relative.split("/"):
        walked = posixpath.join(walked, part)
        try:
            is_link = stat.S_ISLNK(os.lstat(walked).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        if is_link:
            try:
                Path(walked).stat()
            except OSError:
                return walked[len(base) :].lstrip("/")
    return ""


def _is_below(path: str, base: str) -> bool:
    try:
        return os.path.commonpath((path, base)) == base
    except ValueError:  # another drive
        return False


def windows_oddity(relative: str) -> str:
    """Why Windows would read `relative` as another name than it looks, or ``""``: streams, trailing dots, devices."""
    for part in relative.split("/"):
        if ":" in part:
            return "holds a colon, which on Windows names a stream of another file"
        if part not in ("", ".", "..") and part[-1] in ". ":
            return "ends in a dot or a space, which Windows drops"
        if re.fullmatch(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?", part):
            return "the name of a device"
    return ""


def _refused(declared: str, problem: str, lexical: str = "", *, outside: bool = False) -> Located:
    names = names_of(lexical) if lexical and lexical != ".." and not lexical.startswith("../") else ()
    fact = PathFact(declared=declared, names=names, source=Source.ASSERTED, canonical=False)
    return Located(fact=fact, kind=Kind.UNUSABLE, lexical=lexical, problem=problem, outside=outside)


def _words(error: OSError) -> str:
    return (error.strerror or "it cannot be looked at").lower()
