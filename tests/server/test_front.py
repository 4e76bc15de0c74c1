"""What is answered before the SDK is loaded is what the SDK would have answered."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.shared.message import SessionMessage
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from smista_mcp.server import front, surface
from smista_mcp.server.app import App
from smista_mcp.server.front import Front
from tests.server.frames import ENVELOPE, PREFIX, handshake_opening, initialize, line, modern_opening, request

Messages = list[dict[str, Any]]


def early(messages: Messages) -> dict[Any, Any]:
    """The front's answers, by request id."""
    opened = Front()
    answers = [json.loads(answer) for message in messages if (answer := opened.take(line(message)))]
    assert [frame.line for frame in opened.frames] == [line(message) for message in messages]
    return {answer["id"]: answer for answer in answers}


async def from_sdk(messages: Messages, wanted: set[Any]) -> dict[Any, Any]:
    """The first answer of the SDK's own server to each request in `wanted`, by request id."""
    to_server, from_host = anyio.create_memory_object_stream[SessionMessage | Exception](math.inf)
    to_host, from_server = anyio.create_memory_object_stream[SessionMessage](math.inf)
    server = App(Path()).server
    serving = asyncio.create_task(server.run(from_host, to_host, server.create_initialization_options()))
    for message in messages:
        try:
            to_server.send_nowait(
                SessionMessage(types.jsonrpc_message_adapter.validate_json(line(message), by_name=False))
            )
        except ValueError as error:
            to_server.send_nowait(error)
    answers: dict[Any, Any] = {}
    async with asyncio.timeout(10):
        while not wanted <= answers.keys():
            sent = json.loads((await from_server.receive()).message.model_dump_json(by_alias=True, exclude_unset=True))
            answers.setdefault(sent.get("id"), sent)
    to_server.close()
    await serving
    from_server.close()
    return answers


async def assert_same(messages: Messages) -> dict[Any, Any]:
    answered = early(messages)
    expected = await from_sdk(messages, set(answered))
    assert answered == {identifier: expected[identifier] for identifier in answered}
    return answered


@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, "2025-01-01", "2026-07-28", ""])
async def test_every_handshake_version_is_answered_as_the_sdk_answers_it(version: str) -> None:
    assert (await assert_same(handshake_opening(version))).keys() == {0, 1, "p"}


async def test_the_modern_era_is_answered_as_the_sdk_answers_it() -> None:
    assert (await assert_same(modern_opening())).keys() == {"server-discover-probe-1", 0, 1}


def test_the_versions_are_those_of_the_sdk() -> None:
    assert front.HANDSHAKE_VERSIONS == HANDSHAKE_PROTOCOL_VERSIONS
    assert front.MODERN_VERSIONS == MODERN_PROTOCOL_VERSIONS


async def test_tools_and_instructions_come_from_the_one_surface() -> None:
    answers = await assert_same(modern_opening())
    assert answers[1]["result"]["tools"] == list(surface.TOOLS)
    assert answers[0]["result"]["instructions"] == surface.INSTRUCTIONS


def test_what_a_host_shows_of_the_instructions_says_it_all() -> None:
    shown = surface.INSTRUCTIONS[:250]
    assert surface.DELEGATE in shown
    assert "policy" in shown
    assert "with the reason for the route." in shown


