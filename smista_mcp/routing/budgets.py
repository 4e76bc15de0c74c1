"""Budgets: whether the worst case of a step still fits, and what happens where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from smista_mcp.catalog.types import Deployment, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Budget, Money, Policy, Then
from smista_mcp.routing.conditions import Conditions, Reading
from smista_mcp.routing.cost import over_ceiling

_SEVERITY: Final[Mapping[Then, int]] = {Then.SPILL: 0, Then.ASK: 1, Then.DENY: 2}


@dataclass(frozen=True, slots=True)
class Room:
    """One budget that a step falls under and what is left of it."""

    budget: Budget
    left: Money

    def has_for(self, deployment: Deployment, facts: Facts) -> bool:
        """Whether the step's worst case at `deployment` fits; a price that cannot be compared does not."""
        return not over_ceiling(deployment, facts, self.left)


class Budgets:
    """The policy's budgets with their standing in one snapshot.

    A budget for some team is not for a step whose team nobody knows: its money could be counted for no one.
    """

    def __init__(self, policy: Policy, snapshot: Snapshot) -> None:
        self._all = tuple((Conditions(one.match, Reading.RULE), _room(one, snapshot)) for one in policy.budgets)

    def rooms(self, facts: Facts) -> tuple[Room, ...]:
        """The budgets that the step falls under, in the policy's order."""
        return tuple(room for conditions, room in self._all if conditions.hold(facts))


def within(rooms: Iterable[Room], deployments: Iterable[Deployment], facts: Facts) -> tuple[Deployment, ...]:
    """Those of `deployments` at which the step's worst case fits into every budget, in their order."""
    asked = tuple(rooms)
    return tuple(one for one in deployments if all(room.has_for(one, facts) for room in asked))


def broken(rooms: Iterable[Room], first: Deployment, facts: Facts) -> Room | None:
    """Of the budgets that `first` would break, the one whose `then` is strictest; ``None`` where it breaks none."""
    found = [room for room in rooms if not room.has_for(first, facts)]
    return max(found, key=lambda room: _SEVERITY[room.budget.then], default=None)


def _room(budget: Budget, snapshot: Snapshot) -> Room:
    standing = snapshot.budgets.get(budget.name)
    gone = Decimal(0) if standing is None else standing.settled + standing.held
    return Room(budget, Money(max(Decimal(0), budget.limit.amount - gone), budget.limit.currency))
