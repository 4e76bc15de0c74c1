"""Which module speaks which dialect."""

from __future__ import annotations

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


_instances: dict[Dialect, DialectModule] = {}


def dialect_for(dialect: Dialect) -> DialectModule:
    """The one instance that speaks `dialect`. Its module is imported when it is first asked for."""
    found = _instances.get(dialect)
    if found is None:
        module, name = _PLACES[dialect]
        made = getattr(import_module(f"smista_mcp.providers.{module}"), name)()
        found = _instances[dialect] = cast("DialectModule", made)
    return found


async def close_dialects() -> None:
    """End whatever a dialect keeps running: the embedded model's process. It is started anew when it is next asked."""
    embedded = _instances.get(Dialect.EMBEDDED)
    if embedded is not None:
        from smista_mcp.providers.embedded import Embedded

        assert isinstance(embedded, Embedded)
        await embedded.aclose()
