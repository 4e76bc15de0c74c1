"""What a name in a policy stands for: one deployment, all of a provider's, or a group's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smista_mcp.catalog.types import Catalog
from smista_mcp.policy.types import Group


class ModelNames:
    """Expands ``provider/model``, ``provider/*``, ``provider/start-*`` and names of groups to ids of deployments."""

    def __init__(self, catalog: Catalog, groups: Mapping[str, Group]) -> None:
        self._groups = groups
        self._by_provider: dict[str, list[str]] = {}
        for deployment in catalog.deployments:
            self._by_provider.setdefault(deployment.provider, []).append(deployment.id)
        self._expanded: dict[tuple[str, ...], tuple[str, ...]] = {}

    def expand(self, names: Iterable[str]) -> tuple[str, ...]:
        """The ids that `names` stand for, in the order stated, each once; an id need not be in the catalog."""
        key = tuple(names)
        found = self._expanded.get(key)
        if found is None:
            ids = dict.fromkeys(one for name in key for one in self._one(name))
            found = self._expanded[key] = tuple(ids)
        return found

    def _one(self, name: str) -> Iterable[str]:
        group = self._groups.get(name)
        if group is not None:
            # A group names deployments only, so that no chain of groups can go round in circles.
            return [one for model in group.models for one in self._plain(model)]
        return self._plain(name)

    def _plain(self, name: str) -> Iterable[str]:
        provider, slash, model = name.partition("/")
        if not slash or not model.endswith("*"):
            return (name,)
        return [one for one in self._by_provider.get(provider, ()) if one.startswith(name[:-1])]
