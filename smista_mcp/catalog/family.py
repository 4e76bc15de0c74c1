"""Whose model it is and which, told from its name: the same wherever it is served.

A name is all that there is to go by, and whoever runs a server chooses the names of its models; so a family is good
for showing and for telling models apart, not for keeping anything from anybody.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_FAMILIES: Final = {
    "chatgpt": "gpt",
    "claude": "claude",
    "codestral": "mistral",
    "command": "command",
    "deepseek": "deepseek",
    "devstral": "mistral",
    "falcon": "falcon",
    "gemini": "gemini",
    "gemma": "gemma",
    "glm": "glm",
    "gpt": "gpt",
    "granite": "granite",
    "grok": "grok",
    "kimi": "kimi",
    "llama": "llama",
    "magistral": "mistral",
    "minimax": "minimax",
    "ministral": "mistral",
    "mistral": "mistral",
    "mixtral": "mistral",
    "nemotron": "nemotron",
    "nova": "nova",
    "olmo": "olmo",
    "phi": "phi",
    "pixtral": "mistral",
    "qwen": "qwen",
    "qwq": "qwen",
    "smollm": "smollm",
}
"""By the word that a name begins with."""

_BEGINNING: Final = re.compile(r"(?:meta[-_])?(gpt-oss|o[1-9](?![a-z0-9])|[a-z]+)")


@lru_cache(maxsize=4096)
def family_of(model: str) -> str | None:
    """The family of a model by its name at any provider: ``gpt`` for ``openai/gpt-6-luna``. ``None``: not known."""
    found = _BEGINNING.match(model.rpartition("/")[2].lower())
    if found is None:
        return None
    word = found[1]
    if word == "gpt-oss":
        return word
    return "gpt" if word[0] == "o" and word[1:].isdigit() else _FAMILIES.get(word)
