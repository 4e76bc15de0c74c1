"""What routing returns: the whole decision, with every candidate and its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from smista_mcp.facts.types import ContextPlan, Intent
from smista_mcp.policy.types import Effort, Layer, Permission, Place, Tool


class Outcome(StrEnum):
    """What came of routing a step."""

    ROUTED = "routed"
    NO_ROUTE = "no_route"
    """No rule matches and no layer has a default."""
    NO_ELIGIBLE_MODEL = "no_eligible_model"
    """Something matches, but nothing it names may be used."""
    OVER_BUDGET = "over_budget"
    """A budget has no room for the step's worst case, and nothing cheaper may have it."""
    NEEDS_APPROVAL = "needs_approval"
    """A budget asks a person before more is spent."""


class ReasonCode(StrEnum):
    """Why a candidate is not eligible."""

    UNAVAILABLE = "unavailable"
    GUARDRAIL = "guardrail"
    RESTRICTED_PATH = "restricted_path"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, as a code for programs and a sentence for people."""

    code: ReasonCode
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment of the catalog and whether the step may go there.

    INVARIANT: a candidate that is not eligible has at least one reason; `__post_init__` refuses any other.
    """

    deployment: str
    eligible: bool
    reasons: tuple[Reason, ...] = ()

    def __post_init__(self) -> None:
        if self.eligible == bool(self.reasons):
            raise ValueError(f"candidate {self.deployment}: eligible={self.eligible} with {self.reasons!r}")


@dataclass(frozen=True, slots=True)
class Choice:
    """A deployment that routing chose, first or as a fallback."""

    deployment: str
    provider: str
    model: str
    local: bool
    effort: Effort | None = None


@dataclass(frozen=True, slots=True)
class RuleRef:
    """The rule that decided."""

    name: str
    layer: Layer
    priority: int | None
    """``None`` for a default route, which has no priority."""
    place: Place


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the step is expected to use. Costs are ``None`` where a price is not known.

    `cost_min` assumes no output at all, `cost_max` the whole of `output_tokens`; both at the chosen
    deployment's price, without cache discounts.
    """

    input_tokens: int
    output_tokens: int
    cost_min: Decimal | None
    cost_max: Decimal | None
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a step goes and why.

    INVARIANTS: `selected` is ``chain[0]`` exactly when the outcome is ``routed``, else the chain is empty; every
    member of the chain is an eligible candidate; the candidates are the whole catalog, each once, sorted by id.
    """

    decision_id: str
    """``d_`` and 20 hex digits: a digest of all that went in (facts, policy, catalog, snapshot). Deciding the same
    step on the same snapshot gives the same id."""
    outcome: Outcome
    intent: Intent
    chain: tuple[Choice, ...]
    rule: RuleRef | None
    why: str
    candidates: tuple[Candidate, ...]
    context: ContextPlan
    policy_digest: str
    snapshot_taken_at: str
    snapshot_digest: str
    """SHA-256 (hex) of the catalog and the snapshot that were decided on."""
    estimate: Estimate | None = None
    permissions: Mapping[Tool, Permission] = field(default_factory=lambda: MappingProxyType({}))
    guardrails: tuple[str, ...] = ()
    """Names of the guardrails that the step meets, as ``layer:name``."""
    guarantees: tuple[str, ...] = ()
    """Names of the guarantees that hold for it."""
    passed_over: tuple[str, ...] = ()
    """What the policy would rather have had and could not, rule by rule, in words."""
    notes: tuple[str, ...] = ()
    """What else the caller should know: a proposal that was not taken, a trial-only model."""

    @property
    def selected(self) -> Choice | None:
        """The deployment to try first."""
        return self.chain[0] if self.chain else None
