"""Anthropic's Messages interface, which llama.cpp and gateways speak too."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from smista_mcp.providers.answer import THINKING, Answer
from smista_mcp.providers.effort import anthropic_effort
from smista_mcp.providers.exchange import Ask, converse, fetch_list
from smista_mcp.providers.http import address, headers_for
from smista_mcp.providers.peek import at, count_at, text_at
from smista_mcp.providers.prompt import compose_prompt
from smista_mcp.providers.types import (
    Activity,
    Call,
    FailureClass,
    ProviderError,
    ServedModel,
    StopReason,
    Target,
    TextDelta,
)

if TYPE_CHECKING:
    import httpx2

    from smista_mcp.providers.types import Event, Timeouts

DEFAULT_MAX_TOKENS: Final = 8192
"""The limit on output tokens where neither the call nor the catalog names one: this interface always wants one, and
every Claude model since 3.5 takes this much."""

_VERSION: Final = "/v1"
_STOPS: Final = {
    "max_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.MAX_TOKENS,
    "refusal": StopReason.REFUSAL,
}
_CAPABILITIES: Final = {"thinking": "reasoning", "image_input": "vision", "structured_outputs": "json"}


class Anthropic:
    """``POST /v1/messages`` with ``stream``.

    ``max_tokens`` is what the call asks for, at most the model's own ceiling; else that ceiling; else
    `DEFAULT_MAX_TOKENS`. The answer is whole once a ``stop_reason`` came, or ``message_stop``. Pings do not count as
    signs of life: a server whose model hangs goes on sending them.
    """

    name: ClassVar[str] = "anthropic"

    def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """See `DialectModule.stream`."""
        return converse(client, target, call, timeouts, ask=_ask, read=_read)

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """See `DialectModule.list_models`. The capability ``tools`` is given to every model: all of them have it."""
        url = address(target.base_url, "/models", version=_VERSION, limit="1000")
        body = await fetch_list(client, target, url, _headers(target, "application/json"), timeout)
        entries = at(body, "data")
        if not isinstance(entries, list):
            raise ProviderError(FailureClass.BAD_RESPONSE, "the server's reply is no list of models")
        return tuple(_listed(name, entry) for entry in entries if (name := text_at(entry, "id")))


def _listed(name: str, entry: object) -> ServedModel:
    stated = {ours for theirs, ours in _CAPABILITIES.items() if at(entry, "capabilities", theirs, "supported") is True}
    return ServedModel(
        name=name,
        context_window=count_at(entry, "max_input_tokens") or count_at(entry, "meta", "n_ctx"),  # llama.cpp's own
        capabilities=frozenset(stated | {"tools"}) if text_at(entry, "type") == "model" else frozenset(stated),
    )


def _headers(target: Target, accept: str) -> dict[str, str]:
    key = {"x_api_key": target.api_key} if target.api_key else {}
    return headers_for(target, accept=accept, anthropic_version="2023-06-01", **key)


def _ask(target: Target, call: Call) -> Ask:
    ceiling = call.output_ceiling or DEFAULT_MAX_TOKENS
    asked = call.max_output_tokens
    max_tokens = ceiling if asked is None else min(asked, call.output_ceiling or asked)
    body: dict[str, Any] = {
        "model": call.model,
        "max_tokens": max_tokens,
        "messages": [{"role": "user", "content": compose_prompt(call)}],
        "stream": True,
    }
    if call.system:
        body["system"] = call.system
    if call.reasoning and call.effort is not None:
        body |= anthropic_effort(call.model, call.effort, max_tokens)
    url = address(target.base_url, "/messages", version=_VERSION)
    return Ask(url, _headers(target, "text/event-stream"), body)


def _read(frame: object, answer: Answer) -> Iterator[TextDelta | Activity]:
    kind = text_at(frame, "type")
    if kind == "message_start":
        message = at(frame, "message")
        answer.note(model=text_at(message, "model"), request_id=text_at(message, "id"))
        _count(at(message, "usage"), answer, final=False)
    elif kind == "content_block_start":
        block = at(frame, "content_block")
        if "thinking" in text_at(block, "type"):
            yield THINKING
        yield from answer.say(text_at(block, "text"))
    elif kind == "content_block_delta":
        delta = at(frame, "delta")
        if text_at(delta, "type") in ("thinking_delta", "signature_delta"):
            yield THINKING
        yield from answer.say(text_at(delta, "text"))
    elif kind == "message_delta":
        _count(at(frame, "usage"), answer, final=True)
        if reason := text_at(frame, "delta", "stop_reason"):
            answer.stopped(_STOPS.get(reason, StopReason.END))
    elif kind == "message_stop":
        answer.ended = True


def _count(usage: object, answer: Answer, *, final: bool) -> None:
    """Input tokens leave out what was read from or written to the cache; output tokens include thinking.

    They come twice: at the start, and whole at the end, where those of the input may be missing.
    """
    fresh = count_at(usage, "input_tokens")
    read = count_at(usage, "cache_read_input_tokens")
    written = count_at(usage, "cache_creation_input_tokens")
    answer.count(
        input=None if fresh is None else fresh + (read or 0) + (written or 0),
        output=count_at(usage, "output_tokens"),
        cached=None if fresh is None else read or 0,
        reasoning=count_at(usage, "output_tokens_details", "thinking_tokens"),
        final=final,
    )
