"""The dialects that a real llama.cpp server speaks, against one: no script knows what it does not do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import httpx2
import pytest

from smista_mcp.catalog.identity import same_model
from smista_mcp.catalog.types import Dialect
from smista_mcp.providers.registry import dialect_for
from smista_mcp.providers.types import Call, Event, FailureClass, ProviderError, StopReason, Target, TextDelta
from tests.llama import LlamaServer, llama_server, tiny_gguf
from tests.providers.conftest import PATIENT, events_of, reply_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAYS = "All is well here, thank you."
spoken = pytest.mark.parametrize("dialect", [Dialect.OPENAI_CHAT, Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES])


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    with llama_server(tiny_gguf(tmp_path_factory.mktemp("talker") / "talker.gguf", says=SAYS)) as server:
        yield server


@pytest.fixture(scope="module")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    gguf = tiny_gguf(tmp_path_factory.mktemp("babbler") / "babbler.gguf", context=65536)
    with llama_server(gguf, n_ctx=65536, n_parallel=1, n_predict=-1, api_keys=["sesame-open"]) as server:
        yield server


async def _events(
    client: httpx2.AsyncClient, dialect: Dialect, server: LlamaServer, call: Call, key: str = ""
) -> list[Event]:
    target = Target(server.url, key or None, {})
    async with aclosing(dialect_for(dialect).stream(client, target, call, PATIENT)) as events:
        return [event async for event in events]


@spoken
async def test_a_real_answer_with_real_usage(client: httpx2.AsyncClient, talker: LlamaServer, dialect: Dialect) -> None:
    reply = reply_of(await events_of(client, dialect, talker.url, Call("talker", "How are you?", system="Be kind.")))
    assert reply.text == SAYS
    assert reply.stop is StopReason.END
    assert not reply.usage.estimated
    assert reply.usage.input > 10
    assert reply.usage.output == len(SAYS.split()) + 1
    assert reply.model_answered is not None
    assert same_model("talker.gguf", reply.model_answered)
    assert not same_model("other", reply.model_answered)


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_CHAT, Dialect.ANTHROPIC])  # its responses never say "incomplete"
async def test_the_limit_on_output_is_kept_and_told(
    client: httpx2.AsyncClient, babbler: LlamaServer, dialect: Dialect
) -> None:
    call = Call("babbler", "Talk.", max_output_tokens=12)
    reply = reply_of(await _events(client, dialect, babbler, call, "sesame-open"))
    assert reply.stop is StopReason.MAX_TOKENS
    assert reply.usage.output == 12


@spoken
async def test_a_wrong_key_is_refused_and_not_repeated(
    client: httpx2.AsyncClient, babbler: LlamaServer, dialect: Dialect
) -> None:
    with pytest.raises(ProviderError) as caught:
        await _events(client, dialect, babbler, Call("babbler", "Talk."), "sesame-shut")
    assert caught.value.failure is FailureClass.AUTH
    assert "sesame-shut" not in str(caught.value)


@spoken
async def test_a_prompt_that_does_not_fit_is_too_long(
    client: httpx2.AsyncClient, talker: LlamaServer, dialect: Dialect
) -> None:
    with pytest.raises(ProviderError) as caught:
        await events_of(client, dialect, talker.url, Call("talker", "word " * 5000))
    assert caught.value.failure is FailureClass.CONTEXT_TOO_LONG


@spoken
async def test_closing_a_stream_frees_the_server_at_once(
    client: httpx2.AsyncClient, babbler: LlamaServer, dialect: Dialect
) -> None:
    call = replace(Call("babbler", "Talk."), max_output_tokens=60_000, output_ceiling=60_000)
    target = Target(babbler.url, "sesame-open", {})
    async with aclosing(dialect_for(dialect).stream(client, target, call, PATIENT)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    headers = {"authorization": "Bearer sesame-open"}

    async def busy() -> bool:
        slots = (await client.get(f"{babbler.url}/slots", headers=headers)).json()
        return any(slot["is_processing"] for slot in slots)

    async with asyncio.timeout(20):  # 60,000 tokens would take far longer
        while await busy():  # the server can only be asked
            await asyncio.sleep(0.01)


@spoken
async def test_the_server_lists_its_model(client: httpx2.AsyncClient, talker: LlamaServer, dialect: Dialect) -> None:
    (listed,) = await dialect_for(dialect).list_models(client, Target(talker.url, None, {}), 30)
    assert listed.name == "talker"
    assert listed.context_window == 1024
