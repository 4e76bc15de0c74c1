"""A real socket server that sends exactly the bytes it is told to, so that chunks, cuts and silences are exact."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Act(Enum):
    """What a script can do beside sending bytes."""

    CUT = "cut"
    """Reset the connection."""
    HANG = "hang"
    """Send nothing more, until the client goes."""


@dataclass(frozen=True)
class Drip:
    """Send `piece` again and again, until the client goes."""

    piece: bytes
    every: float = 0.01


@dataclass(frozen=True)
class Pause:
    """Send nothing for a while."""

    seconds: float


Step = bytes | Act | Drip | Pause
Script = Sequence[Step]


@dataclass
class Seen:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass
class Served:
    """A running server."""

    url: str
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a client has closed its side of a connection."""
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request has been read."""


@asynccontextmanager
async def serve(*scripts: Script) -> AsyncIterator[Served]:
    """Answer each request with the next script (the last one again and again).

    A connection stays open after a script that holds a whole response of known length or in chunks, and is closed
    after any other.
    """
    served = Served("")
    talks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            while (request := await _read_request(reader)) is not None:
                served.requests.append(request)
                served.began.set()
                script = scripts[min(len(served.requests), len(scripts)) - 1]
                if not await _play(script, reader, writer):
                    return
        except ConnectionError:
            served.gone.set()
        except asyncio.CancelledError:
            return  # the server is over, and asyncio's own streams would log it as an error
        finally:
            if reader.at_eof():
                served.gone.set()
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks)


async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, headers, json.loads(body) if body else None, head + body)


async def _play(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Play a script; whether the connection can take another request."""
    sent = b""
    for step in script:
        if isinstance(step, bytes):
            sent += step
            writer.write(step)
            await writer.drain()
        elif isinstance(step, Drip):
            while not reader.at_eof():
                writer.write(step.piece)
                await writer.drain()
                await asyncio.sleep(step.every)
            return False
        elif isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif step is Act.CUT:
            writer.transport.abort()
            return False
        else:
            await reader.read()
            return False
    head, _, body = sent.partition(b"\r\n\r\n")
    return body.endswith(b"0\r\n\r\n") if b"chunked" in head else f"content-length: {len(body)}".encode() in head


def head(status: int = 200, kind: str = "text/event-stream", **headers: str) -> bytes:
    """The head of a response whose body ends with the connection."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if kind:
        lines.append(f"content-type: {kind}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def whole(body: bytes | object, status: int = 200, kind: str = "application/json", **headers: str) -> list[Step]:
    """A response of known length; anything but bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [head(status, kind, content_length=str(len(data)), **headers) + data]


def chunked(pieces: Iterable[bytes], kind: str = "text/event-stream", **headers: str) -> list[Step]:
    """A response in HTTP chunks, each `piece` one of them and one write of its own."""
    steps: list[Step] = [head(200, kind, transfer_encoding="chunked", **headers)]
    steps += [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces if piece]
    return [*steps, b"0\r\n\r\n"]
