"""The embedded model: a real llama.cpp in a real process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import httpx2
import pytest

from smista_mcp.providers.embedded import EMBEDDED_MODEL, Embedded
from smista_mcp.providers.embedded_process import EmbeddedProcess, Served
from smista_mcp.providers.types import (
    Activity,
    Call,
    Event,
    FailureClass,
    ProviderError,
    Reply,
    ServedModel,
    StopReason,
    Target,
    TextDelta,
    Timeouts,
)
from tests.embedded.conftest import SAYS


def at(gguf: Path) -> Target:
    return Target(f"embedded:{gguf}", None, {})


async def ask(embedded: Embedded, client: httpx2.AsyncClient, gguf: Path, **call: object) -> list[Event]:
    stated: dict[str, object] = {"model": gguf.stem, "prompt": "Well?", "max_output_tokens": 32, **call}
    async with aclosing(embedded.stream(client, at(gguf), Call(**stated), Timeouts())) as events:  # type: ignore[arg-type]
        return [event async for event in events]


def process_of(embedded: Embedded) -> EmbeddedProcess:
    (process,) = embedded._processes.values()
    return process


def served(embedded: Embedded) -> Served:
    found = process_of(embedded).served
    assert found is not None
    return found


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    for _ in range(1000):
        found = true()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that in twenty seconds")


def of_process(pid: int, what: str) -> str:
    return Path(f"/proc/{pid}/{what}").read_text()


def runs(pid: int) -> bool:
    try:
        return of_process(pid, "stat").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_an_answer_comes_in_pieces_and_whole(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path
) -> None:
    loading, *pieces, reply = await ask(embedded, client, speaking)
    assert loading == Activity("loading")
    assert len(pieces) > 1
    assert "".join(piece.text for piece in pieces if isinstance(piece, TextDelta)) == SAYS
    assert isinstance(reply, Reply)
    assert (reply.text, reply.stop, reply.model_answered) == (SAYS, StopReason.END, "speaking")
    assert reply.usage.output == len(SAYS.split()) + 1
    assert not reply.usage.estimated


async def test_the_limit_on_output_is_kept(embedded: Embedded, client: httpx2.AsyncClient, babbling: Path) -> None:
    reply = (await ask(embedded, client, babbling, max_output_tokens=7))[-1]
    assert isinstance(reply, Reply)
    assert (reply.usage.output, reply.stop) == (7, StopReason.MAX_TOKENS)


async def test_the_same_call_gets_the_same_answer(
    embedded: Embedded, client: httpx2.AsyncClient, babbling: Path
) -> None:
    first, second = [(await ask(embedded, client, babbling))[-1] for _ in range(2)]
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert first.text == second.text


async def test_concurrent_calls_share_one_process(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path
) -> None:
    answers = await asyncio.gather(*(ask(embedded, client, speaking, prompt=f"Number {n}?") for n in range(12)))
    assert [reply.text for *_, reply in answers if isinstance(reply, Reply)] == [SAYS] * 12
    first = served(embedded).pid
    await ask(embedded, client, speaking)
    assert served(embedded).pid == first


async def test_a_process_that_was_killed_is_replaced(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path
) -> None:
    await ask(embedded, client, speaking)
    first = served(embedded).pid
    os.kill(first, signal.SIGKILL)
    reply = (await ask(embedded, client, speaking))[-1]
    assert isinstance(reply, Reply)
    assert served(embedded).pid != first


async def test_a_process_killed_in_the_middle_of_an_answer_is_an_error_and_the_next_call_works(
    embedded: Embedded, client: httpx2.AsyncClient, babbling: Path
) -> None:
    async def read() -> None:
        seen = 0
        async for _ in embedded.stream(client, at(babbling), Call("babbling", "Go on."), Timeouts()):
            seen += 1
            if seen == 20:
                os.kill(served(embedded).pid, signal.SIGKILL)

    with pytest.raises(ProviderError) as raised:
        await read()
    assert raised.value.failure is FailureClass.TRUNCATED_STREAM
    assert raised.value.failure.mendable_elsewhere
    assert isinstance((await ask(embedded, client, babbling))[-1], Reply)


async def test_closing_the_stream_stops_the_work(
    embedded: Embedded, client: httpx2.AsyncClient, babbling: Path
) -> None:
    async with aclosing(embedded.stream(client, at(babbling), Call("babbling", "Go on."), Timeouts())) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        assert await works(client, embedded)
    await until(lambda: rests(client, embedded))


async def test_cancelling_the_reader_stops_the_work(
    embedded: Embedded, client: httpx2.AsyncClient, babbling: Path
) -> None:
    async def read() -> None:
        await ask(embedded, client, babbling, max_output_tokens=60_000)

    reader = asyncio.create_task(read())
    await until(lambda: bool(embedded._processes) and process_of(embedded).served is not None)
    await until(lambda: works(client, embedded))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until(lambda: rests(client, embedded))


async def works(client: httpx2.AsyncClient, embedded: Embedded) -> bool:
    there = served(embedded)
    reply = await client.get(
        f"{there.url}/slots", headers={"authorization": f"Bearer {there.key}", "connection": "close"}
    )
    return any(slot["is_processing"] for slot in reply.json())


async def rests(client: httpx2.AsyncClient, embedded: Embedded) -> bool:
    return not await works(client, embedded)


async def test_nobody_without_the_key_is_served(embedded: Embedded, client: httpx2.AsyncClient, speaking: Path) -> None:
    await ask(embedded, client, speaking)
    there = served(embedded)
    body = {"messages": [{"role": "user", "content": "Well?"}]}
    without: dict[str, str] = {}
    for headers in (without, {"authorization": "Bearer guess"}):
        headers |= {"connection": "close"}
        reply = await client.post(f"{there.url}/v1/chat/completions", json=body, headers=headers)
        assert reply.status_code == 401
    assert httpx2.URL(there.url).host == "127.0.0.1"


async def test_the_process_sees_no_secrets_and_shows_none(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-to-be-seen")
    monkeypatch.setenv("SOME_OTHER_THING", "neither")
    await ask(embedded, client, speaking)
    there = served(embedded)
    environment, arguments = of_process(there.pid, "environ"), of_process(there.pid, "cmdline")
    assert "sk-never-to-be-seen" not in environment
    assert "SOME_OTHER_THING" not in environment
    assert "PATH=" in environment
    assert there.key not in environment + arguments + repr(there)


async def test_llama_cpp_says_nothing_on_our_outputs(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await ask(embedded, client, speaking)
    await embedded.aclose()
    assert capfd.readouterr() == ("", "")


async def test_closing_ends_the_process_and_a_later_call_starts_another(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path
) -> None:
    await ask(embedded, client, speaking)
    first = served(embedded).pid
    await embedded.aclose()
    assert not runs(first)
    assert isinstance((await ask(embedded, client, speaking))[-1], Reply)


async def test_closing_while_it_answers_ends_the_process(
    embedded: Embedded, client: httpx2.AsyncClient, babbling: Path
) -> None:
    stream = embedded.stream(client, at(babbling), Call("babbling", "Go on."), Timeouts())
    async with aclosing(stream) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        pid = served(embedded).pid
        await embedded.aclose()
        assert not runs(pid)


async def test_an_idle_process_is_stopped_but_never_a_busy_one(client: httpx2.AsyncClient, babbling: Path) -> None:
    embedded = Embedded(idle=0.05)
    async with aclosing(embedded.stream(client, at(babbling), Call("babbling", "Go on."), Timeouts())) as events:
        pieces = 0
        async for event in events:
            pieces += isinstance(event, TextDelta)
            if pieces == 3:
                await asyncio.sleep(0.3)
            if pieces == 6:
                break
        pid = served(embedded).pid
        assert runs(pid)
    await until(lambda: not runs(pid))
    await embedded.aclose()


async def test_the_process_ends_with_its_parent_however_that_ends(speaking: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, str(speaking), stdout=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert runs(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: not runs(pid))


_PARENT = """
import asyncio, sys
from pathlib import Path
from smista_mcp.providers.embedded_process import EmbeddedProcess

