"""Which module speaks which dialect."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from smista_mcp.catalog.types import Dialect

if TYPE_CHECKING:
    from smista_mcp.providers.types import DialectModule

_PLACES: Final = {
    Dialect.OPENAI_CHAT: ("openai_chat", "OpenAIChat"),
    Dialect.OPENAI_RESPONSES: ("openai_responses", "OpenAIResponses"),
    Dialect.ANTHROPIC: ("anthropic", "Anthropic"),
    Dialect.GEMINI: ("gemini", "Gemini"),
    Dialect.OLLAMA: ("ollama", "Ollama"),
    Dialect.EMBEDDED: ("embedded", "Embedded"),
}


@cache
def dialect_for(dialect: Dialect) -> DialectModule:
    """The one instance that speaks `dialect`. Its module is imported when it is first asked for."""
    module, name = _PLACES[dialect]
    return cast("DialectModule", getattr(import_module(f"smista_mcp.providers.{module}"), name)())
