"""The SDK's server, with our two tools behind it."""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import INVALID_PARAMS

from smista_mcp.errors import PolicyError, SmistaError
from smista_mcp.server import surface
from smista_mcp.server.calls import Calls

if TYPE_CHECKING:
    from smista_mcp.execution.engine import Engine

logger = logging.getLogger(__name__)

_Context = ServerRequestContext[Any]


class App:
    """Everything behind the wire for one workspace: the SDK's server, the engine, the steps that are running."""

    def __init__(self, start: Path) -> None:
        self._start = start
        self._calls = Calls()
        self._engine: Engine | None = None
        self._ready = asyncio.Lock()
        self.server: Server[Any] = Server(
            surface.NAME,
            version=surface.SERVER_INFO["version"],
            title=surface.TITLE,
            instructions=surface.INSTRUCTIONS,
            on_list_tools=_list_tools,
            on_call_tool=self._call_tool,
        )

    async def warm(self) -> None:
        """Do now what the first step would otherwise wait for: import, read the policy, look around."""
        try:
            await (await self._open()).conditions()
        except PolicyError as error:
            logger.warning("no step can be delegated: %s", error)
        except Exception:
            logger.exception("warming up failed; the first step will tell")

    async def close(self, *, cancel_within: float, close_within: float) -> None:
        """Cancel what runs and close the engine, each in at most so many seconds."""
        await self._calls.cancel_all(cancel_within)
        if self._engine is None:
            return
        try:
            await asyncio.wait_for(self._engine.aclose(), close_within)
        except TimeoutError:
            logger.warning("the engine was not closed in time")
        except Exception:
            logger.exception("closing the engine failed")

    async def _open(self) -> Engine:
        async with self._ready:
            if self._engine is None:
                # In a thread: the import takes a while, and the host may ask for other things meanwhile.
                await asyncio.to_thread(_import_engine)
                from smista_mcp.execution.engine import Engine

                self._engine = Engine.for_workspace(self._start)
            return self._engine

    async def _call_tool(self, ctx: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in (surface.DELEGATE, surface.PREVIEW):
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name}")
        return await self._calls.run(self._reply(ctx, params.name, params.arguments or {}))

    async def _reply(self, ctx: _Context, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            return await self._carry_out(await self._open(), ctx, tool, arguments)
        except SmistaError as error:
            from smista_mcp.server.replies import error_reply

            return error_reply(error)
        except Exception as error:
            # The SDK would show the model the bare exception; it needs to know what to do instead.
            from smista_mcp.server.results import crash_reply

            logger.exception("%s failed", tool)
            return crash_reply(error)

    async def _carry_out(
        self, engine: Engine, ctx: _Context, tool: str, arguments: dict[str, Any]
    ) -> types.CallToolResult:
        from smista_mcp import places
        from smista_mcp.server import replies
        from smista_mcp.server.arguments import step_from
        from smista_mcp.server.spill import Spill

        step = step_from(tool, arguments)
        if tool == surface.PREVIEW:
            return replies.preview_reply(await engine.preview(step))
        told = 0

        async def progress(message: str) -> None:
            nonlocal told
            told += 1  # the protocol wants a figure that grows; how much there is to come is not known
            await ctx.session.report_progress(told, None, message)

        # Not with the rest: it is a quarter of all the memory, and many a server is never asked to delegate anything.
        await asyncio.to_thread(import_module, "smista_mcp.ledger.store")
        delegation = await engine.delegate(step, on_progress=progress)
        return replies.delegation_reply(delegation, Spill(places.find_workspace(self._start), places.state_dir()))


async def _list_tools(ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    if params is not None and params.cursor is not None:
        raise MCPError(INVALID_PARAMS, "There is one page of tools; it has no cursor.")
    return types.ListToolsResult(tools=[types.Tool.model_validate(tool) for tool in surface.TOOLS])


def _import_engine() -> None:
    import smista_mcp.execution.engine
    import smista_mcp.providers.http
    import smista_mcp.server.replies  # noqa: F401
