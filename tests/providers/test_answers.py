"""A whole answer comes out whole, however it was cut on the way, with the vendor's own count of tokens."""

from __future__ import annotations

import json

import pytest

from smista_mcp.catalog.types import Dialect
from smista_mcp.policy.types import Effort
from smista_mcp.providers.types import Activity, StopReason, TextDelta, Usage
from tests.providers.conftest import KEY, Ask, reply_of
from tests.providers.scripted import chunked, head
from tests.providers.vendors import SAID, VENDORS, Vendor

pytestmark = pytest.mark.asyncio(loop_scope="module")

every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=str)


def _pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@every_vendor
@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000], ids="chunks of {}".format)
async def test_an_answer_is_the_same_however_it_is_chunked(ask: Ask, vendor: Vendor, size: int) -> None:
    events, _ = await ask(vendor.dialect, chunked(_pieces(vendor.stream, size), vendor.kind))
    reply = reply_of(events)
    assert reply.text == SAID
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == SAID
    assert reply.usage == vendor.usage
    assert reply.model_answered == vendor.model
    assert reply.stop is StopReason.END


@every_vendor
async def test_a_body_that_ends_with_the_connection_is_as_good(ask: Ask, vendor: Vendor) -> None:
    events, _ = await ask(vendor.dialect, [head(200, vendor.kind), vendor.stream])
    assert reply_of(events).text == SAID


@every_vendor
async def test_other_line_ends_and_comments_make_no_difference(ask: Ask, vendor: Vendor) -> None:
    body = vendor.stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if vendor.kind != "application/x-ndjson":
        body = b": OPENROUTER PROCESSING\r\n\r\nretry: 5\r\n\r\n" + body
    events, _ = await ask(vendor.dialect, [head(200, vendor.kind), body])
    assert reply_of(events).text == SAID


@every_vendor
async def test_what_follows_the_end_of_an_answer_cannot_spoil_it(ask: Ask, vendor: Vendor) -> None:
    events, _ = await ask(vendor.dialect, [head(200, vendor.kind), vendor.stream, b"data: {nonsense\n\n"])
    assert reply_of(events).usage == vendor.usage


@every_vendor
async def test_the_key_goes_into_a_header_and_never_into_the_url(ask: Ask, vendor: Vendor) -> None:
    _, request = await ask(vendor.dialect, [head(200, vendor.kind), vendor.stream])
    name, pattern = vendor.key_header
    assert request.headers[name] == pattern.format(KEY)
    assert request.path == vendor.path
    assert request.raw.count(KEY.encode()) == 1


@every_vendor
async def test_a_limit_on_output_system_text_and_material_are_sent(ask: Ask, vendor: Vendor) -> None:
    script = [head(200, vendor.kind), vendor.stream]
    _, request = await ask(vendor.dialect, script, max_output_tokens=77, material="THE FILE")
    assert request.body != {}
    sent = json.dumps(request.body)
    assert "Be brief." in sent
    assert "THE FILE\\n\\nSay hello." in sent
    assert ": 77" in sent


@pytest.mark.parametrize("vendor", [one for one in VENDORS if one.dialect is not Dialect.OPENAI_CHAT], ids=str)
async def test_thinking_shows_as_activity_and_not_as_text(ask: Ask, vendor: Vendor) -> None:
    events, _ = await ask(vendor.dialect, [head(200, vendor.kind), vendor.stream])
    assert isinstance(events[0], Activity)


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
async def test_thinking_of_compatible_servers_shows_as_activity(ask: Ask, member: str) -> None:
    vendor = VENDORS[0]
    first = vendor.frame({"choices": [{"delta": {member: "Hm."}}]})
    events, _ = await ask(vendor.dialect, [head(), first, vendor.stream])
    assert isinstance(events[0], Activity)
    assert reply_of(events).text == SAID


