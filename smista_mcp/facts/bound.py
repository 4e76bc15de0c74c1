"""What trusted configuration says of a step: who runs it (``[identity]``) and what is bound to its repository. Pure.

=================================  ======================  ================  ====================================
what states it                     labels, data            tier, tenant,     counts as
                                                           team, workload
=================================  ======================  ================  ====================================
an entry whose folder holds the    all such are united     the first wins    bound: narrows and grants
workspace
``[identity]``                     (has none)              the first wins    bound
an entry known by a remote only,   all such are united     all are kept      observed: narrows, never grants
by a folder in another case, or
of the workspace's own policy
=================================  ======================  ================  ====================================

"First" means: the organisation's entries in file order, then ``[identity]``, then the user's entries. ``[identity]``
stands between because it may be the user's own, which must not outdo the organisation.

Why a remote does not bind: what the remotes are is the repository's own claim (`smista_mcp.facts.repository`), so
whoever can write its ``.git/config``, and the host agent can, would gain a tier by adding a remote. For the same
reason no claim displaces another: of several tiers that are only claimed each narrows. Where the workspace is, on the
other hand, is settled before the first step, by whoever started the server. The remotes themselves are observed, so
no guarantee or exemption that asks for a `repo` ever holds; bind a label to the folder and ask for that.

An entry is for a folder and everything below it. ``*``, ``?`` and ``[…]`` stay within one folder's name, ``**`` is
any number of folders, ``~`` is the home folder.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from fnmatch import fnmatchcase
from glob import escape
from pathlib import PurePath, PureWindowsPath
from typing import Final

from smista_mcp.facts.types import UNKNOWN_REPO, Attributes, Values
from smista_mcp.policy.types import Identity, Layer, Policy, Repository

_TRUSTED: Final = frozenset({Layer.ORGANISATION, Layer.USER})
_SETS: Final = ("labels", "data")
_SINGLE: Final = ("tier", "tenant", "team", "workload")


def bound_attributes(policy: Policy, remotes: Collection[str], workspace: PurePath, home: PurePath) -> Attributes:
    """What the policy says of any step in `workspace`, as the table of this module has it.

    Args:
        policy: whose `identity` and `repositories` are asked.
        remotes: ``host/owner/name`` of each remote; they are part of the result, as observed.
        workspace: its real path.
        home: the real path of the user's home folder.
    """
    proved: list[Repository] = []
    claimed: list[Repository] = []
    for entry in policy.repositories:
        exactly, folded = _holds(entry, workspace, home)
        if exactly and entry.layer in _TRUSTED:
            proved.append(entry)
        elif folded or _is_remote(entry, remotes):
            claimed.append(entry)
    ranked: list[Repository | Identity] = [one for one in proved if one.layer is Layer.ORGANISATION]
    ranked += [policy.identity, *(one for one in proved if one.layer is not Layer.ORGANISATION)]
    single = {name: Values(bound=_first(ranked, name), observed=_stated(claimed, name)) for name in _SINGLE}
    many = {name: Values(bound=_united(proved, name), observed=_united(claimed, name)) for name in _SETS}
    user = policy.identity.user
    return Attributes(
        labels=many["labels"],
        data=many["data"],
        tier=single["tier"],
        tenant=single["tenant"],
        team=single["team"],
        workload=single["workload"],
        user=Values(bound=frozenset({user} if user else ())),
        repo=Values(observed=frozenset(remotes)),
    )


def _first(entries: Collection[Repository | Identity], name: str) -> frozenset[str]:
    return frozenset(next(([value] for one in entries if (value := getattr(one, name))), []))


def _stated(entries: Collection[Repository], name: str) -> frozenset[str]:
    return frozenset(value for one in entries if (value := getattr(one, name)))


def _united(entries: Collection[Repository], name: str) -> frozenset[str]:
    return frozenset(value for one in entries for value in getattr(one, name))


def _is_remote(entry: Repository, remotes: Collection[str]) -> bool:
    """Whether any remote is one that the entry means; one that is not known may be any."""
    patterns = [pattern.casefold() for pattern in entry.remote]
    return bool(patterns) and any(
        remote == UNKNOWN_REPO or any(fnmatchcase(remote, pattern) for pattern in patterns) for remote in remotes
    )


def _holds(entry: Repository, workspace: PurePath, home: PurePath) -> tuple[bool, bool]:
    """Whether a folder of the entry holds the workspace: as it is written, and with case set aside."""
    if not entry.path:
        return False, False
    windows = isinstance(workspace, PureWindowsPath)
    parts = _parts(workspace.as_posix())
    folded = [part.casefold() for part in parts]
    exactly = loosely = False
    for folder in entry.path:
        wanted = _pattern(folder.replace("\\", "/") if windows else folder, home.as_posix())
        if wanted is not None:
            exactly = exactly or _covers(wanted, parts)
            loosely = loosely or _covers([one.casefold() for one in wanted], folded)
    return exactly, loosely


def _pattern(folder: str, home: str) -> list[str] | None:
    """The parts of a folder's pattern, ``None`` for what is not absolute. In the home folder's own name nothing is
    special."""
    if folder == "~" or folder.startswith("~/"):
        return [*map(escape, _parts(home)), *_parts(folder[2:])]
    is_absolute = folder.startswith("/") or folder[1:3] == ":/"
    return _parts(folder) if is_absolute else None


def _parts(path: str) -> list[str]:
    return [part for part in unicodedata.normalize("NFC", path).split("/") if part not in ("", ".")]


def _covers(patterns: list[str], parts: list[str]) -> bool:
    """Whether `patterns` stand for the folder `parts` or one above it. Takes time in proportion to
    the one times the other, however many ``**`` there are."""
    reached = _beyond({0}, patterns)
    for part in parts:
        if len(patterns) in reached:
            return True
        reached = _beyond(
            {
                number if patterns[number] == "**" else number + 1
                for number in reached
                if patterns[number] == "**" or fnmatchcase(part, patterns[number])
            },
            patterns,
        )
    return len(patterns) in reached


def _beyond(reached: set[int], patterns: list[str]) -> set[int]:
    """`reached`, and where one gets from there by taking every ``**`` for no folder at all."""
    found = set(reached)
    for number in sorted(reached):
        while number < len(patterns) and patterns[number] == "**":
            number += 1
            found.add(number)
    return found
