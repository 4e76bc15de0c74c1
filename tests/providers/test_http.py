"""Addresses, headers and the client."""

from __future__ import annotations

import subprocess
import sys

import pytest

from smista_mcp.providers.http import address, headers_for, make_client
from smista_mcp.providers.types import FailureClass, ProviderError, Target
from tests.providers.conftest import events_of
from tests.providers.scripted import head, serve
from tests.providers.vendors import VENDORS


@pytest.mark.parametrize(
    ("base", "options", "wanted"),
    [
        ("http://h:1", {"version": "/v1", "bare_only": True}, "http://h:1/v1/x"),
        ("http://h:1/", {"version": "/v1", "bare_only": True}, "http://h:1/v1/x"),
        ("http://h/api", {"version": "/v1", "bare_only": True}, "http://h/api/x"),
        ("https://h/openai/v1/", {"version": "/v1", "bare_only": True}, "https://h/openai/v1/x"),
        ("https://h", {"version": "/v1"}, "https://h/v1/x"),
        ("https://h/v1", {"version": "/v1"}, "https://h/v1/x"),
        ("https://h/anthropic", {"version": "/v1"}, "https://h/anthropic/v1/x"),
        ("https://h/v1beta", {"version": "/v1beta"}, "https://h/v1beta/x"),
        ("https://h/v1alpha", {"version": "/v1beta", "alt": "sse"}, "https://h/v1alpha/x?alt=sse"),
        ("https://h/d/m?api-version=1", {"version": "/v1", "bare_only": True}, "https://h/d/m/x?api-version=1"),
        ("https://u:p@h/v1", {}, "https://u:p@h/v1/x"),
    ],
)
def test_a_path_is_put_where_the_base_url_wants_it(base: str, options: dict[str, str], wanted: str) -> None:
    assert address(base, "/x", **options) == wanted


def test_headers_of_the_policy_win() -> None:
    target = Target("http://h", "key", {"Authorization": "Token mine", "X-Title": "t"})
    headers = headers_for(target, accept="a/b", authorization="Bearer key")
    assert headers["authorization"] == "Token mine"
    assert headers["x-title"] == "t"


@pytest.mark.parametrize("value", ["a\nb", "a\r\nx: y", "ключ", "a\x00b", "a\x7f"])
def test_a_value_that_http_does_not_allow_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ProviderError) as caught:
        headers_for(Target("http://h", None, {"x-key": value}), accept="a/b")
    assert caught.value.failure is FailureClass.AUTH
    assert value not in str(caught.value)


async def test_calls_to_this_machine_pass_no_proxy_and_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = VENDORS[0]
    async with serve([head(), vendor.stream]) as proxy, serve([head(), vendor.stream]) as served:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with make_client() as client:
            port = served.url.rpartition(":")[2]
            for host in ("127.0.0.1", "localhost"):
                await events_of(client, vendor.dialect, f"http://{host}:{port}")
            assert (len(served.requests), len(proxy.requests)) == (2, 0)
            await events_of(client, vendor.dialect, "http://models.example")
            assert (len(served.requests), len(proxy.requests)) == (2, 1)
            assert proxy.requests[0].path.startswith("http://models.example/v1/")


def test_nothing_heavy_is_imported_before_a_call() -> None:
    code = (
        "import sys; from smista_mcp.providers import registry, secrets, redact, types; "
        "from smista_mcp.catalog.types import Dialect; "
        "[registry.dialect_for(one) for one in Dialect if one is not Dialect.EMBEDDED]; "
        "print({'httpx2', 'keyring', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
