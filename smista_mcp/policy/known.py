"""What the policy language knows without being told: providers that need no table, dialect types, capabilities.

The catalog, a floor above, takes its own list of providers from here, so that a name which is valid in a policy is
always one that the catalog can place.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROVIDER_TYPES: Final = ("openai", "anthropic", "gemini", "ollama", "openai-compatible", "embedded")
"""What ``type`` in ``[providers.<id>]`` may say: which kind of interface the provider speaks."""

KNOWN_PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "anthropic": "anthropic",
        "cerebras": "openai-compatible",
        "deepseek": "openai-compatible",
        "embedded": "embedded",
        "fireworks": "openai-compatible",
        "gemini": "gemini",
        "groq": "openai-compatible",
        "llamacpp": "openai-compatible",
        "lmstudio": "openai-compatible",
        "mistral": "openai-compatible",
        "ollama": "ollama",
        "openai": "openai",
        "openrouter": "openai-compatible",
        "together": "openai-compatible",
        "vllm": "openai-compatible",
        "xai": "openai-compatible",
    }
)
"""Provider ids that a model reference may use without a ``[providers]`` table, each with its type."""

LOCAL_SERVERS: Final = frozenset({"embedded", "llamacpp", "lmstudio", "ollama", "vllm"})
"""The known providers that usually run models on this machine. Used for advice only: whether a deployment *is*
local is established by the catalog."""

CAPABILITIES: Final = ("tools", "vision", "json", "reasoning")
"""What ``requires`` may ask of a model and ``capabilities`` may declare."""

HARMLESS_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-language",
        "anthropic-beta",
        "anthropic-version",
        "http-referer",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "referer",
        "user-agent",
        "x-goog-user-project",
        "x-title",
    }
)
"""Request headers that carry no secret, in lower case: the only ones whose value may be written out."""


def model_matches(pattern: str, model: str) -> bool:
    """Whether the model ``provider/name`` is one that `pattern` means.

    A pattern is a model's full id, or the beginning of one with ``*`` at its very end (``ollama/*``); no other
    character is special. This is what ``from`` and ``[overrides] models`` hold.
    """
    return model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern
