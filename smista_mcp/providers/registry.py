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


_users = 0


def keep_dialects() -> None:
    """Say that somebody uses the dialects, until `release_dialects`: one process may hold several engines."""
    global _users
    _users += 1


async def release_dialects() -> None:
    """Say that one user is done. With the last, whatever a dialect keeps running is ended (the embedded model's
    process); it is started anew when it is next asked."""
    global _users
    _users -= 1
    embedded = _instances.get(Dialect.EMBEDDED)
    if _users == 0 and embedded is not None:
        from smista_mcp.providers.embedded import Embedded

        assert isinstance(embedded, Embedded)
        await embedded.aclose()
