"""Opening what lies in the workspace, and nothing else.

Every part of a path is opened from the descriptor of the one before it and never through a link, so that nobody can
lead a read out of the workspace by putting a link where a directory was a moment ago. Where the system cannot do that
(Windows), the opened file is asked for its own path, which must be the one that was meant.

Hard links cannot be told from the file itself: a hard link in the workspace to a file outside is read. Making one
takes write access to the workspace and, on common systems, ownership of the file.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from smista_mcp.facts.types import Exclusion

_LINK: Final = "there is a link where none was a moment ago"


class EntryKind(StrEnum):
    """What stands in a directory."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory, the link itself where it is one."""

    name: str
    kind: EntryKind


@dataclass(frozen=True, slots=True)
class RawFile:
    """Bytes from one descriptor: at most as many as were asked for, out of `size`."""

    data: bytes
    size: int


class NotReadableError(Exception):
    """A file that is not read; becomes an `ExcludedFile` and never leaves this package."""

    def __init__(self, reason: Exclusion, detail: str, *, link: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.link = link
        """A link stood in the way, where the path should have had none."""


class Tree(Protocol):
    """The workspace's files. Paths are real ones below the root with forward slashes; ``""`` is the root."""

    def read(self, path: str, limit: int) -> RawFile:
        """At most `limit` bytes of the regular file at `path`.

        Raises:
            NotReadableError: it is no regular file, cannot be opened, or is not what it was a moment ago.
        """
        ...

    def entries(self, path: str) -> list[Entry]:
        """What the directory at `path` holds, by name.

        Raises:
            NotReadableError: it cannot be listed.
        """
        ...


@contextmanager
def open_tree(root: Path) -> Iterator[Tree]:
    """The files below `root`, for as long as the context lasts, by the best way of opening this system has.

    Raises:
        NotReadableError: the root cannot be opened.
    """
    real = os.path.realpath(root)
    if not WALKS_BY_DESCRIPTOR:
        yield PathTree(real)
        return
    with _worded():
        descriptor = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield DescriptorTree(descriptor)
    finally:
        os.close(descriptor)


WALKS_BY_DESCRIPTOR: Final = (
    os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and os.scandir in os.supports_fd
    and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
)  # fmt: skip


class DescriptorTree:
    """The workspace below an open descriptor of its root."""

    def __init__(self, root: int) -> None:
        self._root = root

    def read(self, path: str, limit: int) -> RawFile:
        """See `Tree.read`."""
        *folders, name = _parts(path)
        with self._folder(folders) as folder, _worded():
            # Opening a device may already do something, so what it is comes first; what was opened counts.
            _regular(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            descriptor = os.open(name, flags, dir_fd=folder)
            return _read_all(descriptor, limit)

    def entries(self, path: str) -> list[Entry]:
        """See `Tree.entries`."""
        with self._folder(_parts(path)) as folder, _worded(), os.scandir(folder) as found:
            return sorted((Entry(entry.name, _entry_kind(entry)) for entry in found), key=lambda entry: entry.name)

    @contextmanager
    def _folder(self, parts: Sequence[str]) -> Iterator[int]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        current = self._root
        try:
            for part in parts:
                with _worded():
                    inner = os.open(part, flags, dir_fd=current)
                if current != self._root:
                    os.close(current)
                current = inner
            yield current
        finally:
            if current != self._root:
                os.close(current)


class PathTree:
    """The workspace by path, for systems that cannot open from a descriptor (Windows): what was opened is asked for its
    own path, and must be the file that was meant."""

    def __init__(self, root: str) -> None:
        self._root = root

    def read(self, path: str, limit: int) -> RawFile:
        """See `Tree.read`."""
        with _worded():
            full = self._inside(path)
            _regular(os.lstat(full).st_mode)
            flags = os.O_RDONLY
            for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK", "O_NOINHERIT"):
                flags |= getattr(os, name, 0)
            descriptor = os.open(full, flags)
            if os.path.normcase(path_of(descriptor)) != os.path.normcase(full):
                os.close(descriptor)
                raise NotReadableError(Exclusion.UNREADABLE, "it was replaced while it was being opened")
            return _read_all(descriptor, limit)

    def entries(self, path: str) -> list[Entry]:
        """See `Tree.entries`."""
        with _worded():
            full = self._inside(path)
            with os.scandir(full) as found:
                listed = sorted(
                    (Entry(entry.name, _entry_kind(entry)) for entry in found), key=lambda entry: entry.name
                )
            if self._moved(path, full):
                raise NotReadableError(Exclusion.UNREADABLE, "it was replaced while it was being listed")
            return listed

    def _inside(self, path: str) -> str:
        full = os.path.join(self._root, *_parts(path))  # noqa: PTH118 - odd names must reach the system as they are
        if self._moved(path, full):
            raise NotReadableError(Exclusion.UNREADABLE, _LINK, link=True)
        return full

    def _moved(self, path: str, full: str) -> bool:
        return os.path.normcase(os.path.realpath(full)) != os.path.normcase(full if path else self._root)


def path_of(descriptor: int) -> str:
    """Where the open file lies, by what the system says of the descriptor; ``""`` where it does not say."""
    if sys.platform == "win32":
        return _path_of_handle(descriptor)
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""


if sys.platform == "win32":

    def _path_of_handle(descriptor: int) -> str:
        import ctypes
        import msvcrt

        ask = ctypes.windll.kernel32.GetFinalPathNameByHandleW
        ask.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_uint32)
        ask.restype = ctypes.c_uint32
        buffer = ctypes.create_unicode_buffer(32_768)
        length = ask(msvcrt.get_osfhandle(descriptor), buffer, len(buffer), 0)
        found = buffer.value if 0 < length < len(buffer) else ""
        if found.startswith("\\\\?\\UNC\\"):
            return "\\\\" + found[8:]
        return found.removeprefix("\\\\?\\")


def reason(error: OSError) -> str:
    """Why the system refused, in its own words."""
    return (error.strerror or type(error).__name__).lower()


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") for part in parts):
        raise NotReadableError(Exclusion.OUTSIDE, "not a real path")
    return parts


def _read_all(descriptor: int, limit: int) -> RawFile:
    with os.fdopen(descriptor, "rb", closefd=True) as file:
        seen = os.fstat(descriptor)
        _regular(seen.st_mode)
        data = file.read(limit + 1)
        return RawFile(data[:limit], max(seen.st_size, len(data)))


def _regular(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise NotReadableError(Exclusion.UNREADABLE, "a directory")
    if stat.S_ISLNK(mode):
        raise NotReadableError(Exclusion.UNREADABLE, _LINK, link=True)
    raise NotReadableError(Exclusion.UNREADABLE, "not a regular file (a pipe, socket or device)")


def _entry_kind(entry: os.DirEntry[str]) -> EntryKind:
    if entry.is_symlink() or (hasattr(entry, "is_junction") and entry.is_junction()):
        return EntryKind.LINK
    if entry.is_file(follow_symlinks=False):
        return EntryKind.FILE
    if entry.is_dir(follow_symlinks=False):
        return EntryKind.DIRECTORY
    return EntryKind.SPECIAL


@contextmanager
def _worded() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotReadableError(Exclusion.MISSING, "no such file") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, getattr(errno, "EMLINK", errno.ELOOP)):
            raise NotReadableError(Exclusion.UNREADABLE, _LINK, link=True) from error
        raise NotReadableError(Exclusion.UNREADABLE, reason(error)) from error
    except ValueError as error:
        raise NotReadableError(Exclusion.UNREADABLE, "not a possible file name") from error
