"""The caller's own proposal of a model: taken only where nothing that the policy says speaks against it."""

from __future__ import annotations

from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Layer, Overrides
from smista_mcp.routing.eligibility import Split
from smista_mcp.routing.names import ModelNames
from smista_mcp.routing.route import Route
from smista_mcp.routing.selection import what_it_lacks


def objection(
    facts: Facts,
    overrides: Overrides,
    route: Route | None,
    split: Split,
    names: ModelNames,
    *,
    cost_is_lifted: bool,
) -> str:
    """Why the proposed model may not be taken, in words; empty where it may."""
    name = facts.proposed_model or ""
    deployment = split.eligible.get(name)
    if not overrides.allow:
        return "the policy does not allow callers to propose a model"
    if overrides.models is not None and name not in names.expand(overrides.models):
        return f"[overrides] models allow only {', '.join(overrides.models) or 'none'}"
    if deployment is None:
        return split.why_not(name)
    if route is None:
        return ""
    if route.rule.layer is Layer.ORGANISATION and not route.rule.overridable:
        return f"the organisation's rule {route.rule.name!r} decides"
    lacking = what_it_lacks(route.rule, facts, deployment, cost_is_lifted=cost_is_lifted)
    return f"it {lacking}, which rule {route.rule.name!r} demands" if lacking else ""
