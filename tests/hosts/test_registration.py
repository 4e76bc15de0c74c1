"""The hosts take the server with the commands that the documentation gives."""

from __future__ import annotations

from tests.hosts.agents import Session


def test_claude_code_adds_the_server_and_connects_to_it(session: Session) -> None:
    session.command("claude", "mcp", "add", "smista", "--", "smista-mcp", "serve")
    assert "Connected" in session.command("claude", "mcp", "list")


def test_codex_adds_the_server(session: Session) -> None:
    session.command("codex", "mcp", "add", "smista", "--", "smista-mcp", "serve")
    assert "smista-mcp" in session.command("codex", "mcp", "get", "smista")
