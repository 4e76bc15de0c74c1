"""However a call or the server is ended, the provider is hung up on, the run is recorded and nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.llama import tiny_gguf
from tests.server.frames import ENVELOPE, INITIALIZED, initialize, request
from tests.server.process import PATIENCE, Home, Host, Provider, started

Ending = Callable[[Host], Awaitable[int]]


def ended_by(number: int) -> Ending:
    """Send a signal and wait for the end."""

    async def end(host: Host) -> int:
        host.process.send_signal(number)
        return await host.ended()

    return end


ENDINGS: dict[str, tuple[Ending, int]] = {
    "end of input": (Host.close, 0),
    "interrupt": (ended_by(signal.SIGINT), 128 + signal.SIGINT),
    "terminate": (ended_by(signal.SIGTERM), 128 + signal.SIGTERM),
    "hang-up": (ended_by(signal.SIGHUP), 128 + signal.SIGHUP),
}
all_endings = pytest.mark.parametrize(("end", "code"), ENDINGS.values(), ids=ENDINGS.keys())

OPENINGS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "handshake": ([initialize("2025-06-18"), INITIALIZED], {}),
    "modern": ([request(0, "server/discover", {"_meta": ENVELOPE})], ENVELOPE),
}
both_eras = pytest.mark.parametrize(("opening", "meta"), OPENINGS.values(), ids=OPENINGS.keys())


def delegate(identifier: int, meta: dict[str, Any], task: str = "x") -> dict[str, Any]:
    """A call of ``delegate_step``."""
    return request(identifier, "tools/call", {"name": "delegate_step", "arguments": {"task": task}, "_meta": meta})


def cancelled(identifier: int) -> dict[str, Any]:
    """What a host sends when a call is to end."""
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": identifier}}


async def happened(event: asyncio.Event) -> None:
    """Wait for what has to happen."""
    async with asyncio.timeout(PATIENCE):
        await event.wait()


@both_eras
async def test_a_cancelled_call_hangs_up_on_the_provider_and_others_go_on(
    home: Home, opening: list[dict[str, Any]], meta: dict[str, Any]
) -> None:
    async with Provider("half an ans", hangs=True) as provider, started(home) as host:
        home.use(provider)
        await host.send(*opening, delegate(1, meta))
        await happened(provider.called)
        await host.send(cancelled(1))
        await happened(provider.hung_up)
        await host.send(request(2, "tools/list", {"_meta": meta}))
        await host.answer(2)
        assert await host.close() == 0
        assert [message for message in host.received if message.get("id") == 1] == []
        record = await home.explain()
        assert "cancelled" in str(record)


@both_eras
async def test_a_call_cancelled_before_the_sdk_is_there_is_not_made(
    home: Home, opening: list[dict[str, Any]], meta: dict[str, Any]
) -> None:
    async with Provider("an answer") as provider, started(home) as host:
        home.use(provider)
        await host.send(*opening, delegate(1, meta), cancelled(1), delegate(2, meta, "y"))
        answer = await host.answer(2)
        assert answer["result"]["content"][0]["text"] == "an answer"
        assert await host.close() == 0
        assert not any(message.get("id") == 1 for message in host.received)


@all_endings
async def test_a_running_step_ends_with_the_server(home: Home, end: Ending, code: int) -> None:
    async with Provider("half an ans", hangs=True) as provider, started(home) as host:
        home.use(provider)
        await host.send(initialize("2025-06-18"), INITIALIZED, delegate(1, {}))
        await happened(provider.called)
        assert await end(host) == code
        await happened(provider.hung_up)
        assert "cancelled" in str(await home.explain())


@all_endings
async def test_an_idle_server_just_ends(home: Home, end: Ending, code: int) -> None:
    async with started(home) as host:
        await host.send(initialize("2025-06-18"), INITIALIZED, request(1, "tools/call", {"name": "x"}))
        await host.answer(1)
        assert await end(host) == code


@all_endings
async def test_a_server_that_is_still_starting_just_ends(home: Home, end: Ending, code: int) -> None:
    async with started(home) as host:
        await host.send(initialize("2025-06-18"))
        await host.answer(0)
        assert await end(host) in (code, 128 - code)  # by the signal itself, where nothing has been started


@pytest.mark.parametrize(("end", "code"), [ENDINGS["end of input"], ENDINGS["terminate"]], ids=["input", "signal"])
async def test_the_process_of_the_embedded_model_ends_with_the_server(home: Home, end: Ending, code: int) -> None:
    weights = tiny_gguf(home.root / "tiny.gguf", says="Forty two.")
    home.policy.write_text(f'[providers.embedded]\nmodel_path = "{weights}"\n', encoding="utf-8")
    async with started(home) as host:
        await host.send(initialize("2025-06-18"), INITIALIZED, delegate(1, {}))
        assert not (await host.answer(1))["result"].get("isError")
        children = descendants(host.process.pid)
        assert children
        assert await end(host) == code
        await asyncio.to_thread(gone, children)


def descendants(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they started."""
    parents: dict[int, int] = {}
    for found in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = found.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(found.parent.name)] = int(words[1])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sorted(family - {pid, os.getpid()})


def gone(processes: list[int]) -> None:
    """Wait until none of `processes` exists any more."""
    end = time.monotonic() + PATIENCE
    while left := [one for one in processes if Path(f"/proc/{one}").exists()]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.05)


async def test_a_host_that_stops_reading_ends_the_server(home: Home) -> None:
    reading, writing = os.pipe()
    async with Provider("an answer") as provider:
        home.use(provider)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *home.arguments()),
            stdin=asyncio.subprocess.PIPE,
            stdout=writing,
            cwd=home.workspace,
            env=home.environment,
        )
        os.close(writing)
        host = Host(process)
        await host.send(initialize("2025-06-18"), INITIALIZED)
        os.close(reading)
        await host.send(delegate(1, {}))
        async with asyncio.timeout(PATIENCE):
            await process.wait()
