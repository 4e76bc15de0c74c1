"""Whatever goes wrong at a provider has one class, the same for every dialect, and says so in words."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from smista_mcp.catalog.types import Dialect
from smista_mcp.providers.framing import FramingError, JsonLines, ServerSentEvents
from smista_mcp.providers.registry import dialect_for
from smista_mcp.providers.types import Activity, FailureClass, ProviderError, Reply, Target, TextDelta, Timeouts
from tests.providers.conftest import CALL, PATIENT, Ask, events_of, failure_of
from tests.providers.scripted import Act, Drip, Pause, Script, chunked, head, serve, whole
from tests.providers.vendors import PIECES, VENDORS, Vendor

pytestmark = pytest.mark.asyncio(loop_scope="module")

F = FailureClass
every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=str)

STATUSES = {
    302: F.BAD_RESPONSE,
    400: F.BAD_REQUEST,
    401: F.AUTH,
    402: F.QUOTA_EXHAUSTED,
    403: F.AUTH,
    404: F.MODEL_NOT_FOUND,
    405: F.BAD_RESPONSE,
    408: F.TIMEOUT,
    409: F.SERVER_ERROR,
    413: F.CONTEXT_TOO_LONG,
    422: F.BAD_REQUEST,
    429: F.RATE_LIMITED,
    500: F.SERVER_ERROR,
    502: F.SERVER_ERROR,
    503: F.OVERLOADED,
    504: F.TIMEOUT,
    529: F.OVERLOADED,
}


@every_vendor
@pytest.mark.parametrize(("status", "failure"), STATUSES.items())
async def test_a_status_alone_has_a_class(ask: Ask, vendor: Vendor, status: int, failure: FailureClass) -> None:
    error = await failure_of(ask, vendor.dialect, whole(b"<html>Sorry</html>", status, "text/html"))
    assert (error.failure, error.status) == (failure, status)
    assert error.usage is None
    assert "<html>" not in str(error)


def _openai(message: str, kind: str | None = None, code: object = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _claude(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CSH"}


def _google(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


_GOOGLE = "type.googleapis.com/google.rpc."
_PER_DAY = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
_PER_MINUTE = {"quotaId": "GenerateContentInputTokensPerModelPerMinute-FreeTier"}

BODIES: list[tuple[Dialect, int, object, FailureClass]] = [
    (
        Dialect.OPENAI_CHAT,
        401,
        _openai("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
        F.AUTH,
    ),
    (
        Dialect.OPENAI_CHAT,
        404,
        _openai(
            "The model `gpt-9` does not exist or you do not have access", "invalid_request_error", "model_not_found"
        ),
        F.MODEL_NOT_FOUND,
    ),
    (
        Dialect.OPENAI_CHAT,
        429,
        _openai("You exceeded your current quota, please check your plan", "insufficient_quota", "insufficient_quota"),
        F.QUOTA_EXHAUSTED,
    ),
    (
        Dialect.OPENAI_CHAT,
        429,
        _openai("Rate limit reached for gpt-5", "tokens", "rate_limit_exceeded"),
        F.RATE_LIMITED,
    ),
    (
        Dialect.OPENAI_CHAT,
        400,
        _openai(
            "This model's maximum context length is 8192 tokens", "invalid_request_error", "context_length_exceeded"
        ),
        F.CONTEXT_TOO_LONG,
    ),
    (Dialect.OPENAI_CHAT, 400, _openai("Unsupported value: 'temperature'", "invalid_request_error"), F.BAD_REQUEST),
    (Dialect.OPENAI_CHAT, 500, _openai("The server had an error", "server_error"), F.SERVER_ERROR),
    (Dialect.OPENAI_CHAT, 429, {"error": "Too many input tokens this minute"}, F.RATE_LIMITED),
    # vLLM
    (
        Dialect.OPENAI_CHAT,
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
            "type": "BadRequestError",
            "code": 400,
        },
        F.CONTEXT_TOO_LONG,
    ),
    (
        Dialect.OPENAI_CHAT,
        404,
        {"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "param": "model", "code": 404}},
        F.MODEL_NOT_FOUND,
    ),
    # llama.cpp
    (
        Dialect.OPENAI_CHAT,
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
        F.OVERLOADED,
    ),
    # LM Studio
    (
        Dialect.OPENAI_CHAT,
        400,
        {"error": "Trying to keep the first 9000 tokens when context length is 4096"},
        F.CONTEXT_TOO_LONG,
    ),
    # OpenRouter
    (Dialect.OPENAI_CHAT, 402, _openai("This request requires more credits", None, 402), F.QUOTA_EXHAUSTED),
    (Dialect.OPENAI_CHAT, 400, _openai("acme/none is not a valid model ID", None, 400), F.MODEL_NOT_FOUND),
    # DeepSeek
    (
        Dialect.OPENAI_CHAT,
        402,
        _openai("Insufficient Balance", "unknown_error", "invalid_request_error"),
        F.QUOTA_EXHAUSTED,
    ),
    (Dialect.OPENAI_RESPONSES, 429, _openai("No quota", "insufficient_quota", "insufficient_quota"), F.QUOTA_EXHAUSTED),
    (
        Dialect.OPENAI_RESPONSES,
        400,
        _openai(
            "Your input exceeds the context window of this model", "invalid_request_error", "context_length_exceeded"
        ),
        F.CONTEXT_TOO_LONG,
    ),
    (Dialect.ANTHROPIC, 401, _claude("authentication_error", "invalid x-api-key"), F.AUTH),
    (
        Dialect.ANTHROPIC,
        400,
        _claude("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        F.QUOTA_EXHAUSTED,
    ),
    (
        Dialect.ANTHROPIC,
        400,
        _claude("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        F.CONTEXT_TOO_LONG,
    ),
    (
        Dialect.ANTHROPIC,
        400,
        _claude("invalid_request_error", '"thinking.type.disabled" is not supported for this model.'),
        F.BAD_REQUEST,
    ),
    (Dialect.ANTHROPIC, 403, _claude("permission_error", "Your API key may not use this"), F.AUTH),
    (Dialect.ANTHROPIC, 404, _claude("not_found_error", "model: claude-none"), F.MODEL_NOT_FOUND),
    (Dialect.ANTHROPIC, 413, _claude("request_too_large", "Request exceeds the maximum size"), F.CONTEXT_TOO_LONG),
    (Dialect.ANTHROPIC, 429, _claude("rate_limit_error", "Number of request tokens has exceeded"), F.RATE_LIMITED),
    (Dialect.ANTHROPIC, 500, _claude("api_error", "Internal server error"), F.SERVER_ERROR),
    (Dialect.ANTHROPIC, 529, _claude("overloaded_error", "Overloaded"), F.OVERLOADED),
    (
        Dialect.GEMINI,
        400,
        _google(
            400, "INVALID_ARGUMENT", "API key not valid.", {"@type": _GOOGLE + "ErrorInfo", "reason": "API_KEY_INVALID"}
        ),
        F.AUTH,
    ),
    (Dialect.GEMINI, 403, _google(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"), F.AUTH),
    (
        Dialect.GEMINI,
        404,
        _google(404, "NOT_FOUND", "models/none is not found for API version v1beta"),
        F.MODEL_NOT_FOUND,
    ),
    (
        Dialect.GEMINI,
        400,
        _google(
            400, "INVALID_ARGUMENT", "The input token count (2000000) exceeds the maximum number of tokens allowed"
        ),
        F.CONTEXT_TOO_LONG,
    ),
    (
        Dialect.GEMINI,
        429,
        _google(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            {"@type": _GOOGLE + "QuotaFailure", "violations": [_PER_MINUTE]},
        ),
        F.RATE_LIMITED,
    ),
    (
        Dialect.GEMINI,
        429,
        _google(429, "RESOURCE_EXHAUSTED", "Quota.", {"@type": _GOOGLE + "QuotaFailure", "violations": [_PER_DAY]}),
        F.QUOTA_EXHAUSTED,
    ),
    (Dialect.GEMINI, 503, _google(503, "UNAVAILABLE", "The model is overloaded."), F.OVERLOADED),
    (Dialect.GEMINI, 429, [_google(429, "RESOURCE_EXHAUSTED", "Quota.")], F.RATE_LIMITED),
    (Dialect.OLLAMA, 404, {"error": "model 'qwen9' not found"}, F.MODEL_NOT_FOUND),
    (Dialect.OLLAMA, 400, {"error": "the input length exceeds the context length"}, F.CONTEXT_TOO_LONG),
    (Dialect.OLLAMA, 400, {"error": '"gemma3" does not support thinking'}, F.BAD_REQUEST),
    (Dialect.OLLAMA, 401, {"error": "unauthorized", "signin_url": "https://ollama.example/connect"}, F.AUTH),
    (Dialect.OLLAMA, 503, {"error": "server busy, please try again. maximum pending requests exceeded"}, F.OVERLOADED),
    (Dialect.OLLAMA, 500, {"error": "llama runner process has terminated: signal: killed"}, F.SERVER_ERROR),
]
_BY_DIALECT = {vendor.dialect: vendor for vendor in VENDORS}


@pytest.mark.parametrize(
    ("dialect", "status", "body", "failure"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{row[3]}-{place}") for place, row in enumerate(BODIES)],
)
async def test_a_vendors_own_error_is_understood(
    ask: Ask, dialect: Dialect, status: int, body: object, failure: FailureClass
) -> None:
    error = await failure_of(ask, dialect, whole(body, status))
    assert (error.failure, error.status) == (failure, status)


@pytest.mark.parametrize(
    ("dialect", "body", "failure"),
    [
        pytest.param(dialect, body, failure, id=f"{dialect}-{failure}-{place}")
        for place, (dialect, status, body, failure) in enumerate(BODIES)
        # Where only the status says what it is, a body of status 200 cannot.
        if isinstance(body, dict)
        and failure not in (F.BAD_REQUEST,)
        and (status not in (401, 402, 429, 503) or (status == 429 and isinstance(body["error"], dict)))
    ],
)
async def test_the_same_error_inside_a_stream_is_understood(
    ask: Ask, dialect: Dialect, body: dict[str, Any], failure: FailureClass
) -> None:
    vendor = _BY_DIALECT[dialect]
    script = [head(200, vendor.kind), *vendor.frames[: vendor.ending - 1], vendor.frame(body)]
    error = await failure_of(ask, dialect, script)
    assert (error.failure, error.status) == (failure, 200)
    assert error.usage is not None
    assert error.usage.estimated


FRAMES: list[tuple[Dialect, object, FailureClass]] = [
    (
        Dialect.OPENAI_CHAT,
        {"id": "gen-1", "choices": [], "error": {"code": 429, "message": "Slow down"}},
        F.RATE_LIMITED,
    ),
    (Dialect.OPENAI_CHAT, {"error": {"code": 502, "message": "Provider returned error"}}, F.SERVER_ERROR),
    (Dialect.OPENAI_CHAT, {"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}, F.SERVER_ERROR),
    (
        Dialect.OPENAI_RESPONSES,
        {"type": "error", "code": "server_error", "message": "Something broke", "param": None, "sequence_number": 9},
        F.SERVER_ERROR,
    ),
    (
        Dialect.OPENAI_RESPONSES,
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down"}},
        },
        F.RATE_LIMITED,
    ),
    (Dialect.ANTHROPIC, _claude("overloaded_error", "Overloaded"), F.OVERLOADED),
    (Dialect.GEMINI, _google(503, "UNAVAILABLE", "The model is overloaded."), F.OVERLOADED),
    (Dialect.OLLAMA, {"error": "an error was encountered while running the model"}, F.SERVER_ERROR),
]


@pytest.mark.parametrize(("dialect", "frame", "failure"), FRAMES)
async def test_an_error_frame_fails_the_attempt_with_what_was_used_so_far(
    ask: Ask, dialect: Dialect, frame: object, failure: FailureClass
) -> None:
    vendor = _BY_DIALECT[dialect]
    after_text = [head(200, vendor.kind), *vendor.frames[: vendor.ending - 1], vendor.frame(frame)]
    error = await failure_of(ask, dialect, after_text)
    assert error.failure is failure
    assert error.usage is not None
    at_once = await failure_of(ask, dialect, [head(200, vendor.kind), vendor.frame(frame)])
    assert at_once.failure is failure
    assert at_once.usage is None


@every_vendor
async def test_an_error_as_a_body_of_status_200_is_an_error(ask: Ask, vendor: Vendor) -> None:
    body = {"error": {"message": "Rate limit reached", "type": "rate_limit_error", "code": 429}}
    error = await failure_of(ask, vendor.dialect, whole(body))
    assert error.failure is F.RATE_LIMITED


def _broken(vendor: Vendor) -> dict[str, tuple[Script, FailureClass]]:
    start, kind = head(200, vendor.kind), vendor.kind
    told = vendor.frames[: vendor.ending - 1]
    bad_utf8 = vendor.frame({"x": "y"}).replace(b"y", b"\xff\xfe")
    bad_json = vendor.frame({"x": "y"}).replace(b'"}', b"")
    oversized = vendor.frame({"x": "y"}).replace(b"y", b"y" * (17 * 1024 * 1024))
    whole_chunk, *_ = chunked(told, kind)[1:]
    return {
        "nothing at all": ([], F.CONNECT),
        "reset before the answer": ([Act.CUT], F.CONNECT),
        "not HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], F.BAD_RESPONSE),
        "an empty body": ([start], F.TRUNCATED_STREAM),
        "HTML": (whole(b"<html>Log in</html>", 200, "text/html"), F.BAD_RESPONSE),
        "plain text": (whole(b"ok", 200, "text/plain"), F.BAD_RESPONSE),
        "bad UTF-8": ([start, *told, bad_utf8], F.BAD_RESPONSE),
        "bad JSON": ([start, *told, bad_json], F.BAD_RESPONSE),
        "a frame that is a list": ([start, *told, vendor.frame([1])], F.BAD_RESPONSE),
        "a frame that is too large": ([start, oversized], F.BAD_RESPONSE),
        "JSON that is nested too deeply": (
            [start, vendor.frame("NEST").replace(b'"NEST"', b"[" * 100_000)],
            F.BAD_RESPONSE,
        ),
        "no gzip": ([head(200, kind, content_encoding="gzip"), *told], F.BAD_RESPONSE),
        "the end of the stream without an end mark": (chunked(told, kind), F.TRUNCATED_STREAM),
        "the end of the connection without an end mark": ([start, *told], F.TRUNCATED_STREAM),
        "a cut between frames": ([start, *told, Act.CUT], F.TRUNCATED_STREAM),
        "a cut within a frame": ([start, *told, vendor.frames[-2][:20], Act.CUT], F.TRUNCATED_STREAM),
        "a cut within a chunk": (
            [head(200, kind, transfer_encoding="chunked"), whole_chunk, b"ff\r\nda"],
            F.TRUNCATED_STREAM,
        ),
        "fewer bytes than promised": ([head(200, kind, content_length="99999"), *told], F.TRUNCATED_STREAM),
    }


@pytest.mark.parametrize(
    ("vendor", "fault"), [pytest.param(one, fault, id=f"{one}-{fault}") for one in VENDORS for fault in _broken(one)]
)
async def test_a_broken_response_has_a_class(ask: Ask, vendor: Vendor, fault: str) -> None:
    script, failure = _broken(vendor)[fault]
    error = await failure_of(ask, vendor.dialect, script)
    assert error.failure is failure
    if failure is F.TRUNCATED_STREAM:
        assert error.usage is not None
        assert error.usage.estimated
        assert error.usage.input > 0


@every_vendor
async def test_an_answer_without_text_is_no_answer(ask: Ask, vendor: Vendor) -> None:
    # Gemini and Ollama put text into the last frame's own shape, so blanks stand in for it everywhere.
    frames = [frame for frame in vendor.frames if not any(piece.encode() in frame for piece in PIECES)]
    error = await failure_of(ask, vendor.dialect, [head(200, vendor.kind), *frames])
    assert error.failure is F.EMPTY_ANSWER
    assert error.usage == vendor.usage
    assert error.model_answered == vendor.model


async def test_white_space_is_no_text_either(ask: Ask) -> None:
    vendor = VENDORS[0]
    blank = vendor.frame({"choices": [{"delta": {"content": " \n\n "}, "finish_reason": "stop"}]})
    error = await failure_of(ask, vendor.dialect, [head(), blank])
    assert error.failure is F.EMPTY_ANSWER


@every_vendor
async def test_a_limit_used_up_by_thinking_is_an_empty_answer_that_says_so(ask: Ask, vendor: Vendor) -> None:
    ends = {
        Dialect.OPENAI_CHAT: {"choices": [{"delta": {}, "finish_reason": "length"}]},
        Dialect.OPENAI_RESPONSES: {
            "type": "response.incomplete",
            "response": {"incomplete_details": {"reason": "max_output_tokens"}},
        },
        Dialect.ANTHROPIC: {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        Dialect.GEMINI: {"candidates": [{"finishReason": "MAX_TOKENS"}]},
        Dialect.OLLAMA: {"done": True, "done_reason": "length"},
    }
    error = await failure_of(ask, vendor.dialect, [head(200, vendor.kind), vendor.frame(ends[vendor.dialect])])
    assert error.failure is F.EMPTY_ANSWER
    assert "limit on output tokens" in str(error)


QUICK = Timeouts(connect=30, first_token=0.15, idle=60)


@every_vendor
@pytest.mark.parametrize("what", ["nothing", "a head", "half a head, slowly", "blank lines", "comments", "pings"])
async def test_no_text_in_time_is_a_timeout_whatever_else_drips_in(ask: Ask, vendor: Vendor, what: str) -> None:
    start = head(200, vendor.kind)
    lines = vendor.kind == "application/x-ndjson"
    scripts: dict[str, Script] = {
        "nothing": [Act.HANG],
        "a head": [start, Act.HANG],
        "half a head, slowly": [start[:-4], Drip(b"x")],
        "blank lines": [start, Drip(b"\n\n")],
        "comments": [start, Drip(b"\n" if lines else b": OPENROUTER PROCESSING\n\n")],
        "pings": [start, Drip(vendor.frame({"type": "ping"}))],
    }
    error = await failure_of(ask, vendor.dialect, scripts[what], QUICK)
    assert error.failure is F.TIMEOUT
    assert "no text within 0.15 s" in str(error)
    assert error.usage is None


@every_vendor
@pytest.mark.parametrize("what", ["nothing", "pings", "a frame, byte by byte"])
async def test_silence_in_the_middle_is_a_timeout_with_what_was_used_so_far(
    ask: Ask, vendor: Vendor, what: str
) -> None:
    script: list[Any] = [head(200, vendor.kind), *vendor.frames[: vendor.ending - 1]]
    script.append(
        {
            "nothing": Act.HANG,
            "pings": Drip(vendor.frame({"type": "ping"})),
            "a frame, byte by byte": Drip(b" "),
        }[what]
    )
    error = await failure_of(ask, vendor.dialect, script, Timeouts(connect=30, first_token=60, idle=0.15))
    assert error.failure is F.TIMEOUT
    assert "silent for 0.15 s" in str(error)
    assert error.usage is not None
    assert error.usage.estimated


async def test_signs_of_thinking_extend_the_time_for_the_first_text(ask: Ask) -> None:
    vendor = VENDORS[0]
    thinking = vendor.frame({"choices": [{"delta": {"reasoning": "Hm."}}]})
    script = [head(), thinking, Pause(0.6), vendor.stream]
    events, _ = await ask(vendor.dialect, script, Timeouts(connect=30, first_token=0.5, idle=60))
    assert isinstance(events[0], Activity)
    assert isinstance(events[-1], Reply)
    error = await failure_of(ask, vendor.dialect, [head(), Pause(0.6), vendor.stream], QUICK)
    assert error.failure is F.TIMEOUT


async def test_the_time_our_caller_takes_does_not_count(client: httpx2.AsyncClient) -> None:
    vendor = VENDORS[0]
    async with serve([head(), *vendor.frames[:2], Pause(0.1), *vendor.frames[2:]]) as served:
        timeouts = Timeouts(connect=30, first_token=60, idle=0.5)
        stream = dialect_for(vendor.dialect).stream(client, Target(served.url, None, {}), CALL, timeouts)
        events = []
        async for event in stream:
            if not events:
                await asyncio.sleep(0.7)
            events.append(event)
    assert isinstance(events[-1], Reply)


async def test_what_may_follow_an_answer_is_waited_for_only_briefly(ask: Ask) -> None:
    vendor = VENDORS[0]
    async with asyncio.timeout(30):
        events, _ = await ask(vendor.dialect, [head(), *vendor.frames[:5], Act.HANG])
    assert isinstance(events[-1], Reply)
    assert events[-1].usage.estimated


@every_vendor
async def test_a_finished_answer_does_not_wait_for_a_server_that_stays_on_the_line(ask: Ask, vendor: Vendor) -> None:
    script = [head(200, vendor.kind), vendor.stream, Act.HANG]
    events, _ = await ask(vendor.dialect, script, Timeouts(connect=30, first_token=60, idle=0.15))
    assert not isinstance(events[-1], TextDelta)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@every_vendor
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_refused_connection_is_a_matter_of_connecting(
    client: httpx2.AsyncClient, vendor: Vendor, scheme: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        await events_of(client, vendor.dialect, f"{scheme}://127.0.0.1:{_free_port()}")
    assert caught.value.failure is F.CONNECT
    assert caught.value.usage is None


async def test_a_tls_handshake_that_fails_is_a_matter_of_connecting(client: httpx2.AsyncClient) -> None:
    async def not_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(not_tls, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProviderError) as caught:
            await events_of(client, Dialect.OPENAI_CHAT, f"https://127.0.0.1:{port}")
    assert caught.value.failure is F.CONNECT


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a:99999999", "http:///x"]
)
@every_vendor
async def test_an_unusable_address_is_a_matter_of_connecting(
    client: httpx2.AsyncClient, vendor: Vendor, url: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        await events_of(client, vendor.dialect, url)
    assert caught.value.failure is F.CONNECT


@every_vendor
async def test_a_redirect_is_not_followed(client: httpx2.AsyncClient, vendor: Vendor) -> None:
    async with serve([]) as elsewhere:
        async with serve(whole(b"", 307, "text/plain", location=elsewhere.url)) as served:
            with pytest.raises(ProviderError) as caught:
                await events_of(client, vendor.dialect, served.url)
        assert caught.value.failure is F.BAD_RESPONSE
        assert elsewhere.connections == 0


@every_vendor
async def test_how_long_to_wait_is_told(ask: Ask, vendor: Vendor) -> None:
    error = await failure_of(ask, vendor.dialect, whole(b"", 429, retry_after="17"))
    assert error.retry_after == 17
    error = await failure_of(ask, vendor.dialect, whole(b"", 429, retry_after="17", retry_after_ms="1500"))
    assert error.retry_after == 1.5
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=3600), usegmt=True)
    error = await failure_of(ask, vendor.dialect, whole(b"", 503, retry_after=date))
    assert error.retry_after == pytest.approx(3600, abs=300)
    for nonsense in ("soon", "-5", "nan", "Mon, 99 Foo 2026", "9" * 400):
        error = await failure_of(ask, vendor.dialect, whole(b"", 429, retry_after=nonsense))
        assert error.retry_after is None


async def test_how_long_to_wait_is_read_from_googles_details(ask: Ask) -> None:
    body = _google(429, "RESOURCE_EXHAUSTED", "Quota.", {"@type": _GOOGLE + "RetryInfo", "retryDelay": "34.5s"})
    error = await failure_of(ask, Dialect.GEMINI, whole(body, 429))
    assert error.retry_after == 34.5


@every_vendor
async def test_the_request_id_is_kept_for_questions_to_the_vendor(ask: Ask, vendor: Vendor) -> None:
    events, _ = await ask(vendor.dialect, chunked(vendor.frames, vendor.kind, x_request_id="req_9"))
    assert getattr(events[-1], "request_id", "") == "req_9"


@every_vendor
async def test_closing_the_stream_closes_the_connection(client: httpx2.AsyncClient, vendor: Vendor) -> None:
    async with serve([head(200, vendor.kind), *vendor.frames[: vendor.ending - 1], Act.HANG]) as served:
        stream = dialect_for(vendor.dialect).stream(client, Target(served.url, None, {}), CALL, PATIENT)
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        await asyncio.wait_for(served.gone.wait(), 10)


@every_vendor
@pytest.mark.parametrize("when", ["before the head", "in the middle"])
async def test_cancelling_closes_the_connection(client: httpx2.AsyncClient, vendor: Vendor, when: str) -> None:
    frames = () if when == "before the head" else (head(200, vendor.kind), *vendor.frames[: vendor.ending - 1])
    async with serve([*frames, Act.HANG]) as served:
        task = asyncio.create_task(events_of(client, vendor.dialect, served.url))
        await served.began.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(served.gone.wait(), 10)


@pytest.mark.parametrize(
    "framing", [ServerSentEvents(stream_bytes=1000), JsonLines(stream_bytes=1000)], ids=["sse", "lines"]
)
async def test_a_stream_that_never_ends_is_cut_off(client: httpx2.AsyncClient, framing: Any) -> None:
    frame = json.dumps({"type": "ping"}).encode()
    async with (
        serve([head(200, framing.media_type), Drip(b"data: " + frame + b"\n\n", 0)]) as served,
        client.stream("GET", served.url) as response,
    ):
        with pytest.raises(FramingError, match="1000 bytes"):
            async for _ in framing.frames(response):
                pass
