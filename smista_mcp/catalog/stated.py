"""The facts of a deployment that only its operator can know, as trusted policy states them.

A fact is taken from the model's own table, else from its provider's, else it is not known. We state none ourselves:
where a vendor processes and keeps what it is sent, and whether it trains on it, depends on the account, the project
and the contract, so a table of ours would be wrong for somebody and believed by everybody.

What is stated is true of a place. It does not go along where an environment variable has moved the endpoint
elsewhere, and what is said of a server is not said of a model that the server only passes on.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final

from smista_mcp.catalog.types import Deployment, Reach, Scope
from smista_mcp.catalog.verdict import Verdict
from smista_mcp.policy.types import DeploymentFacts, ModelSettings, ProviderSettings

NONE: Final = DeploymentFacts()
_NAMES: Final = tuple(one.name for one in fields(DeploymentFacts))


def stated_facts(
    reach: Reach, verdict: Verdict, provider: ProviderSettings | None, model: ModelSettings | None
) -> DeploymentFacts:
    """What the policy states of one deployment, key by key."""
    if reach.moved_by:
        return NONE
    of_provider = NONE if provider is None or verdict.passed_on else provider.facts
    of_model = NONE if model is None else model.facts
    if NONE in (of_provider, of_model):
        return of_provider if of_model == NONE else of_model
    return DeploymentFacts(
        **{
            name: found if (found := getattr(of_model, name)) is not None else getattr(of_provider, name)
            for name in _NAMES
        }
    )


def with_facts(deployment: Deployment, stated: DeploymentFacts) -> Deployment:
    """`deployment` with what is stated of it; what is not stated stays as it is."""
    return replace(
        deployment,
        vendor=stated.vendor or deployment.vendor,
        family=stated.family or deployment.family,
        processing_countries=_set(stated.processing_countries),
        storage_countries=_set(stated.storage_countries),
        serving_scope=None if stated.serving_scope is None else Scope(stated.serving_scope),
        operator_country=stated.operator_country,
        zero_retention=stated.zero_retention,
        trains_on_data=stated.trains_on_data,
        certifications=frozenset(stated.certifications or ()),
        evidence_url=stated.evidence_url or "",
        evidence_date=stated.evidence_date or "",
        latency_ms=stated.latency_ms,
        speed=deployment.speed if stated.speed is None else stated.speed,
    )


def _set(stated: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if stated is None else frozenset(stated)
