"""The MCP surface: tools over stdio, start-up and shutdown."""
