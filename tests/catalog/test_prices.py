"""Prices: one figure for a decision, the list's own tiers for the bill."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smista_mcp.catalog.models import KNOWN_MODELS
from smista_mcp.catalog.prices import FREE, PriceFile, cost_of, look_up, price_of
from smista_mcp.catalog.types import Deployment, Dialect, Endpoint, Price
from smista_mcp.catalog.wellknown import WELL_KNOWN

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def deployment(price: Price | None) -> Deployment:
    return Deployment("p/m", "p", "m", Dialect.OPENAI_CHAT, Endpoint("http://127.0.0.1"), price=price)


def test_of_several_tiers_the_dearest_stands_and_each_can_be_had() -> None:
    price = price_of("anthropic", "claude-haiku-5-5", NOON)
    assert price is not None
    small, large = price.for_input(1_000), price.for_input(150_000)
    assert (small.input, small.output) == (Decimal("0.1"), Decimal("0.5"))
    assert (large.input, large.output) == (price.input, price.output) == (Decimal("0.5"), Decimal("2.5"))
    assert price.source.startswith("genai-prices ")


def test_of_several_hours_the_dearest_stands_and_the_bill_goes_by_the_hour() -> None:
    price = price_of("deepseek", "deepseek-v4-pro", NOON)
    assert price is not None
    peak = NOON.replace(hour=2)
    assert price == price_of("deepseek", "deepseek-v4-pro", peak)
    bills = {cost_of(deployment(price), 1_000_000, 0, 0, 0, at) for at in (NOON, peak)}
    assert len(bills) == 2
    assert max(bill for bill in bills if bill is not None) == price.input


def test_an_introductory_price_ends_on_its_day() -> None:
    before, after = (price_of("gemini", "gemini-4-argon", datetime(2026, month, 5, tzinfo=UTC)) for month in (11, 12))
    assert before is not None
    assert after is not None
    assert after.input > before.input


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "no-such-model"), ("ollama", "llama3"), ("nobody", "gpt-5"), ("openai", ""), ("openai", "whisper-1")],
)
def test_what_the_list_does_not_have_has_no_price(provider: str, model: str) -> None:
    assert price_of(provider, model, NOON) is None
    assert cost_of(deployment(None), 10, 10, 0, 0, NOON) is None


def test_a_policys_price_is_plain_arithmetic() -> None:
    price = Price(Decimal("2"), Decimal("10"), Decimal("0.5"), "EUR", "policy")
    assert cost_of(deployment(price), 1_000_000, 100_000, 400_000, 50_000, NOON) == Decimal("2.4")
    assert cost_of(deployment(Price(Decimal(2), Decimal(10))), 1_000_000, 0, 400_000, 0, NOON) == Decimal(2)


def test_what_runs_here_costs_nothing() -> None:
    assert cost_of(deployment(FREE), 10**9, 10**9, 5, 5, NOON) == 0


@given(
    row=st.sampled_from([one for one in KNOWN_MODELS.values() if WELL_KNOWN[one.provider].list_id]),
    sent=st.integers(0, 2_000_000),
    cached=st.integers(0, 2_000_000),
    answered=st.integers(0, 200_000),
    hour=st.integers(0, 23),
)
@example(row=KNOWN_MODELS["openai/gpt-6.1-sol"], sent=272_000, cached=0, answered=1, hour=0)
@example(row=KNOWN_MODELS["openai/gpt-6.1-sol"], sent=272_001, cached=0, answered=1, hour=0)
def test_no_bill_is_higher_than_what_was_decided_with(row, sent: int, cached: int, answered: int, hour: int) -> None:  # type: ignore[no-untyped-def]
    at = NOON.replace(hour=hour)
    price = price_of(row.provider, row.name, at)
    assert price is not None
    bill = cost_of(deployment(price), sent, answered, cached, 0, at)
    assert bill is not None
    step = price.for_input(sent)
    most = (step.input * sent + step.output * answered) / 1_000_000
    assert 0 <= bill <= most <= (price.input * sent + price.output * answered) / 1_000_000


class TestTheFile:
    WANTED = (("openai", "gpt-6.1-sol"), ("anthropic", "claude-haiku-5-5"), ("openai", "no-such-model"))

    def filled(self, where: Path | None, at: datetime = NOON) -> PriceFile:
        prices = PriceFile(where, at)
        prices.fill(self.WANTED)
        return prices

    def test_what_is_read_back_is_what_was_looked_up(self, tmp_path: Path) -> None:
        first = self.filled(tmp_path).listings(self.WANTED)
        again = PriceFile(tmp_path, NOON)
        assert again.has(self.WANTED)
        assert again.listings(self.WANTED) == first == {f"{a}/{b}": look_up(a, b, NOON) for a, b in self.WANTED}

    def test_it_holds_for_its_day_only(self, tmp_path: Path) -> None:
        self.filled(tmp_path)
        assert not PriceFile(tmp_path, NOON + timedelta(days=1)).has(self.WANTED)

    def test_it_does_not_outlive_the_list_it_was_made_from(self, tmp_path: Path) -> None:
        self.filled(tmp_path)
        file = tmp_path / "prices.json"
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "stamp": content["stamp"] + "1"}))
        assert not PriceFile(tmp_path, NOON).has(self.WANTED)

    @pytest.mark.parametrize("wrong", [None, 5, "NaN", "-1", "Infinity", [], "x"])
    @pytest.mark.parametrize("name", ["input", "output", "steps", "source", "cached", "window"])
    def test_a_spoilt_figure_is_not_taken(self, tmp_path: Path, name: str, wrong: object) -> None:
        first = self.filled(tmp_path).listings(self.WANTED)
        file = tmp_path / "prices.json"
        content = json.loads(file.read_text())
        key = "anthropic/claude-haiku-5-5"
        content["listings"][key][name] = wrong
        file.write_text(json.dumps(content))
        found = PriceFile(tmp_path, NOON).listings(self.WANTED)
        if key in found and found[key] != first[key]:
            told = found[key].price
            assert (name, wrong) in [
                ("window", None),
                ("window", 5),
                ("steps", []),
                ("cached", None),
            ] or name == "source"
            assert told is not None
            assert told.input == Decimal("0.5")

    def test_without_a_directory_nothing_is_kept(self) -> None:
        assert self.filled(None).has(self.WANTED)
        assert not PriceFile(None, NOON).has(self.WANTED)
