"""Models, deployments and what is true of them, as routing sees them: plain, immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Dialect(StrEnum):
    """The wire dialects, one module each under `smista_mcp.providers`."""

    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"
    EMBEDDED = "embedded"


CAPABILITIES: Final = ("tools", "vision", "json", "reasoning")
"""What `requires` may ask of a model."""


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens. Decimal, never float. Where a vendor prices in tiers, the dearest one."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    currency: str = "USD"
    source: str = ""
    """Where the figure comes from, e.g. ``genai-prices 0.2.3`` or ``policy``."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a provider. `api_key` is a reference (``${env:NAME}``), resolved only when a call is made."""

    base_url: str
    api_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model through one account, endpoint and region.

    A fact that is not known is ``None`` (or empty) and fails whatever tests it.
    """

    id: str
    """``provider/model``; everything after the first slash is the model's name at the provider."""
    provider: str
    model: str
    dialect: Dialect
    endpoint: Endpoint
    vendor: str | None = None
    """Who runs it, where that is proved; an endpoint moved by an environment variable proves nothing."""
    local: bool = False
    local_evidence: str = ""
    """What established that it is local, or why it does not count as local."""
    price: Price | None = None
    """``None``: unknown. A local model costs nothing by the token and has a price of zero."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] = frozenset()
    efforts: tuple[str, ...] = ()
    quality: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """0 to 100 by intent; ``default`` stands for the others."""
    quality_source: str = ""
    speed: float | None = None
    """Output tokens per second, typical; ``None``: unknown."""
    aliases: tuple[str, ...] = ()
    """Names under which the same model answers (a dated version, a vendor's alias)."""
    known: bool = True
    """False for a model that only a policy names and the catalog knows nothing of."""

    def quality_for(self, intent: str) -> float | None:
        """Quality for `intent`, else the default figure, else ``None``."""
        found = self.quality.get(intent)
        return found if found is not None else self.quality.get("default")


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every deployment, sorted by id. INVARIANT: ids are unique."""

    deployments: tuple[Deployment, ...]

    def get(self, deployment_id: str) -> Deployment | None:
        """The deployment of that id, or ``None``."""
        for deployment in self.deployments:
            if deployment.id == deployment_id:
                return deployment
        return None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was true of the deployments at one moment; recorded with the decision so that it can be replayed."""

    taken_at: str
    """ISO 8601, UTC."""
    unavailable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By deployment id, why it cannot be used here and now (no key, server not reachable, model not pulled)."""
