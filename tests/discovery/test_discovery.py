"""What discovery finds out from servers on real sockets, and what comes of it in the catalog."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smista_mcp.catalog.build import build_catalog
from smista_mcp.catalog.types import Availability, Catalog, Deployment, Dialect, ServerKind, Snapshot
from smista_mcp.policy.types import Layer, Policy
from smista_mcp.providers.discovery import _REMEMBERED, NEGATIVE_S, POSITIVE_S, discover
from tests.catalog.made import policy, provider
from tests.discovery import servers
from tests.llama import llama_server, tiny_gguf

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LONG = 30.0
"""Seconds after which something hangs that should not; never reached where all is well."""


async def look(
    which: Policy, env: Mapping[str, str] | None = None, *, cache: Path | None = None, now: datetime = NOW
) -> Availability:
    async with asyncio.timeout(LONG):
        return await discover(which, env or {}, cache_dir=cache, now=now)


async def catalog_of(which: Policy, env: Mapping[str, str] | None = None) -> tuple[Catalog, Snapshot]:
    return build_catalog(which, await look(which, env))


def only(catalog: Catalog, name: str) -> Deployment:
    found = catalog.get(name)
    assert found is not None, [one.id for one in catalog.deployments]
    return found


@pytest.fixture
def refused() -> Iterator[int]:
    """A port where nobody listens, and nobody else will."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class TestOllama:
    async def test_its_models_are_local_free_and_known_by_what_it_lists(self) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            catalog, snapshot = await catalog_of(policy(only=True, ollama=True), {"OLLAMA_HOST": server.url})
        found = only(catalog, "ollama/qwen2.5-coder:7b")
        assert found.local
        assert "Ollama on this machine" in found.local_evidence
        assert found.price is not None
        assert found.price.input == found.price.output == 0
        assert found.context_window == 32768
        assert found.capabilities == {"tools"}
        assert found.quality_for("chat") == 35
        assert (found.quality_for("edit") or 0) > 35
        assert found.quality_source == "estimated from its size"
        assert found.known
        assert found.id not in snapshot.unavailable

    async def test_a_cloud_model_is_remote_although_its_endpoint_is_local(self) -> None:
        disguised = {**servers.CLOUD, "name": "my-own-name:latest"}
        async with servers.serving(servers.ollama(servers.CLOUD, disguised, servers.QWEN)) as server:
            catalog, _ = await catalog_of(policy(only=True, ollama=True), {"OLLAMA_HOST": f"127.0.0.1:{server.port}"})
        assert only(catalog, "ollama/qwen2.5-coder:7b").local
        for name in ("ollama/gpt-oss:120b-cloud", "ollama/my-own-name"):
            found = only(catalog, name)
            assert not found.local
            assert "cloud" in found.local_evidence
            assert found.price is None

    async def test_a_cloud_model_stays_remote_where_the_policy_declares_the_server_local(self) -> None:
        async with servers.serving(servers.ollama(servers.CLOUD, servers.QWEN)) as server:
            declared = provider("ollama", base_url=server.url, local=True)
            catalog, _ = await catalog_of(policy(only=True, providers=[declared]))
        assert not only(catalog, "ollama/gpt-oss:120b-cloud").local
        assert "policy.toml" in only(catalog, "ollama/qwen2.5-coder:7b").local_evidence

    async def test_a_model_that_is_not_pulled_is_unavailable_with_the_command_to_pull_it(self) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            which = policy(only=True, ollama=True, names=["ollama/qwen2.5-coder"])
            _, snapshot = await catalog_of(which, {"OLLAMA_HOST": server.url})
        assert snapshot.unavailable["ollama/qwen2.5-coder"] == (
            "not pulled: run `ollama pull qwen2.5-coder`; pulled here: qwen2.5-coder:7b"
        )

    @pytest.mark.parametrize("written", ["ollama/qwen2.5-coder", "ollama/qwen2.5-coder:latest"])
    async def test_a_name_without_a_tag_means_the_tag_latest(self, written: str) -> None:
        latest = {**servers.QWEN, "name": "qwen2.5-coder:latest"}
        async with servers.serving(servers.ollama(latest)) as server:
            which = policy(only=True, ollama=True, names=[written])
            catalog, snapshot = await catalog_of(which, {"OLLAMA_HOST": server.url})
        assert [one.id for one in catalog.deployments if one.provider == "ollama"] == [written]
        assert written not in snapshot.unavailable
        assert only(catalog, written).context_window == 32768

    async def test_models_that_only_embed_are_not_candidates(self) -> None:
        async with servers.serving(servers.ollama(servers.EMBEDDER, servers.QWEN)) as server:
            catalog, _ = await catalog_of(policy(only=True, ollama=True), {"OLLAMA_HOST": server.url})
        assert [one.model for one in catalog.deployments if one.provider == "ollama"] == ["qwen2.5-coder:7b"]

    async def test_one_that_is_not_running_says_so(self, refused: int) -> None:
        which = policy(only=True, ollama=True, names=["ollama/qwen2.5-coder"])
        catalog, snapshot = await catalog_of(which, {"OLLAMA_HOST": f"127.0.0.1:{refused}"})
        assert snapshot.unavailable["ollama/qwen2.5-coder"] == f"no server at 127.0.0.1:{refused}"
        found = only(catalog, "ollama/qwen2.5-coder")
        assert not found.local
        assert not found.known

    async def test_a_gateway_in_its_place_is_not_taken_for_it(self) -> None:
        async with servers.serving(servers.gateway("qwen2.5-coder")) as server:
            which = policy(only=True, ollama=True, names=["ollama/qwen2.5-coder"])
            catalog, snapshot = await catalog_of(which, {"OLLAMA_HOST": server.url})
        assert snapshot.unavailable["ollama/qwen2.5-coder"].endswith("is not Ollama")
        assert not only(catalog, "ollama/qwen2.5-coder").local

    async def test_a_gateway_that_redirects_to_ollama_is_not_ollama(self) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as real:
            sent_on = {
                path: servers.Answer(307, b"", {"location": real.url + path}) for path in ("/api/version", "/api/tags")
            }
            async with servers.serving(sent_on) as fake:
                catalog, _ = await catalog_of(policy(only=True, ollama=True), {"OLLAMA_HOST": fake.url})
            assert real.asked == []
        assert not any(one.local for one in catalog.deployments if one.provider == "ollama")


