"""What is wrong, or worth knowing, about a merged policy beyond its syntax.

Whatever a finding says happens to a step was seen to happen: the step was made up and decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from smista_mcp.analysis.check_conditions import asserted_floors, never_matching, nobody_bound
from smista_mcp.analysis.check_guardrails import leaving_nothing
from smista_mcp.analysis.check_order import escaping, shadowed, tied
from smista_mcp.analysis.check_targets import dead_references, unmet_by_any
from smista_mcp.analysis.ground import Ground
from smista_mcp.catalog.types import Catalog
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.types import Place, Policy

MOST_OF_ONE_KIND: Final = 50
"""Findings that one kind of analysis reports."""

_ANALYSES: Final[tuple[Callable[[Ground], Iterator[Finding]], ...]] = (
    never_matching,
    dead_references,
    unmet_by_any,
    leaving_nothing,
    asserted_floors,
    escaping,
    shadowed,
    tied,
)


def analyse(policy: Policy, catalog: Catalog, taken_at: str, *, in_force: bool = False) -> tuple[Finding, ...]:
    """Everything to say about `policy`, with all of `catalog` taken to be at hand.

    Args:
        catalog: as `smista_mcp.catalog.assumed` makes it.
        taken_at: ISO 8601, for the decisions that are made.
        in_force: whether these are all layers that are in force, so that what nobody binds is bound by nobody.

    Bounded: a policy of any size is analysed in some seconds; where something was left out, a finding says so.
    """
    found: list[Finding] = []
    cut = False
    for analysis in (*_ANALYSES, *((nobody_bound,) if in_force else ())):
        ground = Ground(policy, catalog, taken_at)
        some = list(islice(analysis(ground), MOST_OF_ONE_KIND + 1))
        cut = cut or ground.exhausted or len(some) > MOST_OF_ONE_KIND
        found += some[:MOST_OF_ONE_KIND]
    if cut:
        place = Place(policy.layers[0][1] if policy.layers else "policy")
        message = "The policy is large: not everything in it was held against everything else."
        found.append(Finding("check_bounded", Severity.INFO, place, message, "Mend what was found and check again."))
    return tuple(dict.fromkeys(found))
