"""Which addresses are this machine's."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from smista_mcp.providers.locality import is_own, locate


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_the_loopback_is_this_machine(address: str) -> None:
    assert is_own(ip_address(address))


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "8.8.8.8", "224.0.0.1", "255.255.255.255", "2001:db8::1", "::ffff:192.0.2.1"]
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_own(ip_address(address))


@pytest.mark.parametrize(
    "url", ["http://localhost:11434", "http://127.0.0.1:1/v1", "http://[::1]:1234/v1", "https://localhost"]
)
async def test_a_number_or_localhost_needs_no_looking_up(url: str) -> None:
    found = await locate(url, 5)
    assert found.own
    assert found.base_url == url


async def test_a_name_is_pinned_to_its_address() -> None:
    found = await locate("http://2130706433:8080/v1", 5)
    assert found.own
    assert found.base_url == "http://127.0.0.1:8080/v1"


async def test_behind_tls_a_name_establishes_nothing() -> None:
    assert not (await locate("https://2130706433:8443/v1", 5)).own
