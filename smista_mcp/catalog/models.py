"""Our own table of models that are widely used now: what they can do and how good they are, coarsely.

Prices and, where it states them, context windows come from genai-prices and are not repeated here; a window stands
here only where that list has none. Capabilities, limits on output and effort settings are the vendors' own, from
their model pages as of November 2026.

**Quality** is a coarse tier, not a measurement: where the vendor places the model in its own range (its most capable,
its flagship for complex work, its balanced one, its small one), read together with its price. A model whose vendor
offers a successor in the same place at the same or a lower price stands half a step below its tier, so that it is
used where a policy names it and never preferred. **Speed** follows from the tier too and only orders models.
Both can be overridden: ``[models."provider/model"] quality = { default = 80, review = 90 }``.

A python table and not a data file because it is read at every start, where it costs nothing this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

QUALITY_SOURCE: Final = "coarse tier by the vendor's own placing and price, November 2026"
"""Stated with every quality figure that comes from this table."""

SUPERSEDED_BY: Final = 5
"""Points by which a superseded model stands below its tier."""


class Tier(IntEnum):
    """Where a model stands; the value is its quality, 0 to 100."""

    FRONTIER = 95
    """The vendor's most capable."""
    STRONG = 85
    """For complex work at a moderate price."""
    BALANCED = 70
    """For most work."""
    SMALL = 50
    """For high volume and simple work."""
    TINY = 30
    """For short, easy texts."""
    TRIAL = 5
    """For trying things out."""


SPEEDS: Final[Mapping[Tier, float]] = MappingProxyType(
    {Tier.FRONTIER: 40.0, Tier.STRONG: 60.0, Tier.BALANCED: 90.0, Tier.SMALL: 150.0, Tier.TINY: 200.0}
)
"""Output tokens per second, the order of magnitude that is typical of hosted models of the tier."""

_ALL: Final = frozenset({"tools", "vision", "json", "reasoning"})
_BLIND: Final = frozenset({"tools", "json", "reasoning"})
_PLAIN: Final = frozenset({"tools", "vision", "json"})
_TEXT: Final = frozenset({"tools", "json"})

_FOUR: Final = ("low", "medium", "high", "xhigh")
_THREE: Final = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One row of the table."""

    provider: str
    """The well-known provider's id."""
    name: str
    tier: Tier
    capabilities: frozenset[str] = _ALL
    max_output_tokens: int | None = None
    efforts: tuple[str, ...] = ()
    context_window: int | None = None
    """Only where genai-prices states none."""
    aliases: tuple[str, ...] = ()
    superseded: bool = False
    hosted_fast: bool = False
    """Served on hardware several times faster than usual."""

    @property
    def id(self) -> str:
        """``provider/name``."""
        return f"{self.provider}/{self.name}"

    @property
    def quality(self) -> float:
        """0 to 100."""
        return float(self.tier - SUPERSEDED_BY if self.superseded else self.tier)

    @property
    def speed(self) -> float | None:
        """Output tokens per second, typical; ``None`` for what depends on this machine."""
        usual = SPEEDS.get(self.tier)
        return usual * 4 if usual is not None and self.hosted_fast else usual


def _row(
    provider: str,
    name: str,
    tier: Tier,
    capabilities: frozenset[str] = _ALL,
    out: int | None = None,
    efforts: tuple[str, ...] = (),
    *,
    window: int | None = None,
    aliases: tuple[str, ...] = (),
    superseded: bool = False,
    fast: bool = False,
) -> KnownModel:
    return KnownModel(provider, name, tier, capabilities, out, efforts, window, aliases, superseded, fast)


EMBEDDED: Final = KnownModel(
    "embedded", "smollm2-135m-instruct", Tier.TRIAL, capabilities=frozenset(), context_window=8192
)
"""The model that is fetched where nothing else is there: SmolLM2-135M-Instruct, for trying things out."""

_F, _S, _B, _L = Tier.FRONTIER, Tier.STRONG, Tier.BALANCED, Tier.SMALL

