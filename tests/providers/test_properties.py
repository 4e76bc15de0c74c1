"""What holds for whatever a server sends."""

from __future__ import annotations

import asyncio
import html
import json
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smista_mcp.catalog.types import Dialect
from smista_mcp.providers.answer import Answer
from smista_mcp.providers.failures import Complaint, classify, read_complaint, read_refusal, seconds
from smista_mcp.providers.http import make_client
from smista_mcp.providers.peek import count_at
from smista_mcp.providers.redact import MESSAGE_CHARS, Redactor
from smista_mcp.providers.registry import dialect_for
from smista_mcp.providers.types import FailureClass, ProviderError, Reply, StopReason, Target, TextDelta, Timeouts
from tests.providers.conftest import CALL
from tests.providers.scripted import Script, head, serve, whole
from tests.providers.vendors import VENDORS, Vendor

TIMEOUTS = Timeouts(connect=30, first_token=60, idle=60)
_SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class _Bench:
    """One loop and one client for all examples of a test."""

    def __init__(self, runner: asyncio.Runner, client: httpx2.AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def outcome(self, dialect: Dialect, script: Script, target: Target | None = None) -> Reply | ProviderError:
        """What a call comes to; any other exception fails the test."""

        async def call() -> Reply | ProviderError:
            async with serve(script) as served:
                aim = target or Target(served.url, None, {})
                aim = Target(aim.base_url.replace("HOST", served.url.removeprefix("http://")), aim.api_key, aim.headers)
                events = []
                try:
                    async for event in dialect_for(dialect).stream(self._client, aim, CALL, TIMEOUTS):
                        events.append(event)
                except ProviderError as error:
                    return error
            reply = events[-1]
            assert isinstance(reply, Reply)
            assert reply.text == "".join(event.text for event in events if isinstance(event, TextDelta))
            return reply

        return self._runner.run(call())


@pytest.fixture
def bench() -> Iterator[_Bench]:
    with asyncio.Runner() as runner:

        async def made() -> httpx2.AsyncClient:
            return make_client()

        client = runner.run(made())
        yield _Bench(runner, client)
        runner.run(client.aclose())


every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=str)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@every_vendor
@_SETTINGS
@given(data=st.data())
def test_any_body_comes_to_a_reply_or_a_provider_error(bench: _Bench, vendor: Vendor, data: st.DataObject) -> None:
    noise = st.binary(max_size=60)
    frames = st.lists(noise | st.sampled_from(vendor.frames) | _json.map(vendor.frame), max_size=8)
    body = b"".join(data.draw(frames))
    kind = data.draw(st.sampled_from([vendor.kind, "", "application/json", "text/html", "text/event-stream"]))
    status = data.draw(st.sampled_from([200, 200, 200, 400, 429, 500]))
    outcome = bench.outcome(vendor.dialect, [head(status, kind), body])
    if isinstance(outcome, Reply):
        assert outcome.text.strip() or outcome.stop is StopReason.REFUSAL
        assert 0 <= outcome.usage.cached <= outcome.usage.input
        assert 0 <= outcome.usage.reasoning <= outcome.usage.output