class TestOtherKinds:
    async def test_llama_cpp_is_recognised_and_local(self, tmp_path: Path) -> None:
        with llama_server(tiny_gguf(tmp_path / "tiny.gguf")) as server:
            which = policy(only=True, providers=[provider("llamacpp", base_url=f"{server.url}/v1")])
            availability = await look(which)
        catalog, snapshot = build_catalog(which, availability)
        assert availability.findings["llamacpp"].kind is ServerKind.LLAMACPP
        found = only(catalog, "llamacpp/tiny")
        assert found.local
        assert found.dialect is Dialect.OPENAI_CHAT
        assert found.context_window is not None
        assert 0 < found.context_window <= 2048
        assert (found.quality_for("chat") or 0) < 20
        assert found.id not in snapshot.unavailable

    async def test_vllm_is_recognised_and_local(self) -> None:
        async with servers.serving(servers.vllm("Qwen/Qwen3-8B", window=40960)) as server:
            which = policy(only=True, providers=[provider("vllm", base_url=f"{server.url}/v1")])
            catalog, _ = await catalog_of(which)
        found = only(catalog, "vllm/Qwen/Qwen3-8B")
        assert found.local
        assert found.context_window == 40960
        assert found.quality_source == "estimated from the size in its name"

    async def test_lm_studio_is_free_but_local_only_where_declared_because_of_its_links(self) -> None:
        async with servers.serving(servers.lmstudio("qwen/qwen3-8b")) as server:
            url = f"{server.url}/v1"
            plain, _ = await catalog_of(policy(only=True, providers=[provider("lmstudio", base_url=url)]))
            declared, _ = await catalog_of(
                policy(only=True, providers=[provider("lmstudio", base_url=url, local=True)])
            )
        found = only(plain, "lmstudio/qwen/qwen3-8b")
        assert not found.local
        assert "LM Link" in found.local_evidence
        assert found.price is not None
        assert found.price.input == 0
        assert found.context_window == 131072
        assert only(declared, "lmstudio/qwen/qwen3-8b").local
        assert plain.get("lmstudio/text-embedding-nomic") is None

    async def test_a_plain_gateway_on_this_machine_is_local_only_where_declared(self) -> None:
        async with servers.serving(servers.gateway("gpt-6.1-sol")) as server:
            url = f"{server.url}/v1"
            plain, _ = await catalog_of(policy(only=True, providers=[provider("desk", base_url=url)]))
            declared, _ = await catalog_of(policy(only=True, providers=[provider("desk", base_url=url, local=True)]))
        found = only(plain, "desk/gpt-6.1-sol")
        assert not found.local
        assert "may be a gateway" in found.local_evidence
        assert found.price is None
        assert found.vendor is None
        assert dict(found.quality) == {}
        assert only(declared, "desk/gpt-6.1-sol").local

    async def test_the_path_of_a_gateway_is_not_judged_by_what_answers_at_its_root(self) -> None:
        routes = {**servers.ollama(servers.QWEN), "/elsewhere/v1/models": servers.gateway("far")["/v1/models"]}
        async with servers.serving(routes) as server:
            catalog, _ = await catalog_of(
                policy(only=True, providers=[provider("desk", base_url=f"{server.url}/elsewhere/v1")])
            )
        assert not only(catalog, "desk/far").local

    async def test_a_declaration_that_it_is_not_local_stands_against_what_was_found(self) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            which = policy(only=True, providers=[provider("ollama", base_url=server.url, local=False)])
            catalog, _ = await catalog_of(which)
        assert not only(catalog, "ollama/qwen2.5-coder:7b").local

    async def test_a_declaration_is_not_carried_to_an_address_of_the_repositorys_choosing(self) -> None:
        async with servers.serving(servers.gateway("m")) as server:
            one = provider("desk", base_url=f"{server.url}/v1", local=True, base_url_layer=Layer.WORKSPACE)
            catalog, _ = await catalog_of(policy(only=True, providers=[one]))
        assert not only(catalog, "desk/m").local

    async def test_a_name_that_leads_here_is_replaced_by_the_address_that_was_found(self) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            which = policy(only=True, providers=[provider("ollama", base_url=f"http://127.1:{server.port}")])
            catalog, _ = await catalog_of(which)
        found = only(catalog, "ollama/qwen2.5-coder:7b")
        assert found.local
        assert found.endpoint.base_url == server.url

    async def test_an_unknown_model_of_a_server_that_lists_others_is_unavailable(self) -> None:
        async with servers.serving(servers.vllm("here")) as server:
            which = policy(only=True, names=["vllm/gone"], providers=[provider("vllm", base_url=f"{server.url}/v1")])
            _, snapshot = await catalog_of(which)
        assert snapshot.unavailable["vllm/gone"] == f"not served at 127.0.0.1:{server.port}; served there: here"


class TestAFileOfOnesOwn:
    async def test_its_window_is_read_from_the_file(self, tmp_path: Path) -> None:
        file = tiny_gguf(tmp_path / "Mine.gguf", context=2048)
        catalog, snapshot = await catalog_of(policy(only=True, providers=[provider("embedded", model_path=str(file))]))
        found = only(catalog, "embedded/Mine")
        assert found.context_window == 2048
        assert found.local
        link = tmp_path / "Link.gguf"
        link.symlink_to(tiny_gguf(tmp_path / "Long.gguf", context=100_000))
        catalog, _ = await catalog_of(policy(only=True, providers=[provider("embedded", model_path=str(link))]))
        assert only(catalog, "embedded/Link").context_window == 8192
        assert "Long" in only(catalog, "embedded/Link").aliases  # as the server will call it
        assert found.id not in snapshot.unavailable

    async def test_what_is_no_model_is_not_offered(self, tmp_path: Path) -> None:
        file = tmp_path / "Mine.gguf"
        await asyncio.to_thread(file.write_bytes, b"not a model")
        _, snapshot = await catalog_of(policy(only=True, providers=[provider("embedded", model_path=str(file))]))
        assert snapshot.unavailable["embedded/Mine"] == f"{file} cannot be run: it is no usable GGUF file"
        assert "embedded/smollm2-135m-instruct" in snapshot.unavailable


