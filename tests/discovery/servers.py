"""Servers on real sockets that answer as Ollama, LM Studio, vLLM or a gateway do, or do not answer at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Routes = Mapping[str, Any]
"""By path: what is answered as JSON with status 200; an `Answer` for anything else."""


@dataclass(frozen=True)
class Answer:
    """A status, headers and bytes as they are."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A running server and what it was asked."""

    port: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers (lower case) of every request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> set[str]:
        return {path for path, _ in self.asked}


@asynccontextmanager
async def serving(routes: Routes, *, gate: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[Server]:
    """Serve `routes` on a free port. `gate` is awaited before each answer."""
    server = Server(0)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                headers = {}
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    headers[name.strip().lower()] = value.strip()
                path = line.split()[1].decode()
                server.asked.append((path, headers))
                if gate is not None:
                    await gate()
                found = routes.get(path, Answer(404))
                answer = found if isinstance(found, Answer) else Answer(body=json.dumps(found).encode())
                head = {"content-type": "application/json", "content-length": str(len(answer.body)), **answer.headers}
                lines = [f"HTTP/1.1 {answer.status} Reason", *(f"{name}: {value}" for name, value in head.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
                await writer.drain()
        writer.close()

    async with _listening(handle) as server.port:
        yield server


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port that accepts connections and never says a word."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async with _listening(handle) as port:
        yield port


@asynccontextmanager
async def endless() -> AsyncIterator[int]:
    """A port that answers every request with JSON white space without end."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            while True:
                writer.write(b" " * 65536)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    async with _listening(handle) as port:
        yield port


@asynccontextmanager
async def _listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handle(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            tasks.discard(task)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ollama(*models: Mapping[str, Any]) -> Routes:
    """An Ollama with these models, each a mapping with at least ``name``."""
    entries = [
        {"model": one["name"], "size": 4_000_000_000, "digest": "0" * 64, "details": {}, **one} for one in models
    ]
    return {"/api/version": {"version": "0.21.0"}, "/api/tags": {"models": entries}}


QWEN = {
    "name": "qwen2.5-coder:7b",
    "details": {"parameter_size": "7.6B", "context_length": 32768},
    "capabilities": ["completion", "tools", "insert"],
}
CLOUD = {
    "name": "gpt-oss:120b-cloud",
    "remote_host": "https://ollama.com:443",
    "remote_model": "gpt-oss:120b",
    "details": {"parameter_size": "116.8B"},
    "capabilities": ["completion", "tools", "thinking"],
}
EMBEDDER = {"name": "nomic-embed-text:latest", "details": {"parameter_size": "137M"}, "capabilities": ["embedding"]}


def vllm(*names: str, window: int = 32768) -> Routes:
    """A vLLM that serves `names`."""
    data = [{"id": one, "object": "model", "owned_by": "vllm", "max_model_len": window} for one in names]
    return {"/version": {"version": "0.15.0"}, "/v1/models": {"object": "list", "data": data}}


def lmstudio(*names: str) -> Routes:
    """An LM Studio with `names` and an embedding model."""
    data = [
        {
            "id": one,
            "object": "model",
            "type": "llm",
            "publisher": "somebody",
            "arch": "llama",
            "compatibility_type": "gguf",
            "quantization": "Q4_K_M",
            "state": "not-loaded",
            "max_context_length": 131072,
        }
        for one in names
    ]
    data.append({**data[0], "id": "text-embedding-nomic", "type": "embeddings"})
    openai = [{"id": one, "object": "model", "owned_by": "organization_owner"} for one in names]
    return {"/api/v0/models": {"object": "list", "data": data}, "/v1/models": {"object": "list", "data": openai}}


def gateway(*names: str) -> Routes:
    """A gateway that speaks chat completions and forwards to whoever."""
    data = [{"id": one, "object": "model", "owned_by": "openai"} for one in names]
    return {"/v1/models": {"object": "list", "data": data}}
