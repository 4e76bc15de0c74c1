"""Speak to smista-mcp as a host agent does, through the MCP SDK's own client.

    uv run examples/client.py                # preview and delegate a summary of README.md
    uv run examples/client.py src/main.py    # … of another file of this folder

Needs the packages `mcp` and `smista-mcp`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult

DECISION = "smista/decision"
"""Where in a result's ``_meta`` the whole decision stands as data."""


async def main(path: str) -> int:
    """List the tools, preview a step, run it, and print the answer and the decision."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "smista_mcp", "serve"],
        env=dict(os.environ),  # the client passes on next to nothing by itself; providers' keys are in here
    )
    step = {"task": "Summarize this file in two sentences", "paths": [path], "intent": "summarize"}
    async with Client(server) as client:
        print(f"protocol {client.protocol_version}")
        for tool in (await client.list_tools()).tools:
            print(f"tool {tool.name}: {tool.description}")

        preview = await client.call_tool("route_preview", step)
        print(f"\n--- where it would go\n{text(preview, 0)}")

        print("\n--- running", flush=True)
        done = await client.call_tool("delegate_step", step, progress_callback=show_progress)
        print(f"\n--- answer\n{text(done, 0)}")
        if done.is_error:
            return 1
        print(f"\n--- reason\n{text(done, 1)}")

        decision = (done.meta or {})[DECISION]
        few = {name: decision[name] for name in ("decision_id", "selected", "rule", "usage", "cost", "model_answered")}
        print(f"\n--- some of the decision, as data\n{json.dumps(few, indent=2)}")
    return 0


def text(result: CallToolResult, block: int) -> str:
    """The text of one content block: the answer is the first, the reason for its route the second."""
    content = result.content[block]
    return content.text if content.type == "text" else ""


async def show_progress(progress: float, total: float | None, message: str | None) -> None:
    """Print how the run comes along."""
    print(f"… {message}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(*(sys.argv[1:2] or ["README.md"]))))
