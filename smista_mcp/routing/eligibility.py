"""Which deployments a step may use at all, whatever any rule would choose, and every reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smista_mcp.catalog.types import Catalog, Deployment, Snapshot
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Permission, Policy, Tool
from smista_mcp.routing.decision import Candidate, Reason, ReasonCode
from smista_mcp.routing.guardrails import CompiledGuardrail, strictest
from smista_mcp.routing.index import MatchIndex
from smista_mcp.routing.likeness import Likeness
from smista_mcp.routing.limits import ASSUMED_WINDOW, LEAST_OUTPUT
from smista_mcp.routing.names import ModelNames


@dataclass(frozen=True, slots=True)
class Split:
    """The catalog, split for one step. Both halves are sorted by id."""

    candidates: tuple[Candidate, ...]
    """All deployments, with every reason of those that are excluded."""
    eligible: Mapping[str, Deployment]
    guardrails: tuple[str, ...]
    """``layer:name`` of those that the step meets."""
    tools: Mapping[Tool, Permission]
    """The strictest that those guardrails demand."""

    def why_not(self, name: str) -> str:
        """Why the deployment `name` is not eligible, in words."""
        for candidate in self.candidates:
            if candidate.deployment == name:
                return f"{name}: {'; '.join(reason.text for reason in candidate.reasons)}"
        return f"{name} is not in the catalog"

    def nearly(self) -> tuple[str, ...]:
        """Those that could be reached here and now and yet are not eligible, with the reasons."""
        return tuple(
            self.why_not(one.deployment)
            for one in self.candidates
            if one.reasons and all(reason.code is not ReasonCode.UNAVAILABLE for reason in one.reasons)
        )


class Eligibility:
    """Splits the catalog for one policy and snapshot."""

    def __init__(self, policy: Policy, catalog: Catalog, snapshot: Snapshot, names: ModelNames) -> None:
        self._restricted = PathPatterns(policy.restricted_paths, fold_case=True)
        likeness = Likeness(catalog, policy.groups)
        listed = sorted(policy.guardrails, key=lambda one: (one.layer, one.order, one.name))
        self._guardrails = tuple(CompiledGuardrail(one, policy, catalog, names, likeness) for one in listed)
        # Guardrails try every path pattern case-folded too, see `Reading.TAKE`.
        self._index = MatchIndex([one.match for one in listed], [True] * len(listed))
        self._deployments = tuple(
            (
                deployment,
                deployment.context_window or ASSUMED_WINDOW,
                _availability(deployment, snapshot),
                Candidate(deployment.id, True),
            )
            for deployment in catalog.deployments
        )

    def split(self, facts: Facts, *, cost_is_lifted: bool) -> Split:
        """Split the catalog for a step; `cost_is_lifted` where a guarantee lifts ceilings on cost."""
        guardrails = self._guardrails
        kept = [guardrails[at] for at in self._index.possible(facts) if guardrails[at].matches(facts)]
        limiting = [one for one in kept if one.has_limits]
        restricted = self._restricted_names(facts)
        needed = facts.input_tokens + (facts.max_output_tokens or LEAST_OUTPUT)
        candidates: list[Candidate] = []
        eligible: dict[str, Deployment] = {}
        for deployment, window, unavailable, accepted in self._deployments:
            name = deployment.id
            if unavailable is None and needed <= window and not kept and (not restricted or deployment.local):
                candidates.append(accepted)
                eligible[name] = deployment
                continue
            reasons = [] if unavailable is None else [unavailable]
            for guardrail in kept:
                if name in guardrail.taken:
                    reasons.append(guardrail.taken[name])
            for guardrail in limiting:
                over = guardrail.over_limits(deployment, facts, cost_is_lifted=cost_is_lifted)
                if over is not None:
                    reasons.append(over)
            if restricted and not deployment.local:
                reasons.append(_restricted_reason(restricted, deployment))
            if needed > window:
                reasons.append(_window_reason(needed, deployment))
            if reasons:
                candidates.append(Candidate(name, False, tuple(reasons)))
            else:
                candidates.append(accepted)
                eligible[name] = deployment
        met = tuple(f"{one.guardrail.layer.label}:{one.guardrail.name}" for one in kept)
        tools = strictest(*(one.guardrail.require.tools for one in kept))
        return Split(tuple(candidates), eligible, met, tools)

    def _restricted_names(self, facts: Facts) -> tuple[str, ...]:
        """The step's paths that may not leave this machine, as the caller declared them.

        A path that could not be made canonical counts as restricted.
        """
        found = dict.fromkeys(facts.restricted)
        for path in facts.paths:
            if not path.canonical or self._restricted.matches(path.names):
                found[path.declared.encode("utf-8", "replace").decode()] = None
        return tuple(found)


def _availability(deployment: Deployment, snapshot: Snapshot) -> Reason | None:
    why = snapshot.unavailable.get(deployment.id)
    return None if why is None else Reason(ReasonCode.UNAVAILABLE, why)


def _restricted_reason(restricted: tuple[str, ...], deployment: Deployment) -> Reason:
    more = f" and {len(restricted) - 1} more" if len(restricted) > 1 else ""
    evidence = f" ({deployment.local_evidence})" if deployment.local_evidence else ""
    return Reason(
        ReasonCode.RESTRICTED_PATH,
        f"{restricted[0]}{more} may not leave this machine, and this deployment does not count as local{evidence}",
    )


def _window_reason(needed: int, deployment: Deployment) -> Reason:
    if deployment.context_window is None:
        window = f'its window is not known and taken to be {ASSUMED_WINDOW}; state it under [models."{deployment.id}"]'
    else:
        window = f"its window holds {deployment.context_window}"
    return Reason(ReasonCode.WINDOW, f"the step needs about {needed} tokens, {window}")