_STOPS = {
    Dialect.OPENAI_CHAT: [
        ({"choices": [{"delta": {}, "finish_reason": "length"}]}, StopReason.MAX_TOKENS),
        ({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}, StopReason.REFUSAL),
        ({"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]}, StopReason.REFUSAL),
    ],
    Dialect.OPENAI_RESPONSES: [
        (
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}},
            StopReason.MAX_TOKENS,
        ),
        (
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}},
            StopReason.REFUSAL,
        ),
    ],
    Dialect.ANTHROPIC: [
        ({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}, StopReason.MAX_TOKENS),
        ({"type": "message_delta", "delta": {"stop_reason": "model_context_window_exceeded"}}, StopReason.MAX_TOKENS),
        ({"type": "message_delta", "delta": {"stop_reason": "refusal"}}, StopReason.REFUSAL),
    ],
    Dialect.GEMINI: [
        ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, StopReason.MAX_TOKENS),
        ({"candidates": [{"finishReason": "SAFETY"}]}, StopReason.REFUSAL),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, StopReason.REFUSAL),
    ],
    Dialect.OLLAMA: [({"done": True, "done_reason": "length"}, StopReason.MAX_TOKENS)],
}


@pytest.mark.parametrize(
    ("vendor", "last", "stop"),
    [pytest.param(one, last, stop, id=f"{one}-{stop}") for one in VENDORS for last, stop in _STOPS[one.dialect]],
)
async def test_why_the_model_stopped_is_told(ask: Ask, vendor: Vendor, last: object, stop: StopReason) -> None:
    script = [head(200, vendor.kind), *vendor.frames[: vendor.ending], vendor.frame(last)]
    events, _ = await ask(vendor.dialect, script)
    assert reply_of(events).stop is stop
    assert reply_of(events).text.startswith(SAID)


async def test_a_refusal_may_have_no_text(ask: Ask) -> None:
    frame = {"type": "message_delta", "delta": {"stop_reason": "refusal"}}
    vendor = VENDORS[2]
    events, _ = await ask(vendor.dialect, [head(), vendor.frame(frame), vendor.frame({"type": "message_stop"})])
    assert reply_of(events).stop is StopReason.REFUSAL


async def test_a_refusal_event_of_the_responses_interface_is_a_refusal(ask: Ask) -> None:
    vendor = VENDORS[1]
    frames = [
        vendor.frame({"type": "response.refusal.delta", "delta": "I cannot."}),
        vendor.frame({"type": "response.completed", "response": {"model": "asked"}}),
    ]
    events, _ = await ask(vendor.dialect, [head(), *frames])
    assert reply_of(events).stop is StopReason.REFUSAL
    assert reply_of(events).text == "I cannot."


@every_vendor
async def test_without_the_vendors_count_usage_is_estimated_and_says_so(ask: Ask, vendor: Vendor) -> None:
    ends = {
        Dialect.OPENAI_CHAT: {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        Dialect.OPENAI_RESPONSES: {"type": "response.completed", "response": {}},
        Dialect.ANTHROPIC: {"type": "message_stop"},
        Dialect.GEMINI: {"candidates": [{"content": {"parts": [{"text": "Yes, of course."}]}, "finishReason": "STOP"}]},
        Dialect.OLLAMA: {"message": {"content": "Yes, of course."}, "done": True},
    }
    texts = {
        Dialect.OPENAI_CHAT: {"choices": [{"delta": {"content": "Yes, of course."}}]},
        Dialect.OPENAI_RESPONSES: {"type": "response.output_text.delta", "delta": "Yes, of course."},
        Dialect.ANTHROPIC: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Yes, of course."}},
    }
    frames = [vendor.frame(one) for one in (texts.get(vendor.dialect), ends[vendor.dialect]) if one]
    events, _ = await ask(vendor.dialect, [head(200, vendor.kind), *frames])
    usage = reply_of(events).usage
    assert usage.estimated
    assert usage.input >= 4
    assert usage.output >= 3


async def test_reasoning_that_a_vendor_counts_apart_is_added_to_the_output(ask: Ask) -> None:
    vendor = VENDORS[0]
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 115,
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    last = vendor.frame({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}], "usage": usage})
    events, _ = await ask(vendor.dialect, [head(), last])
    assert reply_of(events).usage == Usage(10, 105, 0, 100)


async def test_the_cache_of_deepseek_is_understood(ask: Ask) -> None:
    vendor = VENDORS[0]
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2}
    last = vendor.frame({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}], "usage": usage})
    events, _ = await ask(vendor.dialect, [head(), last])
    assert reply_of(events).usage == Usage(10, 5, 8)


