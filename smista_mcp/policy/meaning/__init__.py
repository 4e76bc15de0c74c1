"""What a file's values mean, checked beyond their shape: references, patterns, secrets, keys that exclude each other.

Every check reads the raw data and passes over what has the wrong type (the schema reports that), so one pass finds
everything even in a file that is wrong in several ways.
"""

from __future__ import annotations

from collections.abc import Iterator

from smista_mcp.policy.document import Document
from smista_mcp.policy.findings import Finding
from smista_mcp.policy.meaning.bindings import BindingChecks
from smista_mcp.policy.meaning.limits import LimitsChecks
from smista_mcp.policy.meaning.routing import RoutingChecks
from smista_mcp.policy.meaning.settings import SettingsChecks
from smista_mcp.policy.meaning.together import duplicate_names, ties
from smista_mcp.policy.meaning.world import KnownModel, World, world_of
from smista_mcp.policy.types import Layer

__all__ = ["KnownModel", "World", "duplicate_names", "examine", "ties", "world_of"]


def examine(document: Document, layer: Layer | None, world: World) -> Iterator[Finding]:
    """Everything to say about one file's meaning. `layer` is ``None`` where it is not known whose file it is."""
    for checks in (SettingsChecks, BindingChecks, RoutingChecks, LimitsChecks):
        yield from checks(document, layer, world).all()
