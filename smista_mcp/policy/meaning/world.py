"""What a file may refer to: everything that the files read together define."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from smista_mcp.policy.document import Document
from smista_mcp.policy.known import KNOWN_PROVIDERS, LOCAL_SERVERS
from smista_mcp.policy.meaning.raw import entries, table, tables
from smista_mcp.policy.types import BUILTIN_INTENTS, Layer

KnownModel = Callable[[str], bool]
"""Whether the catalog knows the model ``provider/name``."""

Definers = Mapping[str, frozenset[Layer | None]]
"""By name, the layers that define it."""


@dataclass(frozen=True, slots=True)
class World:
    """What a file may refer to: everything that any file of the same reading defines."""

    providers: frozenset[str]
    local_providers: frozenset[str]
    intents: frozenset[str]
    is_known_model: KnownModel | None = None
    stated_models: frozenset[str] = frozenset()
    """Models of which a ``[models]`` table states something: these need not be in the catalog."""
    groups: Definers = field(default_factory=dict)
    regions: Definers = field(default_factory=dict)


_NOT_FOR: Mapping[Layer | None, frozenset[Layer | None]] = {
    # A name that a less trusted file may define anew in every repository is none that a trusted file can build on.
    Layer.ORGANISATION: frozenset({Layer.WORKSPACE, Layer.USER}),
    Layer.USER: frozenset({Layer.WORKSPACE}),
    Layer.BUILTIN: frozenset({Layer.WORKSPACE, Layer.USER}),
}


def is_seen(definers: Definers, name: str, layer: Layer | None) -> bool:
    """Whether a file of `layer` may use what `name` stands for."""
    return bool(definers.get(name, frozenset()) - _NOT_FOR.get(layer, frozenset()))


def world_of(documents: Iterable[tuple[Layer | None, Document]], is_known_model: KnownModel | None) -> World:
    """What the files define together.

    A workspace may not define providers; the names count all the same, so that one mistake is one error. That a
    provider is local counts only where it would be believed.
    """
    providers = set(KNOWN_PROVIDERS)
    local = set(LOCAL_SERVERS)
    intents = set(BUILTIN_INTENTS)
    models: set[str] = set()
    groups: dict[str, frozenset[Layer | None]] = {}
    regions: dict[str, frozenset[Layer | None]] = {}
    for layer, document in documents:
        for name, provider in tables(document.data, "providers"):
            providers.add(name)
            if provider.get("local") is True and layer not in (Layer.WORKSPACE, Layer.BUILTIN):
                local.add(name)
        for _, rule in entries(document.data, "classification", "rules"):
            if isinstance(rule.get("intent"), str):
                intents.add(rule["intent"])
        models.update(name for name, _ in tables(document.data, "models"))
        for name, _ in tables(document.data, "groups"):
            groups[name] = groups.get(name, frozenset()) | {layer}
        for name in table(document.data, "regions"):
            regions[name] = regions.get(name, frozenset()) | {layer}
    return World(
        frozenset(providers),
        frozenset(local),
        frozenset(intents),
        is_known_model,
        frozenset(models),
        groups,
        regions,
    )