MODERN = {"_meta": ENVELOPE}
UNUSUAL: dict[str, Messages] = {
    "a list before the handshake": [request(1, "tools/list")],
    "a ping before the handshake": [request(1, "ping"), initialize("2025-06-18", 2)],
    "discovery without an envelope": [request(1, "server/discover")],
    "a handshake within the modern era": [request(1, "tools/list", MODERN), initialize("2025-06-18", 2)],
    "an envelope within the handshake era": [initialize("2025-06-18", 1), request(2, "tools/list", MODERN)],
    "an envelope of a version not served": [
        request(1, "tools/list", {"_meta": {**ENVELOPE, PREFIX + "protocolVersion": "2027-01-01"}})
    ],
    "an envelope without capabilities": [
        request(1, "tools/list", {"_meta": {PREFIX + "protocolVersion": "2026-07-28"}})
    ],
    "a handshake with an envelope": [
        request(1, "initialize", {**initialize("2025-06-18")["params"], "_meta": ENVELOPE}),
        request(2, "tools/list"),
    ],
    "two handshakes": [initialize("2025-06-18", 1), initialize("2025-11-25", 2), request(3, "tools/list")],
    "a cursor": [initialize("2025-06-18", 1), request(2, "tools/list", {"cursor": "x"})],
    "an id used twice": [initialize("2025-06-18", 1), request(1, "tools/list"), request(1, "ping")],
    "a method nobody knows": [initialize("2025-06-18", 1), request(2, "no/such"), request(3, "tools/list")],
    "a call in between": [
        initialize("2025-06-18", 1),
        request(2, "tools/call", {"name": "route_preview", "arguments": {}}),
        request(3, "tools/list"),
    ],
    "no client": [request(1, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}})],
    "a malformed capability": [
        request(1, "initialize", {**initialize("x")["params"], "capabilities": {"roots": {"listChanged": "maybe"}}})
    ],
    "the other flag of the protocol": [request(1, "tools/list", {"_meta": {**ENVELOPE, PREFIX + "logLevel": "loud"}})],
    "a fraction for an id": [request(1.5, "tools/list", MODERN), initialize("2025-06-18", 2)],
    "a truth value for an id": [request(True, "tools/list", MODERN), initialize("2025-06-18", 2)],
    "half a surrogate pair": [request("\ud800", "tools/list", MODERN), initialize("2025-06-18", 2)],
    "a batch": [[initialize("2025-06-18", 1)], initialize("2025-06-18", 2)],  # type: ignore[list-item]
}


@pytest.mark.parametrize("messages", UNUSUAL.values(), ids=UNUSUAL.keys())
async def test_nothing_unusual_is_answered_other_than_the_sdk_would(messages: Messages) -> None:
    await assert_same(messages)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
OPENINGS = [handshake_opening("2025-06-18"), handshake_opening("2025-11-25"), modern_opening()]


def places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every member of every object in `node`."""
    if isinstance(node, list):
        return [found for at, inner in enumerate(node) for found in places(inner, (*path, at))]
    if not isinstance(node, dict):
        return []
    return [found for key, inner in node.items() for found in [(*path, key), *places(inner, (*path, key))]]


@st.composite
def altered_openings(draw: st.DrawFn) -> Messages:
    """A host's opening with frames moved about or repeated, and up to two members replaced, removed or added."""
    messages: Messages = json.loads(json.dumps(draw(st.sampled_from(OPENINGS))))
    extra = json.loads(
        json.dumps(draw(st.lists(st.sampled_from([one for each in OPENINGS for one in each]), max_size=2)))
    )
    if draw(st.booleans()):
        messages = draw(st.permutations(messages + extra))
    for _ in range(draw(st.integers(0, 2))):
        where = draw(st.sampled_from(places(messages)))
        parent: Any = messages
        for key in where[:-1]:
            parent = parent[key]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                parent[where[-1]] = draw(JUNK)
            case "remove":
                del parent[where[-1]]
            case _:
                parent[draw(st.text(max_size=3) | st.sampled_from(["_meta", "id", "params", "cursor"]))] = draw(JUNK)
    return messages


@pytest.mark.parametrize("opening", OPENINGS[1:], ids=["handshake", "modern"])
async def test_no_single_altered_member_makes_an_early_answer_wrong(opening: Messages) -> None:
    for where in places(opening):
        for value in (None, True, 7, 1.5, "x", [], ["x"], {}, {"x": 1}, {"x": {"x": 1}}):
            messages = json.loads(json.dumps(opening))
            parent: Any = messages
            for key in where[:-1]:
                parent = parent[key]
            parent[where[-1]] = value
            await assert_same(messages)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(altered_openings())
async def test_an_early_answer_is_always_the_answer_of_the_sdk(messages: Messages) -> None:
    await assert_same(messages)


def test_a_line_that_is_not_json_is_left_alone_and_ends_the_early_answers() -> None:
    opened = Front()
    assert opened.take(b"{nonsense\n") is None
    assert opened.take(line(initialize("2025-06-18"))) is None
    assert [frame.line for frame in opened.frames] == [b"{nonsense\n", line(initialize("2025-06-18"))]
