"""Under what a step is decided: the policy in force and what can be reached, kept fresh between steps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from smista_mcp.catalog.build import build_catalog, is_known_model
from smista_mcp.catalog.types import Availability, Catalog, Snapshot
from smista_mcp.execution.moment import now
from smista_mcp.policy.types import Policy
from smista_mcp.routing.decide import Router

if TYPE_CHECKING:
    from smista_mcp.policy.layers import PolicyPlaces
    from smista_mcp.providers.remote_policy import RemotePolicy


@dataclass(frozen=True, slots=True)
class Conditions:
    """One consistent set: a step is decided and carried out under the same."""

    policy: Policy
    catalog: Catalog
    snapshot: Snapshot
    router: Router


class Watch:
    """Gives the present `Conditions`; reads the policy and looks around anew for every step.

    Discovery has its own short-lived cache, and catalog and router are built only where something changed.
    """

    def __init__(self, places: PolicyPlaces, environment: Mapping[str, str], cache_dir: Path | None) -> None:
        self._places = places
        self._environment = environment
        self._cache_dir = cache_dir
        self._last: tuple[Availability, Conditions] | None = None
        self._remote: RemotePolicy | None = None
        self._looking = asyncio.Lock()
        """Steps that come at once look around one after another: the first asks the servers, the rest find its answers
        in the cache. All asking together would be slow enough to make servers seem down."""

    async def now(self) -> Conditions:
        """The conditions of this moment.

        Raises:
            PolicyError: a policy file is wrong or not to be trusted; no step may be delegated.
        """
        from smista_mcp.policy.layers import load_policy
        from smista_mcp.providers.discovery import discover

        await self._keep_remote_fresh()
        loaded = await asyncio.to_thread(load_policy, self._places, is_known_model=is_known_model)
        policy = loaded.policy
        async with self._looking:
            availability = await discover(policy, self._environment, cache_dir=self._cache_dir, now=now())
        if self._last is not None:
            seen, conditions = self._last
            if seen == availability and conditions.policy == policy:
                return conditions
        catalog, snapshot = build_catalog(policy, availability)
        conditions = Conditions(policy, catalog, snapshot, Router(policy, catalog, snapshot))
        self._last = (availability, conditions)
        return conditions

    async def aclose(self) -> None:
        """Give up what is still under way beside the steps. Safe to call twice."""
        if self._remote is not None:
            await self._remote.aclose()

    async def _keep_remote_fresh(self) -> None:
        """Look for the organisation's signed remote policy, where it has one and it is time."""
        from smista_mcp.policy.layers import objection_to, remote_source

        if self._places.remote is None:
            return
        source = await asyncio.to_thread(remote_source, self._places)
        if source is None:
            return
        from smista_mcp.providers.remote_policy import RemotePolicy

        if self._remote is None:
            self._remote = RemotePolicy(self._places.remote, now, partial(objection_to, self._places))
        await self._remote.keep_fresh(source)