class TestMovedByTheEnvironment:
    async def test_a_moved_endpoint_is_honoured_without_facts_that_it_has_not_proved(self) -> None:
        async with servers.serving(servers.gateway("gpt-6.1-sol")) as server:
            env = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "k"}
            catalog, snapshot = await catalog_of(policy(only=True), env)
        found = only(catalog, "openai/gpt-6.1-sol")
        assert found.endpoint.base_url == f"{server.url}/v1"
        assert found.vendor is None
        assert found.price is None
        assert found.speed is None
        assert not found.local
        assert "OPENAI_BASE_URL" in found.local_evidence
        assert found.dialect is Dialect.OPENAI_CHAT
        assert found.id not in snapshot.unavailable
        assert "served there: gpt-6.1-sol" in snapshot.unavailable["openai/gpt-6-luna"]

    async def test_what_it_proves_counts(self) -> None:
        async with servers.serving({**servers.ollama(servers.QWEN), **servers.gateway("qwen2.5-coder:7b")}) as server:
            catalog, _ = await catalog_of(policy(only=True), {"OPENAI_BASE_URL": f"{server.url}/v1"})
        assert only(catalog, "openai/qwen2.5-coder:7b").local

    async def test_the_policys_own_address_goes_before_the_environment(self) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            which = policy(only=True, providers=[provider("ollama", base_url=server.url)])
            catalog, _ = await catalog_of(which, {"OLLAMA_HOST": "http://198.51.100.7:11434"})
        assert only(catalog, "ollama/qwen2.5-coder:7b").endpoint.base_url == server.url


