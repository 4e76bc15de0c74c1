"""The catalog as it would be if everything known were at hand: what policies are checked and tested against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from smista_mcp.catalog.build import build_catalog
from smista_mcp.catalog.endpoints import on_loopback, plan_providers
from smista_mcp.catalog.types import Availability, Catalog, Dialect, Finding, Reach, ServedModel, ServerKind
from smista_mcp.policy.types import Layer, ModelSettings, Policy


def assumed_catalog(policy: Policy, taken_at: str, *, also: Iterable[str] = ()) -> Catalog:
    """Every deployment that `policy` could reach, were all keys set and all of the usual local servers running.

    A local server is taken to have the models that the policy names, and no others. Nothing is asked of the
    environment or of any server, so that everybody gets the same catalog for the same policy.

    Args:
        taken_at: ISO 8601; which prices hold may depend on it.
        also: further models, ``provider/model``, that are to be in it, known or not.
    """
    stated = dict(policy.models)
    for name in also:
        if "/" in name and not name.endswith("*"):
            stated.setdefault(name, ModelSettings(id=name, layer=Layer.BUILTIN))
    policy = replace(policy, models=MappingProxyType(stated))
    reaches = plan_providers(policy, {})
    named: dict[str, set[str]] = {}
    members = (model for group in policy.groups.values() for model in group.models)
    for one in (*policy.mentioned_models(), *members):
        provider, _, model = one.partition("/")
        if model and "*" not in model:
            named.setdefault(provider, set()).add(model)
    availability = Availability(
        taken_at=taken_at,
        providers={one.id: replace(one, problem="") for one in reaches},
        findings={one.id: _found(one, named.get(one.id, ())) for one in reaches if _asked(one)},
    )
    return build_catalog(policy, availability)[0]


def _asked(reach: Reach) -> bool:
    return reach.probe and reach.dialect is not Dialect.EMBEDDED


def _found(reach: Reach, models: Iterable[str]) -> Finding:
    """What discovery would find out about a server that is as it should be."""
    return Finding(
        reachable=True,
        kind=reach.expects or ServerKind.UNKNOWN,
        own_address=on_loopback(reach.endpoint.base_url),
        models=tuple(ServedModel(name) for name in sorted(models)),
    )
