"""Google's Gemini interface."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from smista_mcp.providers.answer import THINKING, Answer
from smista_mcp.providers.effort import gemini_effort
from smista_mcp.providers.exchange import Ask, converse, fetch_list
from smista_mcp.providers.failures import Complaint, seconds
from smista_mcp.providers.http import address, headers_for
from smista_mcp.providers.peek import at, count_at, list_at, text_at
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

_VERSION: Final = "/v1beta"
_STOPS: Final = {
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"), StopReason.REFUSAL
    ),
}


class Gemini:
    """``POST /v1beta/models/…:streamGenerateContent?alt=sse``, with the key in a header and never in the URL.

    The answer is whole once a ``finishReason`` came, or the prompt was blocked.
    """

    name: ClassVar[str] = "gemini"

    def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """See `DialectModule.stream`."""
        return converse(client, target, call, timeouts, ask=_ask, read=_read, refine=_refine)

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """See `DialectModule.list_models`. Only models that generate content."""
        url = address(target.base_url, "/models", version=_VERSION, pageSize="1000")
        body = await fetch_list(client, target, url, _headers(target, "application/json"), timeout)
        entries = at(body, "models")
        if not isinstance(entries, list):
            raise ProviderError(FailureClass.BAD_RESPONSE, "the server's reply is no list of models")
        return tuple(
            ServedModel(
                name=name.removeprefix("models/"),
                context_window=count_at(entry, "inputTokenLimit"),
                capabilities=frozenset({"reasoning"} if at(entry, "thinking") is True else ()),
            )
            for entry in entries
            if (name := text_at(entry, "name")) and "generateContent" in list_at(entry, "supportedGenerationMethods")
        )


def _headers(target: Target, accept: str) -> dict[str, str]:
    key = {"x_goog_api_key": target.api_key} if target.api_key else {}
    return headers_for(target, accept=accept, **key)


def _ask(target: Target, call: Call) -> Ask:
    config: dict[str, Any] = {}
    if call.max_output_tokens is not None:
        config["maxOutputTokens"] = call.max_output_tokens
    if call.reasoning and call.effort is not None:
        config["thinkingConfig"] = gemini_effort(call.model, call.effort)
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": compose_prompt(call)}]}]}
    if call.system:
        body["systemInstruction"] = {"parts": [{"text": call.system}]}
    if config:
        body["generationConfig"] = config
    model = call.model if call.model.startswith(("models/", "tunedModels/")) else f"models/{call.model}"
    path = f"/{quote(model)}:streamGenerateContent"
    url = address(target.base_url, path, version=_VERSION, alt="sse")
    return Ask(url, _headers(target, "text/event-stream"), body)


def _read(frame: object, answer: Answer) -> Iterator[TextDelta | Activity]:
    answer.note(model=text_at(frame, "modelVersion"), request_id=text_at(frame, "responseId"))
    if isinstance(usage := at(frame, "usageMetadata"), dict):
        _count(usage, answer)
    if text_at(frame, "promptFeedback", "blockReason"):
        answer.stopped(StopReason.REFUSAL)
    candidate = at(frame, "candidates", 0)
    for part in list_at(candidate, "content", "parts"):
        if at(part, "thought") is True:
            yield THINKING
        else:
            yield from answer.say(text_at(part, "text"))
    if reason := text_at(candidate, "finishReason"):
        answer.stopped(_STOPS.get(reason, StopReason.END))


def _count(usage: dict[str, Any], answer: Answer) -> None:
    """Prompt tokens include cached ones but not those of tools; candidates' tokens leave out thoughts."""
    prompt, said = count_at(usage, "promptTokenCount"), count_at(usage, "candidatesTokenCount")
    thoughts = count_at(usage, "thoughtsTokenCount")
    answer.count(
        input=None if prompt is None else prompt + (count_at(usage, "toolUsePromptTokenCount") or 0),
        output=None if said is None and thoughts is None else (said or 0) + (thoughts or 0),
        cached=count_at(usage, "cachedContentTokenCount"),
        reasoning=thoughts,
    )


def _refine(body: object, complaint: Complaint) -> Complaint:
    """Google says in the details of an error how long to wait, and whether it is the day's quota that is used up."""
    error = at(body, 0, "error") or at(body, "error")
    for detail in list_at(error, "details"):
        kind = text_at(detail, "@type")
        if kind.endswith("RetryInfo") and complaint.retry_after is None:
            complaint = replace(complaint, retry_after=seconds(text_at(detail, "retryDelay")))
        elif kind.endswith("QuotaFailure"):
            quotas = [text_at(violation, "quotaId") for violation in list_at(detail, "violations")]
            if any("PerDay" in quota for quota in quotas):
                complaint = replace(complaint, failure=FailureClass.QUOTA_EXHAUSTED)
    return complaint
