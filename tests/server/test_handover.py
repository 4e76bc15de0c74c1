"""Frames on the wire, before and after the SDK takes over: each answered once, in any order, and nothing else."""

from __future__ import annotations

from collections import Counter

from tests.server.frames import ENVELOPE, INITIALIZED, handshake_opening, initialize, line, modern_opening, request
from tests.server.process import Home, started

BAD_CALL = {"name": "route_preview", "arguments": {}}
"""A call that is answered without an engine: its task is missing."""


async def test_a_host_that_sends_everything_at_once_gets_every_answer_once(home: Home) -> None:
    async with started(home) as host:
        await host.send(
            *handshake_opening("2025-06-18"),
            request(7, "tools/call", BAD_CALL),
            request(8, "tools/list"),
            request(9, "no/such/method"),
        )
        while len(host.received) < 6:
            await host.receive()
        await host.send(request("last", "ping"))
        await host.answer("last")
        assert await host.close() == 0
        assert Counter(message["id"] for message in host.received) == dict.fromkeys([0, 1, "p", 7, 8, 9, "last"], 1)
        answers = {message["id"]: message for message in host.received}
        assert answers[8]["result"] == answers[1]["result"]
        assert answers[7]["result"]["isError"]
        assert answers[9]["error"]["code"] == -32601


async def test_the_modern_era_goes_on_after_the_handover(home: Home) -> None:
    async with started(home) as host:
        await host.send(*modern_opening(), request(5, "tools/call", {**BAD_CALL, "_meta": ENVELOPE}))
        called = await host.answer(5)
        await host.send(request(6, "tools/list", {"_meta": ENVELOPE}), initialize("2025-06-18", 7))
        assert (await host.answer(6))["result"]["resultType"] == "complete"
        assert "error" in (await host.answer(7))
        assert called["result"]["isError"]
        assert await host.close() == 0
        assert max(Counter(str(message["id"]) for message in host.received).values()) == 1


async def test_frames_may_come_in_pieces_and_be_large(home: Home) -> None:
    async with started(home) as host:
        await host.send(initialize("2025-11-25"), INITIALIZED)
        await host.answer(0)
        for identifier, size in enumerate([1, 70_000, 1, 3_000_000], start=1):
            frame = line(request(identifier, "tools/list", {"_meta": {"x": "y" * size}}))
            await host.send_raw(frame[:9])
            await host.send_raw(frame[9:])
            assert len((await host.answer(identifier))["result"]["tools"]) == 2


async def test_what_is_no_message_is_answered_with_an_error_and_harms_nothing(home: Home) -> None:
    async with started(home) as host:
        await host.send_raw(b"{nonsense\n\n[1]\n\xff\xfe\n")
        await host.send(
            [request(1, "ping")], {"jsonrpc": "2.0", "id": 2}, {"jsonrpc": "1.0", "id": "3", "method": "ping"}, "text"
        )
        await host.send(*handshake_opening("2025-06-18"))
        await host.answer("p")
        complaints = [(message["id"], message["error"]["code"]) for message in host.received if "error" in message]
        assert complaints == [
            (None, -32700),
            (None, -32600),
            (None, -32700),
            (None, -32600),
            (2, -32600),
            ("3", -32600),
            (None, -32600),
        ]


async def test_nothing_but_the_protocol_is_on_standard_output(home: Home) -> None:
    noisy = (
        "import os, threading, time; from pathlib import Path; from smista_mcp.server.stdio import serve\n"
        "def noise():\n"
        "    while True:\n"
        "        print('stray'); os.write(1, b'stray'); os.system('echo stray'); time.sleep(0.05)\n"
        "threading.Timer(0.1, noise).start(); serve(Path())"
    )
    async with started(home, "-c", noisy) as host:
        await host.send(*handshake_opening("2025-06-18"), request(7, "tools/call", BAD_CALL))
        assert (await host.answer(7))["result"]["isError"]
        assert await host.close() == 0