@every_vendor
@_SETTINGS
@given(raw=st.binary(max_size=200), tail=st.binary(max_size=60))
@example(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", tail=b"")
@example(raw=b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", tail=b"x")
@example(raw=b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", tail=b"x")
@example(raw=b"HTTP/1.1 204 No Content\r\n\r\n", tail=b"")
@example(raw=b"HTTP/1.1 999 Odd\r\ncontent-type: \xff\r\n\r\n", tail=b"x")
def test_any_bytes_in_place_of_http_come_to_a_provider_error(
    bench: _Bench, vendor: Vendor, raw: bytes, tail: bytes
) -> None:
    assert isinstance(bench.outcome(vendor.dialect, [raw, tail]), ProviderError)


@every_vendor
@_SETTINGS
@given(cut=st.integers(min_value=0))
def test_an_answer_cut_anywhere_is_whole_or_a_failure(bench: _Bench, vendor: Vendor, cut: int) -> None:
    full = bench.outcome(vendor.dialect, [head(200, vendor.kind), vendor.stream])
    assert isinstance(full, Reply)
    outcome = bench.outcome(vendor.dialect, [head(200, vendor.kind), vendor.stream[: cut % len(vendor.stream)]])
    if isinstance(outcome, Reply):
        assert outcome.text == full.text
    else:
        assert outcome.failure is FailureClass.TRUNCATED_STREAM


# Begun alike, so that no key is a word that stands in the code and so in a traceback's lines of it.
_keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=5, max_size=60).map("Zq7{}".format)
_places = st.sampled_from(["message", "code", "plain", "html", "url", "detail", "frame", "model", "type", "id", "part"])


def _part(key: str) -> str:
    """So much of `key` that the rest can be guessed."""
    return key[: max(8, len(key) - 3)]


def _echo(vendor: Vendor, key: str, place: str) -> Script:
    """A server that gives the key away in its answer."""
    start = head(200, vendor.kind)
    begun = list(vendor.frames[:1])
    scripts: dict[str, Script] = {
        "message": whole({"error": {"message": f"Incorrect key: {key}.", "type": "x", "code": "invalid_api_key"}}, 401),
        "code": whole({"error": {"message": "", "code": key, "type": key}}, 400),
        "plain": whole(f"no {key} here".encode(), 403, "text/plain"),
        "html": whole(f"key {html.escape(key)} is bad".encode(), 403, "text/plain"),
        "url": whole(f"GET /models?key={quote(key, safe='')} failed".encode(), 400, "text/plain"),
        "detail": whole({"detail": [{"loc": ["header"], "input": f"Bearer {key}"}]}, 422),
        "frame": [start, *begun, vendor.frame({"type": "error", "error": {"message": f"bad {key}", "type": "x"}})],
        "model": [
            start,
            vendor.frame({"model": key, "modelVersion": key, "message": {"model": key}, "type": "message_start"}),
        ],
        "type": whole(b"x", 200, key.replace(";", ",")),
        "id": [head(200, vendor.kind, x_request_id=key), *begun],
        "part": whole({"error": {"message": f"key {_part(key)}… is bad"}}, 401),
    }
    return scripts[place]


@every_vendor
@_SETTINGS
@given(key=_keys, place=_places, where=st.sampled_from(["key", "header", "url"]))
def test_no_secret_is_in_any_error(bench: _Bench, vendor: Vendor, key: str, place: str, where: str) -> None:
    target = {
        "key": Target("http://HOST", key, {}),
        "header": Target("http://HOST", None, {"X-Custom": f"Token {key}"}),
        "url": Target(f"http://user:{quote(key, safe='')}@HOST", None, {}),
    }[where]
    outcome = bench.outcome(vendor.dialect, _echo(vendor, key, place), target)
    assert isinstance(outcome, ProviderError)
    told = [str(outcome), repr(outcome), outcome.hint, outcome.model_answered or "", outcome.request_id or ""]
    told += [json.dumps(outcome.as_dict()), "".join(traceback.format_exception(outcome))]
    for text in told:
        assert key not in text
        assert _part(key) not in text
        assert quote(key, safe="") not in text
    assert repr(target).count(key) == 0


@given(key=_keys, before=st.text(max_size=600), after=st.text(max_size=600))
def test_a_redacted_text_is_short_printable_and_without_the_secret(key: str, before: str, after: str) -> None:
    text = Redactor([key])(before + key + after)
    assert key not in text
    assert len(text) <= MESSAGE_CHARS
    assert text.isprintable() or not any(ord(character) < 0x20 for character in text)
    text.encode()


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcDEF123_456-789",
        "sk-ant-api03-AbC_dEf-123456",
        "sk-abcde***********wxyz",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "gsk_abcdefghij0123456789",
        "ghp_abcdefghijklmnopqrst0123",
        "xoxb-1234567890-abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
    ],
)
def test_well_known_shapes_of_keys_are_taken_out(secret: str) -> None:
    text = Redactor()(f"The key {secret} is wrong, see https://user:{secret}@host/?key={secret}&x=1")
    assert secret not in text
    assert "is wrong" in text


def test_ordinary_words_stay() -> None:
    said = "Rate limit reached for gpt-5-mini in organization org-x on tokens per min (TPM): Limit 30000"
    assert Redactor(["sk-test-0123456789abcdef"])(said) == said


@given(body=_json, status=st.none() | st.integers(100, 999))
def test_every_complaint_has_a_class(body: object, status: int | None) -> None:
    complaint = read_complaint(body) or read_refusal(body)
    assert isinstance(classify(complaint), FailureClass)
    assert isinstance(classify(Complaint(complaint.message, complaint.codes, status)), FailureClass)


@given(st.text(max_size=30))
def test_a_stated_wait_is_a_time_or_nothing(stated: str) -> None:
    wait = seconds(stated)
    assert wait is None or 0 <= wait < float("inf")


@given(st.lists(st.text(st.characters(min_codepoint=0xD000, max_codepoint=0xE000) | st.just("\u4e16"), max_size=3)))
def test_pieces_can_always_be_written_and_add_up(pieces: list[str]) -> None:
    answer = Answer(CALL)
    said = [delta.text for piece in pieces for delta in answer.say(piece)]
    assert "".join(said) == answer.text
    answer.text.encode()


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3))
@example(10**400)
@example(-1)
@example(True)
@example(float("nan"))
def test_a_count_is_a_sensible_whole_number_or_nothing(value: object) -> None:
    count = count_at({"n": value}, "n")
    assert count is None or (type(count) is int and 0 <= count <= 2**53 and count == value and value is not True)


_counts = st.none() | st.integers(0, 10**6)


@given(_counts, _counts, _counts, _counts, st.booleans(), st.text(max_size=40))
def test_usage_is_always_consistent(
    tokens_in: int | None, tokens_out: int | None, cached: int | None, reasoning: int | None, whole_: bool, text: str
) -> None:
    answer = Answer(CALL)
    list(answer.say(text))
    answer.count(input=tokens_in, output=tokens_out, cached=cached, reasoning=reasoning)
    answer.ended = whole_
    usage = answer.usage()
    assert 0 <= usage.cached <= usage.input
    assert 0 <= usage.reasoning <= usage.output
    assert usage.estimated or (
        whole_ and (usage.input, usage.output) == (tokens_in, max(tokens_out or 0, reasoning or 0))
    )
