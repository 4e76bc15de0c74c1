"""OpenAI's Responses interface."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from smista_mcp.providers.answer import THINKING, Answer
from smista_mcp.providers.effort import openai_effort
from smista_mcp.providers.exchange import Ask, converse
from smista_mcp.providers.failures import Complaint, VendorError, read_complaint
from smista_mcp.providers.http import address, bearer, headers_for
from smista_mcp.providers.openai_listing import VERSION, list_openai_models
from smista_mcp.providers.peek import at, count_at, text_at
from smista_mcp.providers.prompt import compose_prompt
from smista_mcp.providers.types import Activity, Call, StopReason, Target, TextDelta

if TYPE_CHECKING:
    import httpx2

    from smista_mcp.providers.types import Event, ServedModel, Timeouts

_INCOMPLETE: Final = {"max_output_tokens": StopReason.MAX_TOKENS, "content_filter": StopReason.REFUSAL}


class OpenAIResponses:
    """``POST /responses`` with ``stream``.

    ``store`` is false: nothing of a step stays at the vendor for later retrieval. The answer is whole once
    ``response.completed`` or ``response.incomplete`` came.
    """

    name: ClassVar[str] = "openai-responses"

    def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """See `DialectModule.stream`."""
        return converse(client, target, call, timeouts, ask=_ask, read=_read)

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """See `DialectModule.list_models`."""
        return await list_openai_models(client, target, timeout)


def _ask(target: Target, call: Call) -> Ask:
    body: dict[str, Any] = {"model": call.model, "input": compose_prompt(call), "stream": True, "store": False}
    if call.system:
        body["instructions"] = call.system
    if call.max_output_tokens is not None:
        body["max_output_tokens"] = call.max_output_tokens
    if call.reasoning and call.effort is not None:
        body["reasoning"] = {"effort": openai_effort(call.model, call.effort)}
    return Ask(
        address(target.base_url, "/responses", version=VERSION, bare_only=True),
        headers_for(target, accept="text/event-stream", **bearer(target)),
        body,
    )


def _read(frame: object, answer: Answer) -> Iterator[TextDelta | Activity]:
    kind = text_at(frame, "type")
    response = at(frame, "response")
    answer.note(model=text_at(response, "model"), request_id=text_at(response, "id"))
    if kind == "response.output_text.delta":
        yield from answer.say(text_at(frame, "delta"))
    elif kind == "response.refusal.delta":
        answer.refused = True
        yield from answer.say(text_at(frame, "delta"))
    elif "reasoning" in kind or text_at(frame, "item", "type") == "reasoning":
        yield THINKING
    elif kind in ("response.completed", "response.incomplete"):
        _count(response, answer)
        reason = text_at(response, "incomplete_details", "reason")
        answer.stopped(_INCOMPLETE.get(reason, StopReason.END))
        answer.ended = True
    elif kind == "response.failed":
        _count(response, answer)
        raise VendorError(read_complaint(response) or Complaint("the response failed"), frame)


def _count(response: object, answer: Answer) -> None:
    """Input tokens include cached ones, output tokens include reasoning ones."""
    usage = at(response, "usage")
    answer.count(
        input=count_at(usage, "input_tokens"),
        output=count_at(usage, "output_tokens"),
        cached=count_at(usage, "input_tokens_details", "cached_tokens"),
        reasoning=count_at(usage, "output_tokens_details", "reasoning_tokens"),
    )
