"""Providers that need no table in a policy: where they are, which key they want, what proves that it is them.

Which ids exist and which type each has is the policy language's to say (`smista_mcp.policy.known`); the places,
variables and hosts are here. Addresses and variable names are the vendors' own, from their API references.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from smista_mcp.catalog.types import ServerKind


@dataclass(frozen=True, slots=True)
class WellKnown:
    """One provider that everybody knows."""

    base_url: str
    keys: tuple[str, ...] = ()
    """Environment variables that hold its key, the preferred one first. Empty: it wants none."""
    moved_by: tuple[str, ...] = ()
    """Environment variables by which its vendor's own tools move the endpoint."""
    hosts: tuple[str, ...] = ()
    """Hosts that only the vendor can answer for over TLS; ``.example.com`` stands for everything below it."""
    list_id: str | None = None
    """The vendor's id in genai-prices."""
    kind: ServerKind | None = None
    """For a server that runs on this machine: what it has to turn out to be."""


WELL_KNOWN: Final[Mapping[str, WellKnown]] = MappingProxyType(
    {
        "anthropic": WellKnown(
            "https://api.anthropic.com",
            ("ANTHROPIC_API_KEY",),
            ("ANTHROPIC_BASE_URL",),
            ("api.anthropic.com",),
            "anthropic",
        ),
        "cerebras": WellKnown(
            "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), (), ("api.cerebras.ai",), "cerebras"
        ),
        "deepseek": WellKnown(
            "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",), (), ("api.deepseek.com",), "deepseek"
        ),
        "embedded": WellKnown("embedded:"),
        "fireworks": WellKnown(
            "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), (), ("api.fireworks.ai",), "fireworks"
        ),
        "gemini": WellKnown(
            "https://generativelanguage.googleapis.com",
            ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            ("GOOGLE_GEMINI_BASE_URL",),
            ("generativelanguage.googleapis.com",),
            "google",
        ),
        "groq": WellKnown(
            "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), ("GROQ_BASE_URL",), ("api.groq.com",), "groq"
        ),
        "llamacpp": WellKnown("http://127.0.0.1:8080/v1", kind=ServerKind.LLAMACPP),
        "lmstudio": WellKnown("http://127.0.0.1:1234/v1", kind=ServerKind.LMSTUDIO),
        "mistral": WellKnown("https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), (), ("api.mistral.ai",), "mistral"),
        "ollama": WellKnown("http://127.0.0.1:11434", moved_by=("OLLAMA_HOST",), kind=ServerKind.OLLAMA),
        "openai": WellKnown(
            "https://api.openai.com/v1",
            ("OPENAI_API_KEY",),
            ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            ("api.openai.com", ".api.openai.com"),
            "openai",
        ),
        "openrouter": WellKnown(
            "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), (), ("openrouter.ai",), "openrouter"
        ),
        "together": WellKnown(
            "https://api.together.xyz/v1",
            ("TOGETHER_API_KEY",),
            (),
            ("api.together.xyz", "api.together.ai"),
            "together",
        ),
        "vllm": WellKnown("http://127.0.0.1:8000/v1", kind=ServerKind.VLLM),
        "xai": WellKnown("https://api.x.ai/v1", ("XAI_API_KEY",), (), ("api.x.ai", ".api.x.ai"), "x-ai"),
    }
)


def vendor_at(base_url: str) -> str | None:
    """The well-known provider that is proved to answer at `base_url`, or ``None``.

    Proof is the host's own certificate: the URL must say ``https``, name a host that is the vendor's, and no port or
    user of its own.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https" or port not in (None, 443) or parts.username is not None:
        return None
    for name, known in WELL_KNOWN.items():
        if any(host.endswith(own) if own.startswith(".") else host == own for own in known.hosts):
            return name
    return None
