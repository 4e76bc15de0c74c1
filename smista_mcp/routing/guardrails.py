"""Guardrails in the form in which they are tested: which deployments each takes away, worked out once a catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smista_mcp.catalog.types import Catalog, Deployment, Scope
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Demands, Guardrail, Permission, Policy, Tool
from smista_mcp.routing.conditions import Conditions, Reading
from smista_mcp.routing.cost import over_ceiling
from smista_mcp.routing.decision import Reason, ReasonCode
from smista_mcp.routing.likeness import Likeness
from smista_mcp.routing.names import ModelNames

LOCAL_VENDOR = "local"
"""In a list of vendors, stands for whatever runs on this machine: such a model reaches no vendor at all."""


class CompiledGuardrail:
    """One guardrail with the deployments that it takes away from every step it matches."""

    __slots__ = ("_exempt", "_takes", "guardrail", "taken")

    def __init__(
        self, guardrail: Guardrail, policy: Policy, catalog: Catalog, names: ModelNames, likeness: Likeness
    ) -> None:
        self.guardrail = guardrail
        self._takes = Conditions(guardrail.match, Reading.TAKE)
        self._exempt = None if guardrail.unless is None else Conditions(guardrail.unless, Reading.GRANT)
        self.taken: Mapping[str, Reason] = {
            deployment.id: self._reason(faults)
            for deployment in catalog.deployments
            if (faults := "; ".join(_faults(guardrail, deployment, policy.regions, names, likeness)))
        }

    def matches(self, facts: Facts) -> bool:
        """Whether the guardrail is to be kept for this step."""
        return self._takes.hold(facts) and not (self._exempt is not None and self._exempt.hold(facts))

    def over_limits(self, deployment: Deployment, facts: Facts, *, cost_is_lifted: bool) -> Reason | None:
        """What depends on the step's size: the ceilings on cost and latency."""
        demands = self.guardrail.require
        faults = []
        if demands.max_cost is not None and not cost_is_lifted:
            faults.append(over_ceiling(deployment, facts, demands.max_cost))
        if demands.max_latency_ms is not None:
            faults.append(over_latency(deployment, demands.max_latency_ms))
        said = "; ".join(filter(None, faults))
        return self._reason(said) if said else None

    @property
    def has_limits(self) -> bool:
        """Whether `over_limits` can ever say anything."""
        return self.guardrail.require.max_cost is not None or self.guardrail.require.max_latency_ms is not None

    def _reason(self, faults: str) -> Reason:
        why = f" ({self.guardrail.why})" if self.guardrail.why else ""
        return Reason(
            ReasonCode.GUARDRAIL,
            f"{self.guardrail.layer.label} guardrail {self.guardrail.name!r}: {faults}{why}",
        )


def over_latency(deployment: Deployment, most_ms: int) -> str:
    """Why `deployment` is slower than `most_ms` milliseconds, in words; empty where it is not."""
    if deployment.latency_ms is None:
        return f"its latency is not known, so it cannot be kept below {most_ms} ms"
    return (
        f"it typically takes {deployment.latency_ms} ms, over {most_ms} ms" if deployment.latency_ms > most_ms else ""
    )


def strictest(*permissions: Mapping[Tool, Permission]) -> dict[Tool, Permission]:
    """For each tool the strictest of all that is said of it."""
    found: dict[Tool, Permission] = dict(permissions[0]) if permissions else {}
    for stated in permissions[1:]:
        for tool, permission in stated.items():
            found[tool] = max(found.get(tool, permission), permission, key=_STRICTNESS.__getitem__)
    return found


_STRICTNESS = {permission: number for number, permission in enumerate(Permission)}


def _faults(
    guardrail: Guardrail,
    deployment: Deployment,
    regions: Mapping[str, frozenset[str]],
    names: ModelNames,
    likeness: Likeness,
) -> Iterator[str]:
    yield from _unmet(guardrail.require, deployment, regions, names)
    yield from _forbidden(guardrail.forbid, deployment, regions, likeness)


def _unmet(
    demands: Demands, deployment: Deployment, regions: Mapping[str, frozenset[str]], names: ModelNames
) -> Iterator[str]:
    """What `require` asks that the deployment is not known to have."""
    if demands.local is not None and deployment.local != demands.local:
        yield "it is not local" if demands.local else "it is local"
    if demands.regions and not deployment.local:
        allowed = countries(demands.regions, regions)
        served = served_from(deployment)
        if served is None:
            yield f"where it is served from is not known, and only {_listed(demands.regions)} will do"
        elif outside := served - allowed:
            yield f"it may be served from {_listed(sorted(outside))}, outside {_listed(demands.regions)}"
    if demands.vendors and not _is_of_vendor(deployment, demands.vendors):
        yield f"its vendor {deployment.vendor or 'is not known and'} is not among {_listed(demands.vendors)}"
    if demands.models and deployment.id not in names.expand(demands.models):
        yield f"it is not among {_listed(demands.models)}"
    if demands.zero_retention is not None and _keeps_nothing(deployment) is not demands.zero_retention:
        yield "zero retention is not known of it" if demands.zero_retention else "it keeps nothing"
    if missing := set(demands.certifications) - deployment.certifications:
        yield f"it is not known to hold {_listed(sorted(missing))}"


def _forbidden(
    demands: Demands, deployment: Deployment, regions: Mapping[str, frozenset[str]], likeness: Likeness
) -> Iterator[str]:
    """What `forbid` names that is true of the deployment, or cannot be ruled out."""
    if demands.local is not None and deployment.local == demands.local:
        yield "it is local" if demands.local else "it is not local"
    if demands.regions and not deployment.local:
        served = served_from(deployment)
        if served is None:
            yield f"that it is not served from {_listed(demands.regions)} is not known"
        elif inside := served & countries(demands.regions, regions):
            yield f"it may be served from {_listed(sorted(inside))}"
    if demands.vendors:
        if _is_of_vendor(deployment, demands.vendors):
            yield f"its vendor is {deployment.vendor or LOCAL_VENDOR}"
        elif deployment.vendor is None and not deployment.local:
            yield f"that its vendor is not {_listed(demands.vendors)} is not known"
    if demands.models and deployment.id in likeness.meant(demands.models):
        yield "it is named, or goes by a name that may mean the same model"
    if demands.zero_retention is not None and _keeps_nothing(deployment) in (demands.zero_retention, None):
        yield "it keeps nothing" if demands.zero_retention else "zero retention is not known of it"
    if held := deployment.certifications & set(demands.certifications):
        yield f"it holds {_listed(sorted(held))}"


def countries(names: tuple[str, ...], regions: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """All countries that `names` stand for: regions that the policy defines, else country codes as they are.

    A name that is neither stands for no country, so that nothing satisfies it.
    """
    found: set[str] = set()
    for name in names:
        if name in regions:
            found |= regions[name]
        elif len(name) == _COUNTRY_CODE and name.isupper():
            found.add(name)
    return frozenset(found)


_COUNTRY_CODE = 2


def served_from(deployment: Deployment) -> frozenset[str] | None:
    """Every country that a call may touch, or ``None`` where either half is not known."""
    if deployment.processing_countries is None or deployment.storage_countries is None:
        return None
    if deployment.serving_scope is Scope.GLOBAL:
        return None  # a list of countries beside "anywhere" is no promise
    if not deployment.processing_countries:
        return None
    return deployment.processing_countries | deployment.storage_countries


def _is_of_vendor(deployment: Deployment, vendors: tuple[str, ...]) -> bool:
    return deployment.vendor in vendors or (deployment.local and LOCAL_VENDOR in vendors)


def _keeps_nothing(deployment: Deployment) -> bool | None:
    return True if deployment.local else deployment.zero_retention


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