async def main():
    async with EmbeddedProcess(Path(sys.argv[1]), "speaking", {"n_ctx": 512}).lease() as served:
        print(served.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_what_is_no_gguf_is_named(embedded: Embedded, client: httpx2.AsyncClient, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    for content in (b"", b"not a model", b"GGUF\x03\0\0\0"):
        wrong.write_bytes(content)
        with pytest.raises(ProviderError, match=r"wrong\.gguf") as raised:
            await ask(embedded, client, wrong)
        assert raised.value.failure is FailureClass.MODEL_NOT_FOUND
    with pytest.raises(ProviderError, match=r"none\.gguf") as raised:
        await ask(embedded, client, tmp_path / "none.gguf")
    assert raised.value.failure is FailureClass.MODEL_NOT_FOUND


async def test_weights_that_llama_cpp_cannot_load_are_an_error_with_its_reason(
    embedded: Embedded, client: httpx2.AsyncClient, speaking: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half.gguf"
    await asyncio.to_thread(lambda: half.write_bytes(speaking.read_bytes()[:-5000]))
    with pytest.raises(ProviderError, match=r"half did not start: .*(tensor|file)") as raised:
        await ask(embedded, client, half)
    assert raised.value.failure is FailureClass.CONNECT


async def test_its_model_is_listed_without_fetching_or_starting_anything(
    client: httpx2.AsyncClient, speaking: Path
) -> None:
    async def never(_: object) -> Path:
        raise AssertionError("fetched")

    embedded = Embedded(obtain=never)
    default = await embedded.list_models(client, Target("embedded:", None, {}), 1.0)
    assert default == (ServedModel(EMBEDDED_MODEL, 8192, parameters="135M"),)
    assert await embedded.list_models(client, at(speaking), 1.0) == (ServedModel("speaking", 4096),)
    assert not embedded._processes


async def test_another_address_is_refused(embedded: Embedded, client: httpx2.AsyncClient) -> None:
    with pytest.raises(ProviderError):
        await embedded.list_models(client, Target("http://127.0.0.1:1", None, {}), 1.0)