class TestWhatIsNeverDone:
    async def test_no_key_is_sent_or_kept(self, tmp_path: Path) -> None:
        env = {"OPENAI_API_KEY": "sk-very-secret", "DESK_KEY": "desk-very-secret", "OPENAI_BASE_URL": ""}
        async with servers.serving(servers.gateway("m")) as server:
            desk = provider(
                "desk",
                base_url=f"{server.url}/v1",
                api_key="${env:DESK_KEY}",
                headers={"x-desk": "${env:DESK_KEY}"},
            )
            which = policy(only=True, providers=[desk])
            availability = await look(which, {**env, "OPENAI_BASE_URL": f"{server.url}/v1"}, cache=tmp_path)
        assert server.asked
        sent = json.dumps([headers for _, headers in server.asked])
        kept = "".join((tmp_path / name).read_text() for name in ("discovery.json", "prices.json"))
        assert "secret" not in sent + kept + repr(availability)
        assert availability.providers["desk"].key_present is True

    async def test_vendors_clouds_are_never_asked(self) -> None:
        keys = ["OPENAI", "ANTHROPIC", "GEMINI", "OPENROUTER", "GROQ", "MISTRAL", "DEEPSEEK", "XAI"]
        availability = await look(policy(only=True), {f"{one}_API_KEY": "k" for one in keys})
        assert availability.findings == {}

    @pytest.mark.parametrize("layer", [Layer.WORKSPACE, Layer.USER])
    async def test_a_name_is_followed_only_where_the_user_or_organisation_wrote_it(self, layer: Layer) -> None:
        async with servers.serving(servers.gateway("m")) as server:
            # A name, as far as anybody can tell without looking it up.
            away = provider("away", base_url=f"http://127.1:{server.port}/v1", base_url_layer=layer)
            availability = await look(policy(only=True, providers=[away]))
        assert ("away" in availability.findings) is bool(server.asked) is (layer is Layer.USER)

    async def test_a_proxy_of_the_environment_is_not_used(self, refused: int, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{refused}")
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            catalog, _ = await catalog_of(policy(only=True, ollama=True), {"OLLAMA_HOST": server.url})
        assert only(catalog, "ollama/qwen2.5-coder:7b").local


class TestBadServers:
    async def test_servers_that_hang_are_waited_for_together_and_given_up(self, refused: int) -> None:
        async with AsyncExitStack() as stack:
            ports = [await stack.enter_async_context(servers.silent()) for _ in range(6)]
            port = await stack.enter_async_context(servers.endless())
            good = await stack.enter_async_context(servers.serving(servers.ollama(servers.QWEN)))
            hanging = [provider(f"p{n}", base_url=f"http://127.0.0.1:{one}/v1") for n, one in enumerate([*ports, port])]
            which = policy(
                only=True, providers=[*hanging, provider("ollama", base_url=good.url)], names=["p0/m", "p6/m"]
            )
            availability = await look(which)
        catalog, snapshot = build_catalog(which, availability)
        assert "did not answer within 1 s" in snapshot.unavailable["p0/m"]
        assert not only(catalog, "p6/m").local
        assert only(catalog, "ollama/qwen2.5-coder:7b").local

    async def test_all_servers_are_asked_at_the_same_time(self) -> None:
        count = 5
        barrier = asyncio.Barrier(count)
        passed: set[int] = set()

        async with AsyncExitStack() as stack:
            found = []
            for number in range(count):

                async def gate(number: int = number) -> None:
                    if number not in passed:  # each server's first answer waits for all the others' first question
                        passed.add(number)
                        await barrier.wait()

                found.append(await stack.enter_async_context(servers.serving(servers.vllm(f"m{number}"), gate=gate)))
            settings = [provider(f"p{number}", base_url=f"{one.url}/v1") for number, one in enumerate(found)]
            catalog, _ = await catalog_of(policy(only=True, providers=settings))
        assert all(only(catalog, f"p{number}/m{number}").local for number in range(count))

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"text"',
            b"{",
            b'{"data": 3}',
            b'{"models": [1, null, {"name": 5}]}',
            b"\xff\xfe",
            b"[" * 9999,
        ],
    )
    async def test_whatever_a_server_answers_discovery_goes_on(self, body: bytes) -> None:
        paths = ["/props", "/v1/models", "/api/version", "/api/tags", "/api/v0/models", "/version"]
        async with servers.serving({path: servers.Answer(body=body) for path in paths}) as server:
            desk = provider("desk", base_url=f"{server.url}/v1")
            catalog, _ = await catalog_of(policy(only=True, providers=[desk], names=["desk/m"]))
        assert not only(catalog, "desk/m").local


