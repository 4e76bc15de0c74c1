"""Lists of models as ``GET /models`` gives them, with what servers add to OpenAI's own bare ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smista_mcp.providers.exchange import fetch_list
from smista_mcp.providers.http import address, bearer, headers_for
from smista_mcp.providers.peek import at, count_at, list_at, text_at
from smista_mcp.providers.types import FailureClass, ProviderError, ServedModel

if TYPE_CHECKING:
    import httpx2

    from smista_mcp.providers.types import Target

VERSION: Final = "/v1"
"""What stands before every path where a base URL has none of its own."""

_WINDOWS: Final = (
    ("meta", "n_ctx"),  # llama.cpp: the window it was started with
    ("meta", "n_ctx_train"),
    ("max_model_len",),  # vLLM
    ("context_length",),  # OpenRouter, Together
    ("context_window",),  # Groq
    ("max_context_length",),  # Mistral, LM Studio
)
_PARAMETERS: Final = {
    "tools": "tools",
    "reasoning": "reasoning",
    "reasoning_effort": "reasoning",
    "response_format": "json",
    "structured_outputs": "json",
}
"""OpenRouter's ``supported_parameters``, as the catalog calls them."""
_FLAGS: Final = {"function_calling": "tools", "vision": "vision", "reasoning": "reasoning"}
"""Mistral's ``capabilities``."""


async def list_openai_models(client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
    """The models at ``/models``, in the server's order, each once. Raises as `DialectModule.list_models`."""
    url = address(target.base_url, "/models", version=VERSION, bare_only=True)
    headers = headers_for(target, accept="application/json", **bearer(target))
    body = await fetch_list(client, target, url, headers, timeout)
    entries = at(body, "data") if isinstance(body, dict) else body  # Together sends the bare list
    if not isinstance(entries, list):
        raise ProviderError(FailureClass.BAD_RESPONSE, "the server's reply is no list of models")
    listed = {name: _listed(name, entry) for entry in entries if (name := text_at(entry, "id"))}
    return tuple(listed.values())


def _listed(name: str, entry: object) -> ServedModel:
    windows = (count_at(entry, *path) for path in _WINDOWS)
    parameters = count_at(entry, "meta", "n_params")
    return ServedModel(
        name=name,
        context_window=next((window for window in windows if window), None),
        parameters=_in_words(parameters) if parameters else "",
        capabilities=_capabilities(entry),
    )


def _capabilities(entry: object) -> frozenset[str]:
    stated = {
        _PARAMETERS[one]
        for one in list_at(entry, "supported_parameters")
        if isinstance(one, str) and one in _PARAMETERS
    }
    stated |= {ours for theirs, ours in _FLAGS.items() if at(entry, "capabilities", theirs) is True}
    if "image" in list_at(entry, "architecture", "input_modalities"):
        stated.add("vision")
    return frozenset(stated)


def _in_words(parameters: int) -> str:
    """``7.6B`` for 7,615,616,512: as Ollama writes sizes."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if parameters >= size:
            return f"{parameters / size:.1f}".removesuffix(".0") + unit
    return str(parameters)
