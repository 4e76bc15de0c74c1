"""Calling a dialect against a scripted server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

import httpx2
import pytest
import pytest_asyncio

from smista_mcp.catalog.types import Dialect
from smista_mcp.providers.http import make_client
from smista_mcp.providers.registry import dialect_for
from smista_mcp.providers.types import Call, Event, ProviderError, Reply, Target, Timeouts
from tests.providers.scripted import Script, Seen, serve

KEY = "sk-test-0123456789abcdef"
CALL = Call(model="asked", prompt="Say hello.", system="Be brief.")
PATIENT = Timeouts(connect=30, first_token=60, idle=60)

Ask = Callable[..., Awaitable[tuple[list[Event], Seen]]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """One for a whole module, as one serves a whole process: making it loads the certificates of the world."""
    async with make_client() as made:
        yield made


async def events_of(
    client: httpx2.AsyncClient, dialect: Dialect, url: str, call: Call = CALL, timeouts: Timeouts = PATIENT
) -> list[Event]:
    """All events of one call."""
    async with aclosing(dialect_for(dialect).stream(client, Target(url, KEY, {}), call, timeouts)) as events:
        return [event async for event in events]


@pytest.fixture
def ask(client: httpx2.AsyncClient) -> Ask:
    """Calls a dialect at a server that plays a script; returns the events and the request that came."""

    async def asked(
        dialect: Dialect, script: Script, timeouts: Timeouts = PATIENT, **call: object
    ) -> tuple[list[Event], Seen]:
        async with serve(script) as served:
            events = await events_of(client, dialect, served.url, replace(CALL, **call), timeouts)
            return events, served.requests[-1]

    return asked


def reply_of(events: list[Event]) -> Reply:
    """The last event, which must be the only reply."""
    *before, last = events
    assert isinstance(last, Reply)
    assert not any(isinstance(event, Reply) for event in before)
    return last


async def failure_of(
    ask: Ask, dialect: Dialect, script: Script, timeouts: Timeouts = PATIENT, **call: object
) -> ProviderError:
    """The error that the call ends with."""
    with pytest.raises(ProviderError) as caught:
        await ask(dialect, script, timeouts, **call)
    return caught.value