class TestTheCache:
    async def test_a_finding_is_kept_for_a_moment_and_then_made_anew(self, tmp_path: Path) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            which, env = policy(only=True, ollama=True), {"OLLAMA_HOST": server.url}
            first = await look(which, env, cache=tmp_path)
            asked = len(server.asked)
            later = NOW + timedelta(seconds=POSITIVE_S - 1)
            assert await look(which, env, cache=tmp_path, now=later) == first
            assert len(server.asked) == asked
            await look(which, env, cache=tmp_path, now=NOW + timedelta(seconds=POSITIVE_S))
            assert len(server.asked) > asked

    async def test_that_nothing_was_there_is_kept_for_less(self, tmp_path: Path, refused: int) -> None:
        which, env = policy(only=True, ollama=True), {"OLLAMA_HOST": f"127.0.0.1:{refused}"}
        first = await look(which, env, cache=tmp_path)
        again = await look(which, env, cache=tmp_path, now=NOW + timedelta(seconds=NEGATIVE_S - 1))
        anew = await look(which, env, cache=tmp_path, now=NOW + timedelta(seconds=NEGATIVE_S))
        assert again == first
        assert anew.taken_at > first.taken_at

    async def test_a_finding_from_the_future_is_not_believed(self, tmp_path: Path, refused: int) -> None:
        which, env = policy(only=True, ollama=True), {"OLLAMA_HOST": f"127.0.0.1:{refused}"}
        await look(which, env, cache=tmp_path, now=NOW + timedelta(days=1))
        assert (await look(which, env, cache=tmp_path)).taken_at.startswith("2026-11-21")

    async def test_what_was_found_at_one_address_is_not_taken_for_another(self, tmp_path: Path, refused: int) -> None:
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            await look(policy(only=True, ollama=True), {"OLLAMA_HOST": server.url}, cache=tmp_path)
            moved = await look(policy(only=True, ollama=True), {"OLLAMA_HOST": f"127.0.0.1:{refused}"}, cache=tmp_path)
        assert moved.findings["ollama"].problem.startswith("no server")

    async def test_keys_are_looked_at_anew_every_time(self, tmp_path: Path) -> None:
        for env, problem in (({}, "no key: set OPENAI_API_KEY"), ({"OPENAI_API_KEY": "k"}, "")):
            found = await look(policy(only=True), env, cache=tmp_path)
            assert found.providers["openai"].problem == problem

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"null",
            b"\xff",
            b"[" * 100_000,
            b'{"version": 1, "findings": []}',
            b'{"version": 1, "findings": {"x": 3}}',
            b'{"version": 1, "stamp": "x", "listings": 5}',
        ],
    )
    async def test_a_broken_file_is_as_good_as_none(self, tmp_path: Path, content: bytes) -> None:
        for name in ("discovery.json", "prices.json"):
            (tmp_path / name).write_bytes(content)
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            found = await look(policy(only=True, ollama=True), {"OLLAMA_HOST": server.url}, cache=tmp_path)
        assert found.findings["ollama"].kind is ServerKind.OLLAMA

    async def test_a_spoilt_entry_is_made_anew(self, tmp_path: Path, refused: int) -> None:
        env = {"OLLAMA_HOST": f"127.0.0.1:{refused}"}
        first = await look(policy(only=True, ollama=True), env, cache=tmp_path)
        file = tmp_path / "discovery.json"
        for spoil in _spoilt(json.loads(file.read_text())):
            file.write_text(json.dumps(spoil))
            _REMEMBERED.clear()
            assert await look(policy(only=True, ollama=True), env, cache=tmp_path) == first

    async def test_only_silence_is_taken_from_the_file(self, tmp_path: Path, refused: int) -> None:
        which = policy(only=True, ollama=True)
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            env = {"OLLAMA_HOST": server.url}
            first = await look(which, env, cache=tmp_path)
            asked = len(server.asked)
            _REMEMBERED.clear()
            assert await look(which, env, cache=tmp_path) == first
            assert len(server.asked) == 2 * asked
        env = {"OLLAMA_HOST": f"127.0.0.1:{refused}"}
        silent = await look(which, env, cache=tmp_path)
        _REMEMBERED.clear()
        assert await look(which, env, cache=tmp_path, now=NOW + timedelta(seconds=1)) == silent

    async def test_a_cache_that_cannot_be_written_is_done_without(self, tmp_path: Path) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("not a directory")
        async with servers.serving(servers.ollama(servers.QWEN)) as server:
            found = await look(policy(only=True, ollama=True), {"OLLAMA_HOST": server.url}, cache=blocked)
        assert found.findings["ollama"].reachable


def _spoilt(content: Any) -> Iterator[Any]:
    """The file with one value of its one entry replaced by something of another type."""
    ((key, entry),) = content["silent"].items()
    for name, value in entry.items():
        for other in (None, 5, "x", [1], {}, "2026-11-21"):
            if type(other) is not type(value) or name == "at":
                yield {**content, "silent": {key: {**entry, name: other}}}