async def test_halves_of_a_character_are_joined_or_replaced(ask: Ask) -> None:
    vendor = VENDORS[0]
    texts = ["a\ud83d", "\udc4bb", "\ud83d", "c"]
    frames = [vendor.frame({"choices": [{"delta": {"content": text}}]}) for text in texts]
    events, _ = await ask(vendor.dialect, [head(), *frames, *vendor.frames[vendor.ending :]])
    assert reply_of(events).text == "a👋b\ufffdc"
    assert all(event.text.encode() for event in events if isinstance(event, TextDelta))


async def test_a_server_that_does_not_know_stream_options_is_asked_without(ask: Ask, client: object) -> None:
    from tests.providers.conftest import events_of
    from tests.providers.scripted import serve, whole

    vendor = VENDORS[0]
    refusal = {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs"}]}
    async with serve(whole(refusal, 422), [head(), vendor.stream]) as served:
        events = await events_of(client, vendor.dialect, served.url)
    assert reply_of(events).text == SAID
    first, second = served.requests
    assert first.body["stream_options"] == {"include_usage": True}
    assert "stream_options" not in second.body


async def test_a_connection_serves_the_next_call_too(client: object) -> None:
    from tests.providers.conftest import events_of
    from tests.providers.scripted import serve

    vendor = VENDORS[0]
    async with serve(chunked(vendor.frames)) as served:
        for _ in range(3):
            await events_of(client, vendor.dialect, served.url)
    assert len(served.requests) == 3
    assert served.connections == 1


_EFFORTS = [
    (Dialect.OPENAI_CHAT, "gpt-5.2", ("reasoning_effort",), ["low", "medium", "high", "xhigh"]),
    (Dialect.OPENAI_CHAT, "gpt-5-mini", ("reasoning_effort",), ["low", "medium", "high", "high"]),
    (Dialect.OPENAI_CHAT, "openai/gpt-oss-120b", ("reasoning_effort",), ["low", "medium", "high", "high"]),
    (Dialect.OPENAI_RESPONSES, "gpt-6-sol", ("reasoning", "effort"), ["low", "medium", "high", "xhigh"]),
    (Dialect.OPENAI_RESPONSES, "o4-mini", ("reasoning", "effort"), ["low", "medium", "high", "high"]),
    (Dialect.ANTHROPIC, "claude-opus-5-5", ("output_config", "effort"), ["low", "medium", "high", "xhigh"]),
    (Dialect.ANTHROPIC, "claude-fable-5-1", ("thinking", "type"), ["adaptive"] * 4),
    (Dialect.ANTHROPIC, "claude-opus-4-6", ("output_config", "effort"), ["low", "medium", "high", "max"]),
    (Dialect.ANTHROPIC, "claude-opus-4-5-20251101", ("output_config", "effort"), ["low", "medium", "high", "high"]),
    (Dialect.ANTHROPIC, "claude-opus-4-5", ("thinking",), [None] * 4),
    (Dialect.ANTHROPIC, "claude-haiku-4-5", ("thinking", "budget_tokens"), [1024, 8192, 16384, 32000]),
    (Dialect.ANTHROPIC, "claude-opus-4-20250514", ("thinking", "type"), ["enabled"] * 4),
    (Dialect.ANTHROPIC, "claude-3-7-sonnet-20250219", ("output_config",), [None] * 4),
    (
        Dialect.GEMINI,
        "gemini-3.8-flash",
        ("generationConfig", "thinkingConfig", "thinkingLevel"),
        ["low", "medium", "high", "high"],
    ),
    (
        Dialect.GEMINI,
        "gemini-3-pro-preview",
        ("generationConfig", "thinkingConfig", "thinkingLevel"),
        ["low", "high", "high", "high"],
    ),
    (
        Dialect.GEMINI,
        "gemini-2.5-pro",
        ("generationConfig", "thinkingConfig", "thinkingBudget"),
        [1024, 8192, 24576, 32768],
    ),
    (
        Dialect.GEMINI,
        "gemini-2.5-flash",
        ("generationConfig", "thinkingConfig", "thinkingBudget"),
        [1024, 8192, 24576, 24576],
    ),
    (Dialect.OLLAMA, "gpt-oss:20b", ("think",), ["low", "medium", "high", "high"]),
    (Dialect.OLLAMA, "qwen3:8b", ("think",), [False, True, True, True]),
]
_BY_DIALECT = {vendor.dialect: vendor for vendor in VENDORS}


@pytest.mark.parametrize(("dialect", "model", "path", "wanted"), _EFFORTS)
async def test_effort_becomes_the_vendors_own_setting(
    ask: Ask, dialect: Dialect, model: str, path: tuple[str, ...], wanted: list[object]
) -> None:
    vendor = _BY_DIALECT[dialect]
    script = [head(200, vendor.kind), vendor.stream]
    found: list[object] = []
    for effort in Effort:
        _, request = await ask(dialect, script, model=model, effort=effort, reasoning=True, output_ceiling=64000)
        value = request.body
        for step in path:
            value = (value or {}).get(step)
        found.append(value)
    assert found == wanted


@every_vendor
@pytest.mark.parametrize("call", [{"effort": Effort.HIGH}, {"reasoning": True}], ids=["no reasoning", "no effort"])
async def test_effort_is_sent_only_where_the_model_takes_one_and_one_is_stated(
    ask: Ask, vendor: Vendor, call: dict[str, object]
) -> None:
    script = [head(200, vendor.kind), vendor.stream]
    _, plain = await ask(vendor.dialect, script)
    _, request = await ask(vendor.dialect, script, **call)
    assert request.body == plain.body


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ({}, 8192),
        ({"output_ceiling": 128_000}, 128_000),
        ({"max_output_tokens": 500, "output_ceiling": 128_000}, 500),
        ({"max_output_tokens": 200_000, "output_ceiling": 128_000}, 128_000),
        ({"max_output_tokens": 20_000}, 20_000),
    ],
)
async def test_anthropic_is_always_told_a_limit(ask: Ask, call: dict[str, object], wanted: int) -> None:
    _, request = await ask(Dialect.ANTHROPIC, [head(), VENDORS[2].stream], **call)
    assert request.body["max_tokens"] == wanted


