"""Ollama's own interface."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.providers.answer import THINKING, Answer
from smista_mcp.providers.effort import ollama_effort
from smista_mcp.providers.exchange import Ask, converse, fetch_list
from smista_mcp.providers.framing import JSON_LINES
from smista_mcp.providers.http import address, bearer, headers_for
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

_CAPABILITIES: Final = {"tools": "tools", "vision": "vision", "thinking": "reasoning"}
_SMALLEST_WINDOW: Final = 4096
"""The window that Ollama gives a model if nothing is said and there is little memory."""
_ANSWER_TOKENS: Final = 2048
"""How much room is left for an answer whose length is not limited."""


class Ollama:
    """``POST /api/chat`` with ``stream``.

    Left to itself Ollama cuts a prompt that exceeds its window (often 4,096 tokens) and answers what is left, without a
    word. So a window that is large enough is asked for where the prompt needs one, and cutting is forbidden: what does
    not fit is then a failure (``truncate`` and ``shift``; servers before 0.12.4 do not know them and go on as before).

    The answer is whole once ``done`` came.
    """

    name: ClassVar[str] = "ollama"

    def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """See `DialectModule.stream`."""
        return converse(client, target, call, timeouts, ask=_ask, read=_read)

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """See `DialectModule.list_models`. A model is remote where Ollama names its host, or its tag says ``cloud``."""
        headers = headers_for(target, accept="application/json", **bearer(target))
        body = await fetch_list(client, target, address(_root(target), "/api/tags"), headers, timeout)
        entries = at(body, "models")
        if not isinstance(entries, list):
            raise ProviderError(FailureClass.BAD_RESPONSE, "the server's reply is no list of models")
        return tuple(
            _listed(name, entry) for entry in entries if (name := text_at(entry, "name") or text_at(entry, "model"))
        )


def _listed(name: str, entry: object) -> ServedModel:
    stated = [one for one in list_at(entry, "capabilities") if isinstance(one, str)]
    tag = name.rpartition(":")[2].lower()
    return ServedModel(
        name=name,
        context_window=count_at(entry, "details", "context_length") or count_at(entry, "context_length") or None,
        parameters=text_at(entry, "details", "parameter_size"),
        remote=bool(
            text_at(entry, "remote_host") or text_at(entry, "remote_model") or tag == "cloud" or tag.endswith("-cloud")
        ),
        capabilities=frozenset(_CAPABILITIES[one] for one in stated if one in _CAPABILITIES),
    )


def _root(target: Target) -> str:
    """The base URL without the ``/v1`` or ``/api`` that users bring along from other interfaces."""
    try:
        parts = urlsplit(target.base_url)
    except ValueError:
        return target.base_url  # which `address` refuses
    path = parts.path.rstrip("/").removesuffix("/v1").removesuffix("/api")
    return urlunsplit(parts._replace(path=path))


def _ask(target: Target, call: Call) -> Ask:
    prompt = compose_prompt(call)
    messages = [{"role": "system", "content": call.system}] if call.system else []
    options: dict[str, Any] = {}
    if call.max_output_tokens is not None:
        options["num_predict"] = call.max_output_tokens
    needed = estimate_tokens(call.system) + estimate_tokens(prompt) + (call.max_output_tokens or _ANSWER_TOKENS)
    if needed > _SMALLEST_WINDOW:
        options["num_ctx"] = 1 << (needed - 1).bit_length()  # few different sizes: each change reloads the model
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [*messages, {"role": "user", "content": prompt}],
        "stream": True,
        "truncate": False,
        "shift": False,
    }
    if options:
        body["options"] = options
    if call.reasoning and call.effort is not None:
        body["think"] = ollama_effort(call.model, call.effort)
    headers = headers_for(target, accept=JSON_LINES.media_type, **bearer(target))
    return Ask(address(_root(target), "/api/chat"), headers, body, JSON_LINES)


def _read(frame: object, answer: Answer) -> Iterator[TextDelta | Activity]:
    answer.note(model=text_at(frame, "model"))
    if text_at(frame, "message", "thinking"):
        yield THINKING
    yield from answer.say(text_at(frame, "message", "content"))
    if at(frame, "done") is True:
        # The prompt's count is missing where all of it was in the cache; what was thought counts as output.
        answer.count(input=count_at(frame, "prompt_eval_count"), output=count_at(frame, "eval_count"))
        answer.stopped(StopReason.MAX_TOKENS if text_at(frame, "done_reason") == "length" else StopReason.END)
        answer.ended = True
