"""What the ledger keeps of a run: its attempts, what they used and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class RunOutcome(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to one deployment. Tokens are the provider's own count unless `usage_estimated`."""

    deployment: str
    model_asked: str
    started_at: str
    """ISO 8601, UTC."""
    duration_ms: int
    model_answered: str | None = None
    failure: str | None = None
    """A `FailureClass` value; ``None`` where the attempt gave the answer."""
    detail: str = ""
    """What went wrong, in words, without secrets."""
    status: int | None = None
    """The HTTP status, where one came."""
    request_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    usage_estimated: bool = False
    cost: Decimal | None = None
    """``None`` where the price is not known. A failed attempt costs what it used."""
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Run:
    """All attempts of one decision. The answer itself is not kept: only its length and digest."""

    id: str
    """``r_`` and 26 characters that sort by time."""
    decision_id: str
    started_at: str
    outcome: RunOutcome
    duration_ms: int = 0
    attempts: tuple[Attempt, ...] = ()
    answer_chars: int = 0
    answer_sha256: str = ""

    @property
    def costs(self) -> dict[str, Decimal] | None:
        """By currency, the sum over all attempts, failed ones included; ``None`` if any price is unknown. What cost
        nothing needs no currency of its own."""
        totals: dict[str, Decimal] = {}
        for attempt in self.attempts:
            if attempt.cost is None:
                return None
            if attempt.cost:
                totals[attempt.currency] = totals.get(attempt.currency, Decimal(0)) + attempt.cost
        return totals

    @property
    def cost(self) -> Decimal | None:
        """The sum of `costs`; ``None`` if any price is unknown, or if there is more than one currency to add up."""
        costs = self.costs
        if costs is None or len(costs) > 1:
            return None
        return sum(costs.values(), Decimal(0))

    @property
    def currency(self) -> str:
        """The currency of `cost`."""
        return next(iter(self.costs or {}), self.attempts[0].currency if self.attempts else "USD")
