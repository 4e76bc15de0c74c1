"""A machine under attack: its organisation's policy, its user's, a workspace, and servers that keep every byte.

``cloud`` is a server whose kind nobody can tell and so counts as remote; ``ollama`` is one that runs its models itself
and counts as local. Both are real sockets on the loopback, and what an attack is after is whether the canary got to
``cloud``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smista_mcp import places
from smista_mcp.errors import SmistaError
from smista_mcp.execution.engine import Delegation, Engine
from smista_mcp.facts.types import Step
from smista_mcp.policy.layers import PolicyPlaces
from smista_mcp.policy.trust import OrganisationPlace

CANARY = "canary-7f3a9c41"
"""What must never be on the wire to a remote server. Letters that no encoding of JSON changes."""


@dataclass
class Wire:
    """A server and everything that came to it."""

    port: int = 0
    received: bytearray = field(default_factory=bytearray)
    calls: list[dict[str, Any]] = field(default_factory=list)
    """The body of every call of a model."""
    requests: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def canary(self) -> bool:
        """Whether it has seen the canary."""
        return CANARY.encode() in self.received


@asynccontextmanager
async def chat_server(*models: str) -> AsyncIterator[Wire]:
    """A server that speaks chat completions and says nothing of its kind: a gateway, perhaps."""
    listing = {"object": "list", "data": [{"id": one, "object": "model", "owned_by": "somebody"} for one in models]}

    def answer(model: str) -> bytes:
        def event(delta: Mapping[str, str], finish: str | None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return b"data: " + json.dumps({"id": "c", "model": model, "choices": [choice]}).encode() + b"\n\n"

        return event({"content": "done"}, None) + event({}, "stop") + b"data: [DONE]\n\n"

    async with _listening({"/v1/models": listing}, answer, "text/event-stream") as wire:
        yield wire


@asynccontextmanager
async def ollama_server(*models: Mapping[str, Any], also: Mapping[str, Any] | None = None) -> AsyncIterator[Wire]:
    """An Ollama with these models, each with at least ``name``."""
    tags = {"models": [{"model": one["name"], "details": {"context_length": 32768}, **one} for one in models]}

    def answer(model: str) -> bytes:
        frame = {"model": model, "message": {"role": "assistant", "content": "done"}, "done": False}
        last = {"model": model, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
        return b"".join(json.dumps(one).encode() + b"\n" for one in (frame, last))

    routes = {"/api/version": {"version": "0.21.0"}, "/api/tags": tags, **(also or {})}
    async with _listening(routes, answer, "application/x-ndjson") as wire:
        yield wire


@asynccontextmanager
async def _listening(routes: Mapping[str, Any], answer: Any, kind: str) -> AsyncIterator[Wire]:
    wire = Wire()
    talks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        wire.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                wire.requests += 1
                length = 0
                for one in head.lower().split(b"\r\n"):
                    if one.startswith(b"content-length:"):
                        length = int(one.split(b":")[1])
                body = await reader.readexactly(length)
                wire.received += head + body
                method, path, _ = head.decode("latin-1").split(" ", 2)
                if method == "POST":
                    asked = json.loads(body)
                    wire.calls.append(asked)
                    data, media = answer(asked["model"]), kind
                    status = 200
                else:
                    status = 200 if path in routes else 404
                    data, media = json.dumps(routes.get(path, {})).encode(), "application/json"
                lines = f"HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {len(data)}\r\n\r\n"
                writer.write(lines.encode() + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            return
        finally:
            talks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for talk in tuple(talks):
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


class Ground:
    """Everything below one temporary folder, which stands for the machine."""

    def __init__(self, root: Path, cloud: Wire, ollama: Wire) -> None:
        self.root = root
        self.cloud = cloud
        self.ollama = ollama
        self.workspace = root / "home" / "work"
        self.workspace.mkdir(parents=True)
        self.organisation_place = OrganisationPlace(root=root / "machine", owner=os.getuid())
        self.user_file = root / "home" / "policy.toml"
        self.user(self.providers + '[routing.default]\nmodel = "cloud/big"\nfallbacks = ["ollama/small"]\n')

    @property
    def providers(self) -> str:
        """Tables for both servers."""
        return (
            f'[providers.cloud]\ntype = "openai-compatible"\nbase_url = "{self.cloud.url}/v1"\n'
            f'[providers.ollama]\nbase_url = "{self.ollama.url}"\n'
        )

    # -- files

    def organisation(self, text: str, name: str = "policy.toml") -> Path:
        """Lay out a file of the organisation's as its administrator would."""
        path = self.organisation_place.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        for folder in path.parents:
            if folder.is_relative_to(self.organisation_place.root):
                folder.chmod(0o755)
        return path

    def user(self, text: str) -> Path:
        """Write the user's own policy."""
        self.user_file.write_text(text, encoding="utf-8")
        return self.user_file

    def repository(self, text: str) -> Path:
        """Write the workspace's policy."""
        return self.put(".smista/policy.toml", text)

    def put(self, path: str, text: str | bytes = CANARY) -> Path:
        """Write a file of the workspace: by default one that holds the canary."""
        file = self.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    # -- steps

    def engine(
        self, environment: Mapping[str, str] | None = None, *, start: Path | None = None, cache_dir: Path | None = None
    ) -> Engine:
        """An engine of this machine; `start` as the host may choose it."""
        workspace = places.find_workspace(start or self.workspace)
        return Engine(
            workspace,
            PolicyPlaces(
                organisation=self.organisation_place,
                workspace=places.workspace_policy(workspace),
                user=self.user_file,
                builtin=places.shipped_policies() / "default.toml",
                state=self.root / "state",
            ),
            start=start,
            environment=environment or {},
            ledger_file=self.root / "state" / "ledger.sqlite3",
            cache_dir=cache_dir,
        )

    async def attack(self, step: Step, environment: Mapping[str, str] | None = None, **how: Any) -> Delegation | None:
        """Delegate `step`; ``None`` where it was refused, failed, or could not be used."""
        async with self.engine(environment, **how) as engine:
            with contextlib.suppress(SmistaError):
                return await engine.delegate(step)
        return None

    def nothing_left(self) -> bool:
        """Whether no model was called anywhere."""
        return not self.cloud.calls and not self.ollama.calls
