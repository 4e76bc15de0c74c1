"""Which repository the workspace is a copy of, by the remotes in its git configuration; git itself is never run.

What stands there is *observed*, no more: anybody can write any remote into a repository's configuration, and the host
agent can change it at any time. So a remote narrows (its guardrails apply, its labels stick) and never grants.

Read are the ``.git`` of the workspace and of every folder above it (a ``git init`` further down does not make the work
another repository's), be it a folder, a link or, in worktrees and submodules, a file that names another place
(``gitdir:``, ``commondir``), and there ``config`` and ``config.worktree``. Not read are the user's and the system's own
configuration of git (so no ``insteadOf``) and files that are included. Where a repository is there but what it says
cannot be told for certain (a file that is unreadable, broken, larger than `MOST_BYTES`, or that includes another),
`UNKNOWN_REPO` is among its remotes.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from smista_mcp.facts.git_config import parse
from smista_mcp.facts.types import UNKNOWN_REPO

MOST_BYTES: Final = 1024 * 1024
"""Of one file of git's configuration. Real ones have a few kilobytes."""
MOST_REMOTES: Final = 200
"""Remotes of one repository that are looked at; of one that has more it is not known which it is."""
LONGEST_NAME: Final = 500

_POINTER_BYTES: Final = 8192
"""Of the one-line files ``.git`` and ``commondir``."""
_SCP: Final = re.compile(r"(?:[^/]*@)?(\[[^\]/]+\]|[^/:@\[\]]+):(.*)", re.DOTALL)
_HELPER: Final = re.compile(r"^[A-Za-z0-9]+::")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")

_Stamp = tuple[tuple[str, int, int, int], ...]


class Remotes:
    """The remotes of one workspace, read anew only where a file of git's configuration has changed.

    Not thread-safe by design and harmless without: two readers at once both read.
    """

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._last: tuple[_Stamp, frozenset[str]] | None = None

    def read(self) -> frozenset[str]:
        """``host/owner/name`` of every remote, lower case; empty where there is no repository or it has no remote.

        Blocks for about as long as three small files take; call it in a thread. Never raises.
        """
        try:
            files = _configuration(self._workspace)
            stamp = tuple(_stamp(file) for file in files)
        except (OSError, ValueError):
            return frozenset({UNKNOWN_REPO})
        if self._last is None or self._last[0] != stamp:
            self._last = stamp, _remotes(files)
        return self._last[1]


@cache
def home_folder() -> Path:
    """The real path of the user's home folder, by the account and not by ``HOME``: whoever sets the environment must
    not move what ``~`` means in a policy. (On Windows, and for an account without an entry, it is the environment's.)
    """
    try:
        import pwd

        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        home = Path.home()
    return Path(os.path.realpath(home))


def remote_name(url: str) -> str | None:
    """``host/owner/name`` of a remote's URL, lower case: without scheme, user, password, port, query and ``.git``.

    Takes ``https://…``, ``ssh://…``, ``git://…`` and the short ``user@host:path``. ``None`` for what is on this
    machine (a path, ``file://``); `UNKNOWN_REPO` for what names another but cannot be read.
    """
    url = _HELPER.sub("", url.strip(), count=1)
    if "://" in url:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return UNKNOWN_REPO
        if parts.scheme == "file":
            return None
        path = unquote(parts.path)
    else:
        short = None if _DRIVE.match(url) else _SCP.fullmatch(url)
        if short is None:
            return None
        host, path = short[1].strip("[]"), short[2]
    below = posixpath.normpath("/" + path.replace("\\", "/")).strip("/").casefold()
    name = f"{host.casefold().rstrip('.')}/{below.removesuffix('.git').rstrip('/')}"
    if not host or name.endswith("/") or not name.isprintable() or len(name) > LONGEST_NAME:
        return UNKNOWN_REPO
    return name


def _configuration(workspace: Path) -> list[Path]:
    """The files that configure the repositories around `workspace`; none where there is no repository.

    Raises:
        OSError, ValueError: there is a repository, and where its configuration is cannot be told.
    """
    real = Path(os.path.realpath(workspace))
    found: list[Path] = []
    for folder in (real, *real.parents):
        marker = folder / ".git"
        if marker.is_dir():
            if os.path.lexists(marker / "HEAD"):  # else it is no repository, and git passes over it too
                found.extend(_configuration_in(marker))
        elif os.path.lexists(marker):
            found.extend(_configuration_in(_pointed(marker, "gitdir:")))
    return list(dict.fromkeys(found))


def _configuration_in(git: Path) -> list[Path]:
    shared = git / "commondir"
    common = _pointed(shared, "") if os.path.lexists(shared) else git
    if not common.is_dir():
        raise ValueError("the repository is not where it is said to be")
    return [file for file in (common / "config", git / "config.worktree") if os.path.lexists(file)]


def _pointed(file: Path, prefix: str) -> Path:
    """The folder that a one-line file of git's names."""
    line = os.fsdecode(_read(file, _POINTER_BYTES)).rstrip("\r\n")
    if not line.startswith(prefix) or not line[len(prefix) :].strip() or "\n" in line:
        raise ValueError(f"{file.name} does not say where the repository is")
    return file.parent / line[len(prefix) :].strip()


def _stamp(file: Path) -> tuple[str, int, int, int]:
    found = file.stat()
    return str(file), found.st_ino, found.st_size, found.st_mtime_ns


def _remotes(files: list[Path]) -> frozenset[str]:
    found: set[str] = set()
    for file in files:
        try:
            for entry in parse(_read(file, MOST_BYTES).decode("utf-8", "replace")):
                if entry.section == "remote" and entry.key in ("url", "pushurl"):
                    found.add(remote_name(entry.value) or "")
                elif entry.section in ("include", "includeif"):
                    found.add(UNKNOWN_REPO)
        except (OSError, ValueError):
            found.add(UNKNOWN_REPO)
    found.discard("")
    if len(found) > MOST_REMOTES:
        found = {*sorted(found)[:MOST_REMOTES], UNKNOWN_REPO}
    return frozenset(found)


def _read(file: Path, most: int) -> bytes:
    """The whole of a regular file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or larger than `most`.
    """
    # Not waiting: a pipe in the place of the file must not hold everything up.
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{file.name} is not a file")
        data = opened.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{file.name} is too large")
    return data
