"""What is wrong, or worth knowing, about a policy file: one value per finding, with its line and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smista_mcp.policy.secret_shapes import masked
from smista_mcp.policy.types import Place

MAX_FINDINGS: Final = 200
"""Most findings reported for one file; a file with more is told how many were left out."""

_LONGEST_SHOWN: Final = 60
_MOST_COMPARED: Final = 500
"""Most words that one is compared with: each comparison takes time, and a file may define tens of thousands."""


class Severity(StrEnum):
    """How much a finding matters. Only an error keeps a policy from being used."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in a policy file.

    `code` is stable, for programs; `message` says what is wrong and `fix` what to write instead, for people.
    Neither ever holds the value of a secret.
    """

    code: str
    severity: Severity
    place: Place
    message: str
    fix: str = ""

    def as_dict(self) -> dict[str, object]:
        """The finding as a member of a ``--json`` reply."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "file": self.place.file,
            "line": self.place.line,
            "message": self.message,
            "fix": self.fix,
        }

    def __str__(self) -> str:
        return f"{self.place}: {self.severity.value}: {self.message}{' ' + self.fix if self.fix else ''} [{self.code}]"


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any of them keeps the policy from being used."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def enough(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The first of them, in their order: more errors, and more others, than are ever reported for one file.

    INVARIANT: where there is an error among them, there is one among these. A file may hold tens of thousands of
    mistakes; what comes after so many errors is not looked for.
    """
    kept: list[Finding] = []
    errors = others = 0
    for finding in findings:
        if finding.severity is Severity.ERROR:
            errors += 1
        else:
            others += 1
            if others > MAX_FINDINGS + 1:
                continue
        kept.append(finding)
        if errors > MAX_FINDINGS:
            break
    return tuple(kept)


def shown(value: object) -> str:
    """`value` as it may stand in a message: on one line, in backquotes, cut short, key shapes masked."""
    text = masked(str(value))
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return f"`{text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'}`"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, or ``None``."""
    choices = list(known)
    if len(choices) > _MOST_COMPARED:
        return None
    choices.sort()
    folded = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(word[:_LONGEST_SHOWN].casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def listed(words: Iterable[str]) -> str:
    """``a, b or c``, each in backquotes."""
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
