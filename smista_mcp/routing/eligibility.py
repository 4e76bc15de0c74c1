"""Which deployments a step may use at all, whatever any rule would choose, and every reason why not."""

from __future__ import annotations

from typing import Final

from smista_mcp.catalog.types import Catalog, Deployment, Snapshot
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Policy
from smista_mcp.routing.decision import Candidate, Reason, ReasonCode

ASSUMED_WINDOW: Final = 8192
"""Tokens that a model whose window nobody knows is taken to have: the least that current models offer."""

LEAST_OUTPUT: Final = 512
"""Tokens that must be left for the answer where the caller states no need of its own."""


class Eligibility:
    """Splits the catalog for one policy and snapshot."""

    def __init__(self, policy: Policy, catalog: Catalog, snapshot: Snapshot) -> None:
        self._restricted = PathPatterns(policy.restricted_paths, fold_case=True)
        self._deployments = tuple(
            (deployment, _availability(deployment, snapshot), Candidate(deployment.id, True))
            for deployment in catalog.deployments
        )

    def restricted_names(self, facts: Facts) -> tuple[str, ...]:
        """The step's paths that may not leave this machine, as the caller declared them.

        A path that could not be made canonical counts as restricted.
        """
        found = dict.fromkeys(facts.restricted)
        for path in facts.paths:
            if not path.canonical or self._restricted.matches(path.names):
                found[path.declared] = None
        return tuple(found)

    def split(self, facts: Facts) -> tuple[tuple[Candidate, ...], tuple[Deployment, ...]]:
        """Every deployment as a candidate with all its reasons, and those that are eligible; both sorted by id."""
        restricted = self.restricted_names(facts)
        needed = facts.input_tokens + (facts.max_output_tokens or LEAST_OUTPUT)
        candidates: list[Candidate] = []
        eligible: list[Deployment] = []
        for deployment, unavailable, accepted in self._deployments:
            window = deployment.context_window or ASSUMED_WINDOW
            if unavailable is None and needed <= window and (deployment.local or not restricted):
                candidates.append(accepted)
                eligible.append(deployment)
                continue
            reasons = [] if unavailable is None else [unavailable]
            if restricted and not deployment.local:
                reasons.append(_restricted_reason(restricted, deployment))
            if needed > window:
                reasons.append(_window_reason(needed, deployment))
            candidates.append(Candidate(deployment.id, False, tuple(reasons)))
        return tuple(candidates), tuple(eligible)


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
