"""The server as a host sees it: a process with frames going in and coming out. Plus a provider that takes its time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.server.frames import line

PATIENCE = 60.0
"""Seconds after which a test gives up waiting for something that has to come."""


class Home:
    """A user's folders and a workspace of their own, all below one temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = root / "workspace"
        self.workspace.mkdir()
        self.policy = root / "config" / "smista" / "policy.toml"
        self.policy.parent.mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a server started for this user finds in its environment, and nothing else."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
        folders = {f"XDG_{kind.upper()}_HOME": str(self.root / kind) for kind in ("config", "data", "state", "cache")}
        return {**kept, **folders, "HOME": str(self.root)}

    def arguments(self) -> list[str]:
        """What to start the server with, after the interpreter."""
        return ["-m", "smista_mcp", "serve", "--workspace", str(self.workspace)]

    def use(self, provider: Provider) -> None:
        """Route every step to `provider`."""
        self.policy.write_text(
            f'[providers.scripted]\ntype = "openai-compatible"\nbase_url = "{provider.url}"\n'
            '[[routing.rules]]\nname = "all to one"\nmodel = "scripted/model"\n',
            encoding="utf-8",
        )

    async def explain(self) -> dict[str, Any]:
        """What the ledger has of the last decision."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "smista_mcp", "explain", "--json"),
            cwd=self.workspace,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        found: dict[str, Any] = json.loads(output)
        return found


class Host:
    """One running server and the frames exchanged with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.received: list[dict[str, Any]] = []

    async def send(self, *messages: object) -> None:
        """Send messages, all in one write."""
        await self.send_raw(b"".join(map(line, messages)))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def receive(self) -> dict[str, Any]:
        """The next message; anything that is not JSON on the wire is an error."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            data = await self.process.stdout.readline()
        assert data, "the server has closed its output"
        message: dict[str, Any] = json.loads(data)
        self.received.append(message)
        return message

    async def answer(self, identifier: object) -> dict[str, Any]:
        """Wait for the answer to a request."""
        while True:
            message = await self.receive()
            if message.get("id") == identifier and "method" not in message:
                return message

    async def close(self) -> int:
        """Close the input and wait for the end; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await self.ended()

    async def ended(self) -> int:
        """Wait for the process to end; what was still on the wire is received. The exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            for data in (await self.process.stdout.read()).splitlines():
                self.received.append(json.loads(data))
            return await self.process.wait()


@asynccontextmanager
async def started(home: Home, *arguments: str) -> AsyncIterator[Host]:
    """A server for `home`, ended with the context."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *(arguments or home.arguments())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=home.workspace,
        env=home.environment,
        limit=2**24,
    )
    try:
        yield Host(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Provider:
    """An OpenAI-compatible server that streams `text` and then ends, or says `text` and then nothing more."""

    def __init__(self, text: str, *, hangs: bool = False, status: int = 200) -> None:
        self._text = text
        self._hangs = hangs
        self._status = status
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[object]] = set()
        self.called = asyncio.Event()
        """Set when a call has been received and the first of the answer sent."""
        self.hung_up = asyncio.Event()
        """Set when a caller closed the connection while its call was being answered."""
        self.prompts: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """The base URL."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Provider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up on everybody and wait for it: nothing may be left open when the loop ends."""
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(one.split(b":")[1])
                        for one in head.split(b"\r\n")
                        if one.lower().startswith(b"content-length")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                await self._answer(head, body, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if head.startswith(b"GET"):
            writer.write(_response(200, "application/json", b'{"object": "list", "data": [{"id": "model"}]}'))
            await writer.drain()
            return
        self.prompts.append(json.loads(body))
        if self._status != 200:
            writer.write(_response(self._status, "application/json", b'{"error": {"message": "scripted failure"}}'))
            await writer.drain()
            self.called.set()
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(self._text), 1000):
            writer.write(_chunk(_event({"content": self._text[at : at + 1000]})))
        await writer.drain()
        self.called.set()
        if self._hangs:
            await reader.read()
            self.hung_up.set()
            return
        usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
        writer.write(_chunk(_event({}, finish="stop", usage=usage)) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()


def _response(status: int, kind: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def _event(delta: dict[str, str], *, finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "model", "choices": [choice]}
    return b"data: " + json.dumps({**event, "usage": usage}).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
