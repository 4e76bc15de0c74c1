"""The organisation's policy: where it lives, and whether it may be believed.

Its place is compiled in. No environment variable, flag, home or working directory moves it; tests hand another root
and owner to the constructor. A file there is believed when, checked on the very descriptor that is then read,

* neither it nor any folder above it is reached through a link,
* it is a regular file, and each folder above it a folder,
* all of them belong to the administrator, and neither their group nor others may write to them.

A file that is there and fails any of this is not skipped, since whoever could spoil it could so switch it off: it
raises `PolicyUntrustedError`, and nothing is delegated. The limit of all this: whoever can edit this program can
avoid it. Prevention needs the keys to live in a server that runs under another account.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smista_mcp.errors import PolicyUntrustedError
from smista_mcp.policy.document import MAX_BYTES

ADMINISTRATOR: Final = 0
"""The administrator's user id on POSIX systems."""
FILE: Final = "policy.toml"
FOLDER: Final = "policy.d"
"""Beside `FILE`: a folder of further files, read in the order of their names."""
REQUIRED: Final = "required"
"""Beside `FILE`: if this is there, of whatever kind, a policy has to be."""
INSTALLED_MARKER: Final = Path(__file__).with_name(REQUIRED)
"""If this is there, the installation was made for an organisation: a policy has to be in its place."""
MOST_FILES: Final = 100
"""Most files in `FOLDER`."""

_HINT: Final = "Ask the administrator of this machine to put it right. Until then nothing is delegated."
_ANYONE_ELSE: Final = stat.S_IWGRP | stat.S_IWOTH
_FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


def _standard_root() -> Path:
    if sys.platform == "win32":
        from smista_mcp.policy.trust_windows import program_data

        return program_data()
    return Path("/")


def _standard_parts() -> tuple[str, ...]:
    if sys.platform == "win32":
        return ("Smista",)
    if sys.platform == "darwin":
        return ("Library", "Application Support", "Smista")
    return ("etc", "smista")


@dataclass(frozen=True, slots=True)
class OrganisationPlace:
    """Where the organisation's policy is looked for, and who must own it.

    `root` is the folder at which checking begins; `parts` lead from there to the folder of the policy. `owner` is a
    POSIX user id; on Windows the owner must always be the administrators, the system or the installer.
    """

    root: Path
    owner: int = ADMINISTRATOR
    parts: tuple[str, ...] = ("etc", "smista")
    required: bool = False
    """Whether there has to be a policy, marker or not."""

    @classmethod
    def standard(cls) -> OrganisationPlace:
        """The compiled-in place of this platform: ``/etc/smista``, ``/Library/Application Support/Smista``, or the
        folder ``Smista`` in ProgramData."""
        required = os.path.lexists(INSTALLED_MARKER)
        return cls(root=_standard_root(), owner=ADMINISTRATOR, parts=_standard_parts(), required=required)

    @property
    def directory(self) -> Path:
        """The folder that holds ``policy.toml`` and ``policy.d``."""
        return self.root.joinpath(*self.parts)

    def read(self) -> tuple[tuple[str, bytes], ...]:
        """Every file of the organisation's policy with its content, ``policy.toml`` first; empty if there is none.

        Raises:
            PolicyUntrustedError: something is there that may not be believed, or cannot be read; or nothing is there,
                and a marker says that there has to be.
        """
        read = self._read()
        # Whoever could put a marker there without being the administrator could only have everything refused.
        if not read and (self.required or os.path.lexists(self.directory / REQUIRED)):
            message = f"The organisation's policy is required on this machine, and there is none in {self.directory}."
            raise PolicyUntrustedError(message, hint=_HINT)
        return read

    def _read(self) -> tuple[tuple[str, bytes], ...]:
        if sys.platform == "win32":
            from smista_mcp.policy.trust_windows import read_trusted

            return read_trusted(self.directory, FILE, FOLDER)
        return _read_posix(self)


def untrusted(path: Path | str, why: str) -> PolicyUntrustedError:
    """The error for `path`, where `why` completes the sentence "the organisation's policy … "."""
    return PolicyUntrustedError(f"The organisation's policy may not be believed: {path} {why}.", hint=_HINT)


