"""Why a decision came out as it did, in words for whoever asks "why this model?"."""

from __future__ import annotations

from smista_mcp.catalog.types import Deployment
from smista_mcp.facts.types import Facts
from smista_mcp.routing.budgets import Room
from smista_mcp.routing.route import Route, Search, nothing_left


def why_chosen(search: Search, facts: Facts) -> str:
    """Why the search ended where it did."""
    route = search.route
    if route is None:
        if not search.skipped_rules:
            return "no rule matches this step and no layer has a default route"
        return "nothing that the matching rules and defaults name may be used"
    if not route.selection.chain:
        return (
            f"rule {route.rule.name!r} keeps this step on this machine, and no local target is eligible: "
            + nothing_left(route.selection)
        )
    text = _chosen_by(route, facts)
    if search.skipped_rules:
        text += ", since no rule before it can be served"
    return text


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
        f"{deployment.id} is a very small model for trying things out; for real work set a provider's key or start a "
        "local server (`smista-mcp models --all` says what is missing)"
    )


def _chosen_by(route: Route, facts: Facts) -> str:
    target, chosen = route.rule.target, route.selection.chain[0]
    if target.pick is not None:
        least = target.floor_for(facts.intent.value)
        floor = f" of quality {least:g} or more for {facts.intent.value}" if least else ""
        return f"{chosen.id} is the {target.pick.value} eligible model{floor}"
    if chosen.id == target.model or "/" not in (target.model or ""):
        return f"{chosen.id} is what the rule names"
    return f"{chosen.id} is the first fallback that may be used"
