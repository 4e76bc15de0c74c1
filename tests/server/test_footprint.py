"""What a server costs that is not asked for anything."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.server.frames import handshake_opening, request
from tests.server.process import Home, started

HEAVY = {"anyio", "asyncio", "dataclasses", "httpx2", "mcp", "mcp_types", "pydantic", "sqlalchemy"}


def test_nothing_heavy_is_imported_before_the_first_answers() -> None:
    listing = subprocess.run(
        [sys.executable, "-c", "import sys, smista_mcp.server.stdio; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert HEAVY.isdisjoint(listing.stdout.split())


async def test_an_idle_server_does_without_the_ledger_s_libraries(home: Home) -> None:
    async with started(home) as host:
        await host.send(
            *handshake_opening("2025-06-18"),
            request(2, "tools/call", {"name": "route_preview", "arguments": {"task": "x"}}),
        )
        await host.answer(2)
        proc = Path("/proc") / str(host.process.pid)
        maps, status = await asyncio.to_thread(lambda: ((proc / "maps").read_text(), (proc / "status").read_text()))
        print(next(line for line in status.splitlines() if line.startswith("VmRSS")))
        assert "sqlalchemy" not in maps
        assert "pydantic_core" in maps
