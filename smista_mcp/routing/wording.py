"""Why a decision came out as it did, in words for whoever asks "why this model?"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smista_mcp.catalog.types import Deployment
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Layer
from smista_mcp.routing.budgets import Room
from smista_mcp.routing.eligibility import Split
from smista_mcp.routing.route import Route, Search, nothing_left


def why_chosen(search: Search, facts: Facts, split: Split) -> str:
    """Why the search ended where it did. A refusal names what could have been reached and why it may not be used."""
    route = search.route
    if route is None:
        if not search.skipped:
            return "no rule matches this step and no layer has a default route"
        reasons = [one.why for one in search.skipped if one.layer is not Layer.BUILTIN]
        return "nothing that the policy would choose may be used" + _because((*reasons, *split.nearly()))
    if not route.selection.chain:
        reasons = [nothing_left(route.selection)] if route.selection.passed_over else []
        because = _because((*reasons, *split.nearly()))
        return f"rule {route.rule.name!r} keeps this step on this machine, and no local target is eligible{because}"
    text = _chosen_by(route, facts)
    if written := [one.why for one in search.skipped if one.layer is not Layer.BUILTIN]:
        text += f", since {_few(written)}"
    elif search.skipped:
        text += ", since nothing better is available here"
    return text


def _because(reasons: tuple[str, ...]) -> str:
    return f": {_few(reasons)}" if reasons else ": no model can be reached here now"


def _few(reasons: Sequence[str]) -> str:
    more = f" (and {len(reasons) - _MOST_REASONS} more)" if len(reasons) > _MOST_REASONS else ""
    return " | ".join(reasons[:_MOST_REASONS]) + more


_MOST_REASONS: Final = 3
"""How many reasons a sentence holds; the decision has them all."""


def why_proposed(proposed: Deployment, otherwise: str) -> str:
    """Why the caller's proposal was taken."""
    return f"{proposed.id} was proposed by the caller and [overrides] allow it; without it: {otherwise}"


def why_spilled(room: Room, before: Deployment, after: Deployment) -> str:
    """Why a budget moved the step."""
    budget = room.budget
    return f"{after.id} instead of {before.id}: budget {budget.name!r} has {room.left} left of {budget.limit}"


def why_stopped(room: Room, first: Deployment) -> str:
    """Why a budget stopped the step."""
    budget = room.budget
    return (
        f"budget {budget.name!r} has {room.left} left of {budget.limit} for this {budget.period.value}, "
        f"too little for the worst case at {first.id}"
    )


def trial_note(deployment: Deployment) -> str:
    """What to know of a model that is there for trying things out."""
    return (
        f"{deployment.id} is a very small model for trying things out; for real work set a provider's key or start "
        "Ollama, LM Studio, llama.cpp or vLLM (`smista-mcp models` shows what is there)"
    )


def _chosen_by(route: Route, facts: Facts) -> str:
    target, chosen = route.rule.target, route.selection.chain[0]
    if target.pick is not None:
        least = target.floor_for(facts.intent.value)
        floor = f" of quality {least:g} or more for {facts.intent.value}" if least else ""
        return f"{chosen.id} is the {target.pick.value} eligible model{floor}"
    if route.ref.priority is None:
        return f"{chosen.id} is the default"
    if chosen.id == target.model or "/" not in (target.model or ""):
        return f"{chosen.id} is what the rule names"
    return f"{chosen.id} is the first fallback that may be used"
