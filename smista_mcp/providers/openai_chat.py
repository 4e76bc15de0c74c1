"""OpenAI's chat completions, which most servers and gateways speak: vLLM, LM Studio, llama.cpp, OpenRouter, …"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from smista_mcp.providers.answer import THINKING, Answer
from smista_mcp.providers.effort import is_openai_reasoning, openai_effort
from smista_mcp.providers.exchange import Ask, converse
from smista_mcp.providers.failures import Complaint, VendorError
from smista_mcp.providers.http import address, bearer, headers_for
from smista_mcp.providers.openai_listing import VERSION, list_openai_models
from smista_mcp.providers.peek import at, count_at, list_at, text_at
from smista_mcp.providers.prompt import compose_prompt
from smista_mcp.providers.types import Activity, Call, StopReason, Target, TextDelta

if TYPE_CHECKING:
    import httpx2

    from smista_mcp.providers.types import Event, ServedModel, Timeouts

_STOPS: Final = {"length": StopReason.MAX_TOKENS, "content_filter": StopReason.REFUSAL}
_OPENAI_HOSTS: Final = (".openai.com", ".openai.azure.com", ".cognitiveservices.azure.com")


class OpenAIChat:
    """``POST /chat/completions`` with ``stream``.

    Usage is asked for (``stream_options.include_usage``) and estimated where a server does not give it; one that
    refuses to be asked is asked again without. The answer is whole once a ``finish_reason`` came, or ``[DONE]``.
    The limit on output tokens is ``max_completion_tokens`` for OpenAI's hosts and reasoning models, which insist on
    it, and ``max_tokens`` everywhere else, where the newer name is not always known.
    """

    name: ClassVar[str] = "openai-chat"

    def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """See `DialectModule.stream`."""
        return converse(client, target, call, timeouts, ask=_ask, read=_read)

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """See `DialectModule.list_models`."""
        return await list_openai_models(client, target, timeout)


def _ask(target: Target, call: Call) -> Ask:
    before = [{"role": "system", "content": call.system}] if call.system else []
    after = [{"role": "assistant", "content": call.opening}] if call.opening else []
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [*before, {"role": "user", "content": compose_prompt(call)}, *after],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if call.max_output_tokens is not None:
        host = "." + (urlsplit(target.base_url).hostname or "")
        newer = host.endswith(_OPENAI_HOSTS) or is_openai_reasoning(call.model)
        body["max_completion_tokens" if newer else "max_tokens"] = call.max_output_tokens
    if call.reasoning and call.effort is not None:
        body["reasoning_effort"] = openai_effort(call.model, call.effort)
    return Ask(
        address(target.base_url, "/chat/completions", version=VERSION, bare_only=True),
        headers_for(target, accept="text/event-stream", **bearer(target)),
        body,
        optional=("stream_options",),
    )


def _read(frame: object, answer: Answer) -> Iterator[TextDelta | Activity]:
    answer.note(model=text_at(frame, "model"), request_id=text_at(frame, "id"))
    if isinstance(usage := at(frame, "usage"), dict):
        _count(usage, answer)
    choice = at(frame, "choices", 0)
    delta = at(choice, "delta")
    if text_at(delta, "reasoning_content") or text_at(delta, "reasoning"):
        yield THINKING
    yield from _content(at(delta, "content"), answer)
    if refusal := text_at(delta, "refusal"):
        answer.refused = True
        yield from answer.say(refusal)
    if reason := text_at(choice, "finish_reason"):
        if reason == "error":  # OpenRouter: the provider behind it failed
            raise VendorError(Complaint("the provider behind it failed in the middle of its answer"), frame)
        answer.stopped(_STOPS.get(reason, StopReason.END))


def _content(content: object, answer: Answer) -> Iterator[TextDelta | Activity]:
    """The text of a delta: a string, or (Mistral's reasoning models) a list of parts."""
    if isinstance(content, str):
        yield from answer.say(content)
    for part in list_at([content], 0):
        if text_at(part, "type") == "thinking":
            yield THINKING
        yield from answer.say(text_at(part, "text"))


def _count(usage: dict[str, Any], answer: Answer) -> None:
    """Prompt tokens include cached ones; completion tokens include reasoning ones, except at xAI, as the sum shows."""
    tokens_in, tokens_out = count_at(usage, "prompt_tokens"), count_at(usage, "completion_tokens")
    reasoning = count_at(usage, "completion_tokens_details", "reasoning_tokens")
    if (
        reasoning
        and tokens_in is not None
        and tokens_out is not None
        and count_at(usage, "total_tokens") == tokens_in + tokens_out + reasoning
    ):
        tokens_out += reasoning
    cached = count_at(usage, "prompt_tokens_details", "cached_tokens")
    answer.count(
        input=tokens_in,
        output=tokens_out,
        cached=cached if cached is not None else count_at(usage, "prompt_cache_hit_tokens"),  # DeepSeek's own name
        reasoning=reasoning,
    )