class Absent(Exception):  # noqa: N818 - no error: there is no policy at this place
    """The thing looked for is not there. Never leaves this module and `trust_windows`."""


def _read_posix(place: OrganisationPlace) -> tuple[tuple[str, bytes], ...]:
    read: list[tuple[str, bytes]] = []
    try:
        with _folders(place) as folders:
            folder = folders[-1][1]
            with suppress(Absent):
                read.append((str(place.directory / FILE), _file(folder, FILE, place.directory, place.owner)))
            read.extend(_drop_ins(folder, place))
            # Only once a policy was found: without one there is nothing to believe, and an odd owner of /etc (as
            # some containers have it) is no reason to refuse.
            for path, descriptor in folders if read else ():
                _check(descriptor, path, place.owner)
    except Absent:
        pass
    return tuple(read)


@contextmanager
def _folders(place: OrganisationPlace) -> Iterator[list[tuple[Path, int]]]:
    """The folders from the root down to the policy's, each opened within the last without following a link."""
    opened: list[tuple[Path, int]] = []
    try:
        opened.append((place.root, _open(place.root, str(place.root), _FOLDER_FLAGS, None)))
        for part in place.parts:
            above, within = opened[-1]
            opened.append((above / part, _open(above / part, part, _FOLDER_FLAGS, within)))
        yield opened
    finally:
        for _, descriptor in opened:
            os.close(descriptor)


def _open(path: Path, name: str, flags: int, folder: int | None) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise Absent from None
    except OSError as error:
        try:
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        except OSError:
            kind = 0
        if stat.S_ISLNK(kind):
            raise untrusted(path, "is a link, and links are not followed here") from None
        if flags == _FOLDER_FLAGS and kind and not stat.S_ISDIR(kind):
            raise untrusted(path, "is not a folder") from None
        raise untrusted(path, f"cannot be opened ({error.strerror})") from None


def _check(descriptor: int, path: Path, owner: int) -> None:
    found = os.fstat(descriptor)
    if found.st_uid != owner:
        who = "the administrator" if owner == ADMINISTRATOR else f"user {owner}"
        raise untrusted(path, f"belongs to user {found.st_uid}, not to {who}")
    if found.st_mode & _ANYONE_ELSE:
        mode = stat.S_IMODE(found.st_mode)
        raise untrusted(path, f"can be written by others than its owner (mode {mode:o})")


def _file(folder: int, name: str, directory: Path, owner: int) -> bytes:
    path = directory / name
    descriptor = _open(path, name, os.O_RDONLY, folder)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise untrusted(path, "is not a regular file")
        _check(descriptor, path, owner)
        return read_bounded(descriptor)
    except OSError as error:
        raise untrusted(path, f"cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)


def read_bounded(descriptor: int) -> bytes:
    """The content of an open file, or one byte more than a policy may have: enough to see that it is too large."""
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (piece := os.read(descriptor, MAX_BYTES + 1 - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _drop_ins(folder: int, place: OrganisationPlace) -> Iterator[tuple[str, bytes]]:
    directory = place.directory / FOLDER
    try:
        descriptor = _open(directory, FOLDER, _FOLDER_FLAGS, folder)
    except Absent:
        return
    try:
        names = drop_in_names(os.listdir(descriptor), directory)  # noqa: PTH208 - a path could be replaced, the descriptor cannot
        if names:
            _check(descriptor, directory, place.owner)
        for name in names:
            try:
                yield str(directory / name), _file(descriptor, name, directory, place.owner)
            except Absent:  # removed since it was listed: what is left is not what the administrator laid out
                raise untrusted(directory / name, "vanished while it was read") from None
    finally:
        os.close(descriptor)


def drop_in_names(names: list[str], directory: Path) -> list[str]:
    """Of the names in the folder of further files those that count, in their order: ``*.toml``, none hidden."""
    counted = sorted(name for name in names if name.endswith(".toml") and not name.startswith("."))
    if len(counted) > MOST_FILES:
        raise untrusted(directory, f"holds more than {MOST_FILES} files")
    return counted
