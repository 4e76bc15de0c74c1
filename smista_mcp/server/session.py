"""One connection, from the moment the SDK is loaded to the end of the process.

The frames that came before are given to the SDK's server one by one; its answers to those that were answered
already are swallowed. Then the rest flows through untouched.

The SDK's own stdio transport is not used: it would claim the streams a second time, and on exit it waits for a
thread that reads (hangs on one signal) or is killed before it has cleaned up (on the other).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp_types.jsonrpc import INVALID_REQUEST, PARSE_ERROR

from smista_mcp.server.app import App
from smista_mcp.server.front import Frame
from smista_mcp.server.wire import Input, Output

logger = logging.getLogger(__name__)

# What ending may take at the very most. It usually takes some 10 ms; a host that does not care to wait longer than
# its 100 ms kills, and where it does not, a run on a slow disk is better recorded late than never.
_CANCEL_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 0.5
_FLUSH_SECONDS: Final = 0.2

_REPLAY_SECONDS: Final = 5.0
"""How long the SDK's server may take over a frame that it is given again. It takes well under a millisecond."""


class _Replies:
    """The stream that the SDK's server writes to: serialises, and swallows what was answered before."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._swallow: str | int | None = None
        self._swallowed = asyncio.Event()

    async def swallow(self, request_id: str | int, timeout: float) -> None:
        """Wait until the answer to `request_id` has come, and been dropped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._swallowed.wait(), timeout)
            return
        logger.error("no answer to the frame %r that was given again", request_id)
        self._swallow = None

    def expect(self, request_id: str | int) -> None:
        """Drop the next answer to `request_id`."""
        self._swallow = request_id
        self._swallowed.clear()

    async def send(self, item: SessionMessage, /) -> None:
        message = item.message
        if (
            self._swallow is not None
            and isinstance(message, types.JSONRPCResponse | types.JSONRPCError)
            and message.id == self._swallow
        ):
            self._swallow = None
            self._swallowed.set()
            return
        self._output.send(message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")

    async def aclose(self) -> None:
        """Nothing to close: the output outlives the SDK's server."""

    async def __aenter__(self) -> _Replies:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        return None


def run(workspace: Path, source: Input, output: Output) -> int:
    """Serve until the host is gone or the process is told to end; the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="smista-mcp: %(levelname)s %(message)s")
    # Not asyncio.run: it would wait for threads that still import or look around. The process ends with what we return.
    return asyncio.new_event_loop().run_until_complete(_serve(workspace, source, output))


async def _serve(workspace: Path, source: Input, output: Output) -> int:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ending.done():
            ending.set_result(code)

    _on_signals(loop, end)
    output.on_broken = lambda: _from_thread(loop, end, 0)
    app = App(workspace)
    serving = asyncio.create_task(_connection(app.server, source, output, end))
    serving.add_done_callback(lambda task: _report(task, end))
    warming = asyncio.create_task(app.warm())
    code = await ending
    warming.cancel()
    await app.close(cancel_within=_CANCEL_SECONDS, close_within=_CLOSE_SECONDS)
    output.close(_FLUSH_SECONDS)
    return code


def _report(task: asyncio.Task[None], end: Callable[[int], None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the server stopped", exc_info=error)
        end(1)


def _on_signals(loop: asyncio.AbstractEventLoop, end: Callable[[int], None]) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, end, 128 + number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda number, _frame: _from_thread(loop, end, 128 + number))


def _from_thread(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending already
        loop.call_soon_threadsafe(function, *args)


async def _connection(server: Server[Any], source: Input, output: Output, end: Callable[[int], None]) -> None:
    """Connect the host to the SDK's server until the host's end of input."""
    loop = asyncio.get_running_loop()
    arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
    earlier = source.attach(lambda line: _from_thread(loop, arriving.put_nowait, line))
    to_server, from_host = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    replies = _Replies(output)
    serving = asyncio.create_task(server.run(from_host, replies, server.create_initialization_options()))
    serving.add_done_callback(lambda task: _report(task, end))
    try:
        for frame in earlier:
            await _replay(frame, to_server.send_nowait, replies, output)
        while (line := await arriving.get()) is not None:
            _forward(line, to_server.send_nowait, output)
    finally:
        # The process ends next. The SDK's server is not asked to wind down: it would answer calls that nobody waits
        # for any more, in time that the steps need to settle.
        end(0)


async def _replay(frame: Frame, forward: Callable[[SessionMessage], None], replies: _Replies, output: Output) -> None:
    if frame.answered is None:
        _forward(frame.line, forward, output)
        return
    replies.expect(frame.answered)
    _forward(frame.line, forward, output)
    await replies.swallow(frame.answered, _REPLAY_SECONDS)


def _forward(line: bytes, forward: Callable[[SessionMessage], None], output: Output) -> None:
    """Give a line to the SDK's server; what is no message is answered here, for the SDK would drop it unanswered."""
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        output.send(_complaint(line))
        return
    forward(SessionMessage(message))


def _complaint(line: bytes) -> bytes:
    """The JSON-RPC error for a line that is no message of the protocol."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return _error(None, PARSE_ERROR, "This line is not JSON. One JSON-RPC message a line, in UTF-8.")
    if isinstance(message, list):
        return _error(None, INVALID_REQUEST, "Batches are not part of the protocol. Send one message a line.")
    identifier = message.get("id") if isinstance(message, dict) else None
    if not isinstance(identifier, str | int) or isinstance(identifier, bool):
        identifier = None
    return _error(
        identifier,
        INVALID_REQUEST,
        'Not a JSON-RPC 2.0 message: needs "jsonrpc": "2.0" and a "method", '
        'and for a request an "id" that is a string or an integer.',
    )


def _error(identifier: str | int | None, code: int, message: str) -> bytes:
    reply = {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}
    return json.dumps(reply).encode() + b"\n"
