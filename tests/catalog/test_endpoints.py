"""How providers are reached: policy before environment before the well-known place, and which key goes where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smista_mcp.catalog.endpoints import host_and_port, on_loopback, plan_providers
from smista_mcp.catalog.types import Dialect, Reach, ServerKind
from smista_mcp.policy.types import Layer
from tests.catalog.made import policy, provider


def plan(name: str, env: dict[str, str] | None = None, **settings: Any) -> Reach:
    stated = [provider(name, **settings)] if settings else []
    return {one.id: one for one in plan_providers(policy(providers=stated), env or {})}[name]


def test_a_well_known_provider_needs_nothing_but_its_key() -> None:
    found = plan("openai", {"OPENAI_API_KEY": "k"})
    assert found.problem == ""
    assert found.endpoint.api_key == "${env:OPENAI_API_KEY}"
    assert (found.vendor, found.dialect, found.key_present) == ("openai", Dialect.OPENAI_RESPONSES, True)
    assert not found.probe


@pytest.mark.parametrize("value", [{}, {"GEMINI_API_KEY": ""}])
def test_without_a_key_it_says_what_to_set(value: dict[str, str]) -> None:
    assert plan("gemini", value).problem == "no key: set GEMINI_API_KEY or GOOGLE_API_KEY"


def test_either_variable_will_do() -> None:
    assert plan("gemini", {"GOOGLE_API_KEY": "k"}).endpoint.api_key == "${env:GOOGLE_API_KEY}"


def test_no_value_of_the_environment_is_in_what_is_planned() -> None:
    found = plan_providers(policy(), {"OPENAI_API_KEY": "hidden-1", "GROQ_API_KEY": "hidden-2"})
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("gpu:1234", "http://gpu:1234"),
        ("gpu", "http://gpu:11434"),
        ("http://gpu", "http://gpu:11434"),
        ("https://gpu", "https://gpu:443"),
        (":4321", "http://127.0.0.1:4321"),
        ("0.0.0.0:4321", "http://127.0.0.1:4321"),
        ("[::1]:4321", "http://[::1]:4321"),
        ("::1", "http://[::1]:11434"),
    ],
)
def test_ollamas_host_is_read_as_ollama_reads_it(value: str, url: str) -> None:
    found = plan("ollama", {"OLLAMA_HOST": value})
    assert found.endpoint.base_url == url
    assert found.moved_by == "OLLAMA_HOST"
    assert found.expects is ServerKind.OLLAMA


@pytest.mark.parametrize("value", ["", " ", "127.0.0.1", "0.0.0.0", "localhost:11434", "http://127.0.0.1:11434/"])
def test_a_variable_that_says_the_usual_place_moves_nothing(value: str) -> None:
    found = plan("ollama", {"OLLAMA_HOST": value})
    assert (found.moved_by, found.endpoint.base_url) == ("", "http://127.0.0.1:11434")


@pytest.mark.parametrize("value", ["http://[::1", "http://a:b:c", "%%%", "http://x:99999"])
def test_a_variable_that_makes_no_sense_does_no_harm(value: str) -> None:
    found = plan("ollama", {"OLLAMA_HOST": value})
    assert found.vendor is None
    assert isinstance(host_and_port(found.endpoint.base_url), str)


def test_a_moved_vendor_is_no_vendor_any_more() -> None:
    found = plan("anthropic", {"ANTHROPIC_BASE_URL": "https://gw.example/anthropic/", "ANTHROPIC_API_KEY": "k"})
    assert found.endpoint.base_url == "https://gw.example/anthropic"
    assert (found.vendor, found.list_id, found.family) == (None, None, "anthropic")
    assert found.endpoint.api_key == "${env:ANTHROPIC_API_KEY}"
    assert not found.probe  # it wants a key


def test_the_vendors_own_place_in_the_variable_moves_nothing() -> None:
    found = plan("openai", {"OPENAI_BASE_URL": "https://api.openai.com/v1/", "OPENAI_API_KEY": "k"})
    assert (found.vendor, found.moved_by, found.dialect) == ("openai", "", Dialect.OPENAI_RESPONSES)


def test_another_region_of_the_vendor_is_still_the_vendor() -> None:
    found = plan("openai", {"OPENAI_API_KEY": "k"}, base_url="https://eu.api.openai.com/v1", type="openai")
    assert (found.vendor, found.dialect, found.problem) == ("openai", Dialect.OPENAI_RESPONSES, "")


def test_a_provider_of_ones_own_at_a_vendors_place_is_that_vendor() -> None:
    found = plan("fast", {"K": "k"}, base_url="https://api.groq.com/openai/v1", api_key="${env:K}")
    assert (found.vendor, found.list_id, found.dialect) == ("groq", "groq", Dialect.OPENAI_CHAT)


def test_a_second_account_is_the_vendor_with_its_own_key() -> None:
    found = plan("work", {"WORK": "k", "OPENAI_API_KEY": "mine"}, type="openai", api_key="${env:WORK}")
    assert (found.vendor, found.family) == ("openai", "openai")
    assert found.endpoint.api_key == "${env:WORK}"


def test_a_known_key_goes_nowhere_a_repository_chooses() -> None:
    env = {"OPENAI_API_KEY": "k"}
    url = "https://llm.example/v1"
    theirs = plan("openai", env, base_url=url, layer=Layer.WORKSPACE)
    mine = plan("openai", env, base_url=url, layer=Layer.USER)
    assert theirs.endpoint.api_key is None
    assert mine.endpoint.api_key == "${env:OPENAI_API_KEY}"


@pytest.mark.parametrize("stated", [{"api_key": "${env:K}"}, {"headers": {"x-key": "${keyring:k}"}}])
def test_no_key_at_all_goes_to_an_address_that_a_repository_names(stated: dict[str, Any]) -> None:
    theirs = plan("gw", {"K": "k"}, base_url="https://llm.example/v1", base_url_layer=Layer.WORKSPACE, **stated)
    assert theirs.problem.endswith("state base_url under [providers.gw] in your own policy")
    assert "llm.example" in theirs.problem
    for url in ("http://127.0.0.1:9/v1", "https://api.groq.com/openai/v1"):
        assert plan("gw", {"K": "k"}, base_url=url, base_url_layer=Layer.WORKSPACE, **stated).problem == ""


def test_a_provider_of_ones_own_elsewhere_gets_only_the_key_stated_with_it() -> None:
    found = plan("gw", {"ANTHROPIC_API_KEY": "k"}, type="anthropic", base_url="https://gw.example")
    assert (found.endpoint.api_key, found.problem) == (None, "")


@pytest.mark.parametrize("text", ["${env:NOPE}", "Bearer ${env:NOPE}", "${env:YES}${env:NOPE}"])
def test_a_reference_that_yields_nothing_is_named(text: str) -> None:
    found = plan("gw", {"YES": "1"}, base_url="https://gw.example", api_key=text)
    assert found.problem == f"{text} yields nothing"
    assert found.key_present is False
    header = plan("gw", {"YES": "1"}, base_url="https://gw.example", headers={"x-key": text})
    assert header.problem == f"{text} yields nothing"


def test_a_key_in_a_file_is_there_where_the_file_is(tmp_path: Path) -> None:
    file = tmp_path / "key"
    reference = f"${{file:{file}}}"
    assert plan("gw", base_url="https://gw.example", api_key=reference).key_present is False
    file.write_text("k")
    assert plan("gw", base_url="https://gw.example", api_key=reference).key_present is True
    home = plan("gw", {"HOME": str(tmp_path)}, base_url="https://gw.example", api_key="${file:~/key}")
    assert home.key_present is True


def test_a_keyring_is_not_opened_to_see() -> None:
    found = plan("gw", base_url="https://gw.example", api_key="${keyring:gw}")
    assert (found.key_present, found.problem) == (None, "")


def test_what_is_switched_off_or_nowhere_says_so(tmp_path: Path) -> None:
    assert plan("openai", {"OPENAI_API_KEY": "k"}, enabled=False).problem == "switched off in policy.toml:1"
    assert plan("gw", type="openai-compatible").problem == "no address: state base_url under [providers.gw]"
    missing = str(tmp_path / "none.gguf")
    assert plan("embedded", model_path=missing).problem == f"there is no file {missing} (model_path in policy.toml:1)"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost/v1", True),
        ("http://a.localhost", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.evil.example", False),
        ("http://user@evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_only_the_loopback_is_the_loopback(url: str, here: bool) -> None:
    assert on_loopback(url) is here


def test_messages_show_a_host_without_user_or_password() -> None:
    assert host_and_port("http://user:password@host:80/v1?token=secret") == "host:80"
