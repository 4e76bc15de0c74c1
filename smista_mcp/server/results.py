"""The shape that every reply has, and the one reply that must work whatever else does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types as types

from smista_mcp.server.surface import META_KEY


def crash_reply(error: Exception) -> types.CallToolResult:
    """For a fault of our own: what the model can do, and where the rest is written."""
    message = (
        f"smista-mcp met a fault of its own ({type(error).__name__}); the step was not completed. "
        "Do this step yourself, or try once more. The server's standard error, in the host's MCP log, has the details."
    )
    body = {"error": {"code": "internal", "message": message}}
    return result([message], meta=body, structured=body)


def fit(text: str, limit: int) -> str:
    """`text`, or as many of its first lines as fit into `limit` bytes with a word about the rest."""
    if len(text.encode(errors="replace")) <= limit:
        return text
    head = cut(text, limit - 60)
    lines = head.count("\n")
    return f"{head}\n… ({text.count(chr(10)) - lines} more lines)"


def cut(text: str, limit: int) -> str:
    """As much of the beginning of `text` as fits into `limit` bytes, up to a line's end where there is one near."""
    head = text.encode(errors="replace")[: max(limit, 0)].decode(errors="ignore")
    line_end = head.rfind("\n")
    return head[:line_end] if line_end > len(head) // 2 else head


def result(
    texts: list[str], *, meta: Mapping[str, Any], structured: Mapping[str, Any] | None = None
) -> types.CallToolResult:
    """A reply of `texts`, with the whole decision in ``_meta``; with structured content it is an error."""
    reply: dict[str, Any] = {
        "content": [{"type": "text", "text": text} for text in texts],
        "_meta": {META_KEY: meta},
    }
    if structured is not None:
        reply |= {"structuredContent": structured, "isError": True}
    return types.CallToolResult.model_validate(_sendable(reply))


def _sendable(value: Any) -> Any:
    """`value` with lone surrogates (file names that are not UTF-8, cut emoji) replaced: no wire carries them."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_sendable(key): _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(inner) for inner in value]
    return value