_ROWS: Final = (
    EMBEDDED,
    # Anthropic
    _row("anthropic", "claude-fable-5-2", _F, _ALL, 128_000, _FOUR),
    _row("anthropic", "claude-opus-5-5", _F, _ALL, 128_000, _FOUR),
    _row("anthropic", "claude-sonnet-5-5", _S, _ALL, 128_000, _FOUR),
    _row("anthropic", "claude-haiku-5-5", _L, _ALL, 128_000, _FOUR),
    _row("anthropic", "claude-fable-5-1", _F, _ALL, 128_000, _FOUR, superseded=True),
    _row("anthropic", "claude-opus-5", _F, _ALL, 128_000, _FOUR, superseded=True),
    _row("anthropic", "claude-sonnet-5", _S, _ALL, 128_000, _FOUR, superseded=True),
    _row("anthropic", "claude-opus-4-8", _S, _ALL, 128_000, _FOUR, superseded=True),
    _row("anthropic", "claude-sonnet-4-6", _B, _ALL, 64_000, _THREE, superseded=True),
    _row("anthropic", "claude-haiku-4-5", _L, _ALL, 64_000, superseded=True),
    # OpenAI
    _row("openai", "gpt-6-astra", _F, _ALL, 128_000, _FOUR),
    _row("openai", "gpt-6.1-sol", _S, _ALL, 128_000, _FOUR),
    _row("openai", "gpt-6.1-terra", _B, _ALL, 128_000, _FOUR),
    _row("openai", "gpt-6-luna", _L, _ALL, 128_000, _FOUR),
    _row("openai", "gpt-6-sol", _S, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5.6-sol", _S, _ALL, 128_000, _FOUR, aliases=("gpt-5.6",), superseded=True),
    _row("openai", "gpt-5.6-terra", _B, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5.6-luna", _L, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5.5", _S, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5.4", _B, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5.4-mini", _L, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5.4-nano", Tier.TINY, _ALL, 128_000, _FOUR, superseded=True),
    _row("openai", "gpt-5-mini", _L, _ALL, 128_000, _THREE, superseded=True),
    _row("openai", "gpt-4.1", _L, _PLAIN, 32_768, superseded=True),
    _row("openai", "gpt-4o", _L, _PLAIN, 16_384, superseded=True),
    # Google
    _row("gemini", "gemini-4-argon", _F, _ALL, 65_536, _THREE),
    _row(
        "gemini",
        "gemini-3.1-pro-preview",
        _S,
        _ALL,
        65_536,
        _THREE,
        window=1_048_576,
        aliases=("gemini-pro-latest",),
    ),
    _row("gemini", "gemini-3.8-flash", _B, _ALL, 65_536, _THREE, aliases=("gemini-flash-latest",)),
    _row("gemini", "gemini-3.5-flash-lite", _L, _ALL, 65_536, _THREE, aliases=("gemini-flash-lite-latest",)),
    _row("gemini", "gemini-3.7-flash", _B, _ALL, 65_536, _THREE, superseded=True),
    _row("gemini", "gemini-3.1-flash-lite", _L, _ALL, 65_536, _THREE, superseded=True),
    _row("gemini", "gemini-2.5-pro", _B, _ALL, 65_536, window=1_048_576, superseded=True),
    _row("gemini", "gemini-2.5-flash", _L, _ALL, 65_536, superseded=True),
    # xAI
    _row("xai", "grok-4.7", _S, _ALL, None, _THREE, aliases=("grok-4.7-latest",)),
    _row("xai", "grok-4.6", _S, _ALL, None, _THREE, superseded=True),
    _row("xai", "grok-code-fast-1", _L, _BLIND),
    # DeepSeek
    _row("deepseek", "deepseek-v4-pro", _B, _BLIND),
    _row("deepseek", "deepseek-flash", _L, _ALL),
    # Mistral
    _row("mistral", "mistral-large-4", _B, _ALL, aliases=("mistral-large-4-0",)),
    _row("mistral", "mistral-medium-3-5", _B, _PLAIN, aliases=("mistral-medium-3.5", "mistral-medium-2604")),
    _row("mistral", "mistral-small-2603", _L, _PLAIN),
    _row("mistral", "codestral-2508", _L, _TEXT),
    # Groq
    _row("groq", "openai/gpt-oss-120b", _L, _BLIND, efforts=_THREE, fast=True),
    _row("groq", "openai/gpt-oss-20b", Tier.TINY, _BLIND, efforts=_THREE, fast=True),
    _row("groq", "qwen/qwen3.8-27b", _L, _BLIND, fast=True),
    _row("groq", "llama-3.3-70b-versatile", _L, _TEXT, window=131_072, superseded=True, fast=True),
    # OpenRouter
    _row("openrouter", "anthropic/claude-opus-5.5", _F, _ALL, 128_000, _FOUR),
    _row("openrouter", "anthropic/claude-sonnet-5.5", _S, _ALL, 128_000, _FOUR),
    _row("openrouter", "anthropic/claude-haiku-5.5", _L, _ALL, 128_000, _FOUR),
    _row("openrouter", "openai/gpt-6-astra", _F, _ALL, 128_000, _FOUR),
    _row("openrouter", "openai/gpt-6.1-sol", _S, _ALL, 128_000, _FOUR),
    _row("openrouter", "openai/gpt-6.1-terra", _B, _ALL, 128_000, _FOUR),
    _row("openrouter", "openai/gpt-6-luna", _L, _ALL, 128_000, _FOUR),
    _row("openrouter", "google/gemini-3.8-flash", _B, _ALL, 65_536, _THREE),
    _row("openrouter", "moonshotai/kimi-k3.1-pro", _S, _BLIND),
    _row("openrouter", "qwen/qwen3.8-max-0902", _B, _BLIND),
    _row("openrouter", "z-ai/glm-5.3", _B, _BLIND),
    _row("openrouter", "deepseek/deepseek-v4.1-flash", _L, _BLIND),
)

KNOWN_MODELS: Final[Mapping[str, KnownModel]] = MappingProxyType({row.id: row for row in _ROWS})
"""The table by ``provider/name``."""

_ALIASES: Final[Mapping[str, KnownModel]] = MappingProxyType(
    {f"{row.provider}/{alias}": row for row in _ROWS for alias in row.aliases}
)


def rows_of(provider: str) -> tuple[KnownModel, ...]:
    """Every row of one well-known provider, in table order."""
    return tuple(row for row in _ROWS if row.provider == provider)


def row_of(provider: str, name: str) -> KnownModel | None:
    """The row of a model by its name or one of its aliases."""
    key = f"{provider}/{name}"
    return KNOWN_MODELS.get(key) or _ALIASES.get(key)
