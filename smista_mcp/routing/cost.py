"""What a step may cost at a deployment at most, and whether that stays below a ceiling."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from smista_mcp.catalog.types import Deployment, Price
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Money
from smista_mcp.routing.limits import ASSUMED_WINDOW

OUTPUT_LIMIT: Final = 16_384
"""Most output tokens a step may use where the caller states no limit; reasoning counts as output. Our own choice: room
for a long file and some thought, small enough that the worst case stays affordable."""

_PRICED_TOKENS: Final = Decimal(1_000_000)
"""Prices are per million tokens."""


def output_limit(requested: int | None, deployment: Deployment, input_tokens: int) -> int:
    """Most output tokens for a call: what the caller asks, else `OUTPUT_LIMIT`, within the model's own limits."""
    limit = requested or OUTPUT_LIMIT
    if deployment.max_output_tokens is not None:
        limit = min(limit, deployment.max_output_tokens)
    return max(1, min(limit, (deployment.context_window or ASSUMED_WINDOW) - input_tokens))


def input_cost(price: Price, facts: Facts) -> Decimal:
    """Money for the step's input alone, in the price's currency, in the tier that so much input falls into."""
    return price.for_input(facts.input_tokens).input * facts.input_tokens / _PRICED_TOKENS


def worst_cost(price: Price, facts: Facts, output_tokens: int) -> Decimal:
    """Money for the step's input and the whole of `output_tokens`, in the price's currency, without cache discounts."""
    rates = price.for_input(facts.input_tokens)
    return (rates.input * facts.input_tokens + rates.output * output_tokens) / _PRICED_TOKENS


def over_ceiling(deployment: Deployment, facts: Facts, ceiling: Money) -> str:
    """Why `deployment` is over `ceiling` in the worst case, in words; empty where it is not.

    A price that is not known, or one in another currency, cannot be shown to be below any ceiling.
    """
    price = deployment.price
    if price is None:
        return f"its price is not known, so it cannot be kept below {ceiling}"
    if not price.input and not price.output:
        return ""
    if price.currency != ceiling.currency:
        return f"its price is in {price.currency} and cannot be compared with {ceiling}"
    most = worst_cost(price, facts, output_limit(facts.max_output_tokens, deployment, facts.input_tokens))
    return f"it may cost up to {most:.6f} {price.currency}, over {ceiling}" if most > ceiling.amount else ""
