"""Why not this model? The smallest changes, to the step or to the policy, that would have let it have the step.

Every change is tried by deciding again, first each alone and then in pairs, so whatever is reported is so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from smista_mcp.analysis.changes import Situation, changes
from smista_mcp.routing.decide import Router
from smista_mcp.routing.decision import Candidate, Decision

MOST_PROMISING: Final = 48
"""How many single changes that help a little are tried in pairs: some thousand decisions at most."""

MOST_REPORTED: Final = 3
"""How many equally small ways are reported."""


@dataclass(frozen=True, slots=True)
class Way:
    """Changes that together are enough, and the decision with them."""

    changes: tuple[str, ...]
    decision: Decision


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The answer for one model."""

    model: str
    known: bool
    """Whether the catalog has it at all."""
    eligible: bool = False
    selected: bool = False
    reasons: tuple[str, ...] = ()
    """Why it is not eligible."""
    to_be_eligible: tuple[Way, ...] = ()
    """The smallest ways, easiest first; empty where it is eligible already, or no two changes are enough."""
    to_be_selected: tuple[Way, ...] = ()
    tried: int = 0
    """How many decisions were made to find out."""


def why_not(situation: Situation, model: str) -> WhyNot:
    """What keeps `model` from having the step, and the nearest change that would let it."""
    if situation.catalog.get(model) is None:
        return WhyNot(model, known=False)
    search = _Search(situation, model)
    eligible, selected = search.is_eligible(search.before), search.is_selected(search.before)
    to_be_eligible = () if eligible else search.ways(search.is_eligible)
    to_be_selected = () if selected else search.ways(search.is_selected)
    candidate = search.candidate(search.before)
    reasons = tuple(reason.text for reason in candidate.reasons)
    return WhyNot(model, True, eligible, selected, reasons, to_be_eligible, to_be_selected, search.decided)


class _Search:
    """Decides changed situations and looks for the fewest changes that meet a goal."""

    def __init__(self, situation: Situation, model: str) -> None:
        self._situation = situation
        self._model = model
        self._router = Router(situation.policy, situation.catalog, situation.snapshot)
        self.decided = 0
        self.before = self._decide(situation)
        self._singles = [
            (change, self._decide(change.make(situation))) for change in changes(situation, model, self.before)
        ]

    def candidate(self, decision: Decision) -> Candidate:
        """The model as a candidate of `decision`."""
        return next(one for one in decision.candidates if one.deployment == self._model)

    def is_eligible(self, decision: Decision) -> bool:
        """Whether the model may have the step."""
        return self.candidate(decision).eligible

    def is_selected(self, decision: Decision) -> bool:
        """Whether it gets it."""
        return decision.selected is not None and decision.selected.deployment == self._model

    def ways(self, goal: Callable[[Decision], bool]) -> tuple[Way, ...]:
        """The smallest ways to `goal`."""
        alone = [(change, decision) for change, decision in self._singles if goal(decision)]
        if alone:
            alone.sort(key=lambda one: one[0].kind)
            return tuple(Way((change.text,), decision) for change, decision in alone[:MOST_REPORTED])
        base = self._standing(self.before)
        promising = [change for change, decision in self._singles if self._standing(decision) != base]
        found: list[tuple[int, Way]] = []
        for one, other in combinations(promising[:MOST_PROMISING], 2):
            decision = self._decide(other.make(one.make(self._situation)))
            if goal(decision):
                found.append((one.kind + other.kind, Way((one.text, other.text), decision)))
        found.sort(key=lambda one: one[0])
        return tuple(way for _, way in found[:MOST_REPORTED])

    def _standing(self, decision: Decision) -> object:
        """All that tells whether a change has brought the model any nearer."""
        rule = decision.rule and (decision.rule.layer, decision.rule.name)
        return self.candidate(decision).reasons, rule, decision.chain, decision.notes, decision.passed_over

    def _decide(self, changed: Situation) -> Decision:
        self.decided += 1
        same = changed.policy is self._situation.policy and changed.snapshot is self._situation.snapshot
        router = self._router if same else Router(changed.policy, changed.catalog, changed.snapshot)
        return router.decide(changed.facts)