async def test_a_thinking_budget_leaves_room_for_the_answer(ask: Ask) -> None:
    script = [head(), VENDORS[2].stream]
    thinking = {"model": "claude-haiku-4-5", "effort": Effort.XHIGH, "reasoning": True}
    _, request = await ask(Dialect.ANTHROPIC, script, max_output_tokens=4000, **thinking)
    assert request.body["thinking"]["budget_tokens"] == 2000
    _, request = await ask(Dialect.ANTHROPIC, script, max_output_tokens=1500, **thinking)
    assert "thinking" not in request.body


@pytest.mark.parametrize(
    ("model", "member"),
    [("gpt-5-mini", "max_completion_tokens"), ("o3", "max_completion_tokens"), ("qwen3", "max_tokens")],
)
async def test_the_limit_has_the_name_that_the_model_insists_on(ask: Ask, model: str, member: str) -> None:
    _, request = await ask(Dialect.OPENAI_CHAT, [head(), VENDORS[0].stream], model=model, max_output_tokens=9)
    assert request.body[member] == 9
    assert len({"max_tokens", "max_completion_tokens"} & set(request.body)) == 1


async def test_nothing_of_a_step_stays_stored_at_openai(ask: Ask) -> None:
    _, request = await ask(Dialect.OPENAI_RESPONSES, [head(), VENDORS[1].stream])
    assert request.body["store"] is False


async def test_ollama_is_given_a_window_that_holds_the_prompt_and_may_not_cut_it(ask: Ask) -> None:
    script = [head(200, "application/x-ndjson"), VENDORS[4].stream]
    _, small = await ask(Dialect.OLLAMA, script, max_output_tokens=100)
    _, large = await ask(Dialect.OLLAMA, script, max_output_tokens=100, material="word " * 20_000)
    assert small.body["options"] == {"num_predict": 100}
    assert large.body["options"]["num_ctx"] == 32768
    assert large.body["truncate"] is False
    assert large.body["shift"] is False
