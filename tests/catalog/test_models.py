"""The table of models agrees with the list of prices and with what its own page promises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smista_mcp.catalog.models import EMBEDDED, KNOWN_MODELS, KnownModel, Tier, row_of
from smista_mcp.catalog.prices import look_up
from smista_mcp.catalog.wellknown import WELL_KNOWN, vendor_at
from smista_mcp.policy.known import KNOWN_PROVIDERS
from smista_mcp.policy.types import Effort

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOSTED = [pytest.param(one, id=one.id) for one in KNOWN_MODELS.values() if one is not EMBEDDED]


def test_every_well_known_provider_has_its_place() -> None:
    assert set(WELL_KNOWN) == set(KNOWN_PROVIDERS)
    assert {one.provider for one in KNOWN_MODELS.values()} <= set(WELL_KNOWN)


@pytest.mark.parametrize("row", HOSTED)
def test_every_hosted_model_has_a_price_and_a_window_stated_once(row: KnownModel) -> None:
    list_id = WELL_KNOWN[row.provider].list_id
    assert list_id is not None
    listing = look_up(list_id, row.name, NOW)
    assert listing.price is not None
    assert (listing.context_window is None) != (row.context_window is None)


@pytest.mark.parametrize("row", HOSTED)
def test_what_is_superseded_is_never_as_good_and_as_cheap_as_what_replaced_it(row: KnownModel) -> None:
    if row.superseded:
        peers = [one for one in KNOWN_MODELS.values() if one.provider == row.provider and one.quality > row.quality]
        assert any(not one.superseded for one in peers)


def test_an_alias_names_one_model_and_no_other() -> None:
    aliases = [f"{row.provider}/{alias}" for row in KNOWN_MODELS.values() for alias in row.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(KNOWN_MODELS)
    assert row_of("openai", "gpt-5.6") is KNOWN_MODELS["openai/gpt-5.6-sol"]


def test_figures_keep_to_their_scales() -> None:
    for row in KNOWN_MODELS.values():
        assert 0 <= row.quality <= 100
        assert set(row.efforts) <= set(Effort)
        assert not row.efforts or "reasoning" in row.capabilities


def test_the_embedded_model_is_for_trying_things_out() -> None:
    assert EMBEDDED.tier is Tier.TRIAL
    assert EMBEDDED.quality == min(row.quality for row in KNOWN_MODELS.values())


@pytest.mark.parametrize("name", [name for name, one in WELL_KNOWN.items() if one.hosts])
def test_a_vendors_own_place_proves_the_vendor(name: str) -> None:
    assert vendor_at(WELL_KNOWN[name].base_url) == name


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "https://api.openai.com.example.com/v1",
        "https://notapi.openai.com/v1",
        "https://api.openai.com:8443/v1",
        "https://user@api.openai.com/v1",
        "https://api.openai.com@evil.example/v1",
        "https://example.com/api.openai.com",
        "//api.openai.com/v1",
        "https://[::1",
        "",
    ],
)
def test_nothing_else_proves_it(url: str) -> None:
    assert vendor_at(url) is None


def test_a_vendors_region_is_the_vendor() -> None:
    assert vendor_at("https://eu.api.openai.com/v1") == "openai"
    assert vendor_at("https://API.OpenAI.com./v1") == "openai"
