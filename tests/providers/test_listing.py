"""What servers say of the models they have."""

from __future__ import annotations

import httpx2
import pytest

from smista_mcp.catalog.types import Dialect
from smista_mcp.providers.registry import dialect_for
from smista_mcp.providers.types import FailureClass, ProviderError, ServedModel, Target
from tests.providers.conftest import KEY
from tests.providers.scripted import Act, Drip, Script, Seen, head, serve, whole
from tests.providers.vendors import VENDORS, Vendor

pytestmark = pytest.mark.asyncio(loop_scope="module")

every_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=str)


async def _list(
    client: httpx2.AsyncClient, dialect: Dialect, script: Script, timeout: float = 60
) -> tuple[tuple[ServedModel, ...], Seen]:
    async with serve(script) as served:
        listed = await dialect_for(dialect).list_models(client, Target(served.url, KEY, {}), timeout)
        return listed, served.requests[-1]


LISTS: list[tuple[str, Dialect, str, object, tuple[ServedModel, ...]]] = [
    (
        "OpenAI",
        Dialect.OPENAI_RESPONSES,
        "/v1/models",
        {"object": "list", "data": [{"id": "gpt-5", "object": "model", "created": 1, "owned_by": "system"}]},
        (ServedModel("gpt-5"),),
    ),
    (
        "vLLM",
        Dialect.OPENAI_CHAT,
        "/v1/models",
        {"object": "list", "data": [{"id": "Qwen/Qwen3-8B", "max_model_len": 40960, "root": "Qwen/Qwen3-8B"}]},
        (ServedModel("Qwen/Qwen3-8B", 40960),),
    ),
    (
        "llama.cpp",
        Dialect.OPENAI_CHAT,
        "/v1/models",
        {
            "models": [{"name": "q.gguf"}],
            "data": [{"id": "q.gguf", "meta": {"n_ctx": 8192, "n_ctx_train": 32768, "n_params": 7615616512}}],
        },
        (ServedModel("q.gguf", 8192, "7.6B"),),
    ),
    (
        "OpenRouter",
        Dialect.OPENAI_CHAT,
        "/v1/models",
        {
            "data": [
                {
                    "id": "acme/one",
                    "context_length": 200000,
                    "architecture": {"input_modalities": ["text", "image"]},
                    "supported_parameters": ["tools", "reasoning", "structured_outputs", "top_p"],
                }
            ]
        },
        (ServedModel("acme/one", 200000, capabilities=frozenset({"tools", "reasoning", "json", "vision"})),),
    ),
    (
        "Mistral",
        Dialect.OPENAI_CHAT,
        "/v1/models",
        {
            "data": [
                {"id": "m", "max_context_length": 131072, "capabilities": {"function_calling": True, "vision": False}}
            ]
        },
        (ServedModel("m", 131072, capabilities=frozenset({"tools"})),),
    ),
    ("Together", Dialect.OPENAI_CHAT, "/v1/models", [{"id": "t", "context_length": 4096}], (ServedModel("t", 4096),)),
    (
        "Anthropic",
        Dialect.ANTHROPIC,
        "/v1/models?limit=1000",
        {
            "data": [
                {
                    "type": "model",
                    "id": "claude-opus-5-5",
                    "max_input_tokens": 1000000,
                    "max_tokens": 128000,
                    "capabilities": {"thinking": {"supported": True}, "image_input": {"supported": True}},
                }
            ],
            "has_more": False,
        },
        (ServedModel("claude-opus-5-5", 1000000, capabilities=frozenset({"reasoning", "vision", "tools"})),),
    ),
    (
        "Gemini",
        Dialect.GEMINI,
        "/v1beta/models?pageSize=1000",
        {
            "models": [
                {
                    "name": "models/gemini-3.8-flash",
                    "inputTokenLimit": 1048576,
                    "supportedGenerationMethods": ["generateContent", "countTokens"],
                    "thinking": True,
                },
                {"name": "models/gemini-embedding-2", "supportedGenerationMethods": ["embedContent"]},
            ]
        },
        (ServedModel("gemini-3.8-flash", 1048576, capabilities=frozenset({"reasoning"})),),
    ),
    (
        "Ollama",
        Dialect.OLLAMA,
        "/api/tags",
        {
            "models": [
                {"name": "qwen2.5-coder:7b", "details": {"parameter_size": "7.6B", "context_length": 32768}},
                {"name": "gpt-oss:120b-cloud", "remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"},
                {"name": "kimi-k2:1t-cloud"},
                {"name": "glm-5:cloud"},
                {"name": "mine:latest", "remote_host": "https://elsewhere.example"},
                {"name": "cloudy:8b", "capabilities": ["completion", "tools", "thinking", "vision"]},
            ]
        },
        (
            ServedModel("qwen2.5-coder:7b", 32768, "7.6B"),
            ServedModel("gpt-oss:120b-cloud", remote=True),
            ServedModel("kimi-k2:1t-cloud", remote=True),
            ServedModel("glm-5:cloud", remote=True),
            ServedModel("mine:latest", remote=True),
            ServedModel("cloudy:8b", capabilities=frozenset({"tools", "reasoning", "vision"})),
        ),
    ),
]


@pytest.mark.parametrize(
    ("dialect", "path", "body", "wanted"), [row[1:] for row in LISTS], ids=[row[0] for row in LISTS]
)
async def test_a_servers_own_list_is_understood(
    client: httpx2.AsyncClient, dialect: Dialect, path: str, body: object, wanted: tuple[ServedModel, ...]
) -> None:
    listed, request = await _list(client, dialect, whole(body))
    assert listed == wanted
    assert request.path == path
    assert KEY in "".join(request.headers.values())


@every_vendor
async def test_a_server_without_models_has_an_empty_list(client: httpx2.AsyncClient, vendor: Vendor) -> None:
    listed, _ = await _list(client, vendor.dialect, whole({"data": [], "models": []}))
    assert listed == ()


F = FailureClass
FAULTS: dict[str, tuple[Script, FailureClass]] = {
    "refused": (whole({"error": {"message": "no"}}, 401), F.AUTH),
    "something else": (whole({"hello": "world"}), F.BAD_RESPONSE),
    "a page": (whole(b"<html></html>", 200, "text/html"), F.BAD_RESPONSE),
    "cut": ([head(200, "application/json", content_length="999"), b"{", Act.CUT], F.TRUNCATED_STREAM),
    "silent": ([Act.HANG], F.TIMEOUT),
    "dripping": ([head(200, "application/json"), Drip(b" ")], F.TIMEOUT),
    "elsewhere": (whole(b"", 301, "text/plain", location="http://127.0.0.1:1/"), F.BAD_RESPONSE),
}


@every_vendor
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_list_that_does_not_come_is_a_classed_failure(
    client: httpx2.AsyncClient, vendor: Vendor, fault: str
) -> None:
    script, failure = FAULTS[fault]
    with pytest.raises(ProviderError) as caught:
        await _list(client, vendor.dialect, script, 0.2 if failure is F.TIMEOUT else 60)
    assert caught.value.failure is failure


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/api"])
async def test_ollama_is_found_under_the_addresses_of_its_other_interfaces(
    client: httpx2.AsyncClient, tail: str
) -> None:
    async with serve(whole({"models": []})) as served:
        await dialect_for(Dialect.OLLAMA).list_models(client, Target(served.url + tail, None, {}), 60)
        assert served.requests[0].path == "/api/tags"
