"""Read a Windows security descriptor in its text form: who owns a thing, and who may change it.

Kept apart from the calls that fetch it, so that it is checked on every system. The form is described in Microsoft's
"Security Descriptor String Format" and "ACE Strings". What is not understood counts as a permission to write.
"""

from __future__ import annotations

import re
from typing import Final

_TRUSTED: Final = frozenset(
    {
        "BA",  # administrators
        "SY",  # the system
        "S-1-5-32-544",
        "S-1-5-18",
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",  # the installer (TrustedInstaller)
    }
)
_STAND_INS: Final = frozenset({"CO", "CG", "OW", "S-1-3-0", "S-1-3-1", "S-1-3-4"})
"""Creator and owner: whoever that is has been checked as the owner."""

_RIGHTS: Final = {
    "GA": 0x10000000,
    "GX": 0x20000000,
    "GW": 0x40000000,
    "GR": 0x80000000,
    "RC": 0x20000,
    "SD": 0x10000,
    "WD": 0x40000,
    "WO": 0x80000,
    "CC": 0x1,
    "DC": 0x2,
    "LC": 0x4,
    "SW": 0x8,
    "RP": 0x10,
    "WP": 0x20,
    "DT": 0x40,
    "LO": 0x80,
    "CR": 0x100,
    "FA": 0x1F01FF,
    "FR": 0x120089,
    "FW": 0x120116,
    "FX": 0x1200A0,
}
_REPLACE: Final = 0x10000000 | 0x40000000 | 0x2000000 | 0xD0000 | 0x40
"""Everything by which what is there can be removed, renamed or given other rights."""
_CHANGE: Final = _REPLACE | 0x2 | 0x4 | 0x10 | 0x100
"""The same, and writing or adding to it."""
_DENIALS: Final = frozenset({"D", "OD", "XD"})

_OWNER: Final = re.compile(r"^O:(S-[0-9-]+|[A-Z]{2})(?=G:|D:|S:|$)")
_LIST: Final = re.compile(r"D:([A-Z_]*)((?:\([^()]*\))*)(?=S:|$)")


def problem(text: str, *, ancestor: bool = False) -> str:
    """Why the thing so described may not be believed, or an empty text.

    Of an `ancestor`, a folder above the policy's own, it only matters that nobody else can remove or replace what is
    in it: everyone may add to ProgramData.
    """
    owner = _OWNER.match(text)
    if owner is None or owner[1] not in _TRUSTED:
        return "does not belong to the administrators"
    rights = _LIST.search(text)
    if rights is None or "NO_ACCESS_CONTROL" in rights[1]:
        return "can be written by everyone"
    forbidden = _REPLACE if ancestor else _CHANGE
    for entry in re.findall(r"\(([^()]*)\)", rights[2]):
        parts = entry.split(";")
        if len(parts) < 6:
            return "has access rights that cannot be read"
        kind, flags, granted, who = parts[0], parts[1], parts[2], parts[5]
        inherit_only = "IO" in [flags[at : at + 2] for at in range(0, len(flags), 2)]
        if kind in _DENIALS or inherit_only or who in _TRUSTED or who in _STAND_INS:
            continue
        if _mask(granted) & forbidden:
            return "can be written by others than the administrators"
    return ""


def _mask(written: str) -> int:
    if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", written):
        return int(written, 16)
    mask = 0
    for at in range(0, len(written), 2):
        mask |= _RIGHTS.get(written[at : at + 2], _CHANGE)
    return mask
