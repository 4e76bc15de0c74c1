"""Frames as the two hosts send them at the start of a session, and variations of them."""

from __future__ import annotations

import json
from typing import Any

PREFIX = "io.modelcontextprotocol/"
ENVELOPE: dict[str, Any] = {
    PREFIX + "protocolVersion": "2026-07-28",
    PREFIX + "clientInfo": {
        "name": "claude-code",
        "title": "Claude Code",
        "version": "2.1.330",
        "websiteUrl": "https://claude.com/claude-code",
    },
    PREFIX + "clientCapabilities": {"roots": {"listChanged": True}, "elicitation": {"form": {}, "url": {}}},
}


def request(identifier: object, method: str, params: object = ...) -> dict[str, Any]:
    """A JSON-RPC request."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": identifier, "method": method}
    return message if params is ... else {**message, "params": params}


def initialize(version: str, identifier: object = 0) -> dict[str, Any]:
    """The handshake as Codex opens it."""
    return request(
        identifier,
        "initialize",
        {
            "protocolVersion": version,
            "capabilities": {"experimental": {"codex/auth-change": {}}, "elicitation": {"form": {}, "url": {}}},
            "clientInfo": {"name": "codex-mcp-client", "title": "Codex", "version": "0.169.0"},
        },
    )


INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def handshake_opening(version: str) -> list[dict[str, Any]]:
    """What Codex sends before its first call."""
    return [
        initialize(version),
        INITIALIZED,
        request(1, "tools/list", {"_meta": {"progressToken": 0}}),
        request("p", "ping"),
    ]


def modern_opening() -> list[dict[str, Any]]:
    """What Claude Code sends before its first call."""
    return [
        request("server-discover-probe-1", "server/discover", {"_meta": ENVELOPE}),
        request(0, "server/discover", {"_meta": ENVELOPE}),
        request(1, "tools/list", {"_meta": {**ENVELOPE, "progressToken": "t"}}),
    ]


def line(message: object) -> bytes:
    """A message as it goes over the wire."""
    return json.dumps(message).encode() + b"\n"
