"""A step and the facts about it, as routing sees them: plain, immutable values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from smista_mcp.policy.types import Effort


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of delegated work, just as the caller stated it. Nothing in it is believed to grant anything."""

    task: str
    intent: str | None = None
    paths: tuple[str, ...] = ()
    skill: str | None = None
    effort: Effort | None = None
    labels: tuple[str, ...] = ()
    model: str | None = None
    """A proposal, ``provider/model``: taken where the policy allows overrides and it is eligible."""
    context: str = ""
    """Material the caller passes along, beside the files."""
    max_output_tokens: int | None = None
    data: tuple[str, ...] = ()
    """Classes of data that the caller says the step holds, e.g. ``personal``."""


UNKNOWN_REPO: Final = "?"
"""Among the remotes: the workspace is in a repository, but which one cannot be told. Every guardrail's condition on
`repo` takes it as met. No remote has this name, for there is no slash in it."""


class Source(StrEnum):
    """How a fact came to be known."""

    ASSERTED = "asserted"
    """The host agent said so."""
    OBSERVED = "observed"
    """We saw it ourselves."""
    BOUND = "bound"
    """From trusted configuration or a verified identity."""


class IntentSource(StrEnum):
    """Who settled the intent."""

    CALLER = "caller"
    POLICY = "policy"
    CLASSIFIER = "classifier"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Intent:
    """The kind of work, who settled it and how firmly (`confidence`, 0 to 1)."""

    value: str
    source: IntentSource
    confidence: float
    evidence: str = ""
    """What settled it, in a few words: a keyword, a classification rule's place."""


@dataclass(frozen=True, slots=True)
class PathFact:
    """One path that a step touches, under every name by which a pattern could catch it."""

    declared: str
    """As the caller wrote it, or as it was found below a declared directory."""
    names: tuple[str, ...]
    """Workspace-relative names with forward slashes, NFC: the lexical one, the real one where it differs, and
    both case-folded where that differs. A pattern that matches any of them matches the path."""
    source: Source
    canonical: bool = True
    """False where the path could not be made canonical (outside the workspace, a broken link, odd bytes): such
    a path counts as restricted and as matched by every path condition that takes something away."""


class Exclusion(StrEnum):
    """Why something of the workspace stays out of what is sent."""

    MISSING = "missing"
    IGNORED = "ignored"
    RESTRICTED = "restricted"
    BINARY = "binary"
    TOO_LARGE = "too_large"
    OUTSIDE = "outside_workspace"
    UNREADABLE = "unreadable"
    OVER_LIMIT = "over_limit"


@dataclass(frozen=True, slots=True)
class IncludedFile:
    """A file whose text goes into the step. `tokens` is an estimate; `bytes` is what was read."""

    path: str
    bytes: int
    tokens: int
    sha256: str
    truncated: bool = False
    note: str = ""
    """What a person should know about it: named although git ignores it, read in an old encoding, cut."""


@dataclass(frozen=True, slots=True)
class ExcludedFile:
    """A file that stays out, and why, in words a person can act on."""

    path: str
    reason: Exclusion
    detail: str = ""


def in_words(excluded: ExcludedFile) -> str:
    """Why a file stays out, for people."""
    return excluded.detail or excluded.reason.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """What of the workspace goes into the step and what stays out."""

    included: tuple[IncludedFile, ...] = ()
    excluded: tuple[ExcludedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """What is known of one thing about a step (its tenant, its labels), by source. Only what is bound grants."""

    bound: frozenset[str] = frozenset()
    observed: frozenset[str] = frozenset()
    asserted: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """What may narrow: everything, whoever said it."""
        return self.bound | self.observed | self.asserted

    def merged(self, other: Values) -> Values:
        """What either knows, each with its source."""
        return Values(self.bound | other.bound, self.observed | other.observed, self.asserted | other.asserted)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of a step beside its task and files.

    `labels`, `data`, `languages` and `repo` are sets: what is not in them is not so. The others are single values:
    with no bound value they are *unknown*, which every guardrail's condition takes as met and no guarantee's does. (A
    value that is only observed narrows too, but does not make the thing known, or a mere claim could lead around the
    guardrails of every other value.)
    """

    labels: Values = Values()
    data: Values = Values()
    """Classes of data, e.g. ``personal``, ``regulated``."""
    languages: Values = Values()
    """Programming languages of the files, by their ending, e.g. ``python``."""
    tier: Values = Values()
    tenant: Values = Values()
    team: Values = Values()
    workload: Values = Values()
    user: Values = Values()
    repo: Values = Values()
    """``host/owner/name`` of each remote, lower case."""

    def merged(self, other: Attributes) -> Attributes:
        """What either knows, each with its source."""
        return Attributes(*(getattr(self, one).merged(getattr(other, one)) for one in ATTRIBUTES))


ATTRIBUTES: Final = tuple(one.name for one in fields(Attributes))
"""The names of everything that `Attributes` holds, in order."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that routing knows about a step."""

    intent: Intent
    paths: tuple[PathFact, ...] = ()
    skill: str | None = None
    effort: Effort | None = None
    proposed_model: str | None = None
    restricted: tuple[str, ...] = ()
    """Names of paths of the step that are restricted: no remote deployment may have the step."""
    input_tokens: int = 0
    """Estimate of everything that is sent: task, context, files, framing."""
    max_output_tokens: int | None = None
    context: ContextPlan = ContextPlan()
    attributes: Attributes = Attributes()
    suspected_intents: tuple[str, ...] = ()
    """What else the task may be, by the policy's and our own classification, whatever the caller says it is:
    guardrails meet these too, so that a wrong intent does not lead around them."""
    task_sha256: str = ""
    task_chars: int = 0
