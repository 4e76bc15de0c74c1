"""The catalog: what is in it, in which order, with which facts, and what cannot be used."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.catalog.build import build_catalog, is_known_model, models_to_price
from smista_mcp.catalog.endpoints import plan_providers
from smista_mcp.catalog.models import KNOWN_MODELS
from smista_mcp.catalog.prices import look_up
from smista_mcp.catalog.types import (
    Availability,
    Catalog,
    Deployment,
    Finding,
    Listing,
    Price,
    Reach,
    ServedModel,
    ServerKind,
    Snapshot,
)
from smista_mcp.policy.types import Group, Layer, Policy, ProviderSettings
from tests.catalog.made import HERE, model, policy, provider

TAKEN = "2026-11-21T12:00:00.000Z"
KEYS = {f"{name}_API_KEY": "k" for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GROQ", "OPENROUTER")}

NO_SERVER = Finding(own_address=True, problem="no server at 127.0.0.1:1")


def seen(which: Policy, env: Mapping[str, str] | None = None, **findings: Finding) -> Availability:
    """An availability in which only `findings` answered."""
    reaches = {one.id: one for one in plan_providers(which, env or {})}
    asked = {name: NO_SERVER for name, one in reaches.items() if one.probe}
    return Availability(TAKEN, reaches, {**asked, **findings})


def build(which: Policy, env: Mapping[str, str] | None = None, **findings: Finding) -> tuple[Catalog, Snapshot]:
    return build_catalog(which, seen(which, env, **findings))


def serving(*models: ServedModel, kind: ServerKind = ServerKind.OLLAMA) -> Finding:
    return Finding(True, kind, True, "", models)


def only(catalog: Catalog, name: str) -> Deployment:
    found = catalog.get(name)
    assert found is not None
    return found


def usable(catalog: Catalog, snapshot: Snapshot) -> list[Deployment]:
    return [one for one in catalog.deployments if one.id not in snapshot.unavailable]


class TestWhatSomebodyHas:
    def test_with_nothing_at_all_there_is_the_embedded_model_and_advice_for_the_rest(self) -> None:
        catalog, snapshot = build(policy())
        assert [one.id for one in usable(catalog, snapshot)] == ["embedded/smollm2-135m-instruct"]
        embedded = only(catalog, "embedded/smollm2-135m-instruct")
        assert embedded.local
        assert embedded.trial
        assert embedded.context_window == 8192
        assert embedded.price is not None
        assert embedded.price.input == 0
        assert snapshot.unavailable["anthropic/claude-opus-5-5"] == "no key: set ANTHROPIC_API_KEY"
        assert snapshot.taken_at == TAKEN

    def test_with_ollama_and_a_7b_model_that_model_beats_the_embedded_one_and_costs_nothing(self) -> None:
        catalog, snapshot = build(policy(), ollama=serving(ServedModel("qwen3:8b", 40960, "8.2B")))
        best = max(usable(catalog, snapshot), key=lambda one: one.quality_for("chat") or 0)
        assert best.id == "ollama/qwen3:8b"
        assert best.local

    def test_with_one_vendors_key_its_range_is_there_in_the_order_of_its_prices(self) -> None:
        catalog, snapshot = build(policy(), {"ANTHROPIC_API_KEY": "k"})
        rows = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"]
        found = [only(catalog, f"anthropic/{row}") for row in rows]
        assert all(one.id not in snapshot.unavailable for one in found)
        assert [one.vendor for one in found] == ["anthropic"] * 3
        figures = [(one.price.input, one.quality_for("edit") or 0) for one in found if one.price]
        assert figures == sorted(figures, reverse=True)
        best = min(
            (one for one in usable(catalog, snapshot) if one.price),
            key=lambda one: (-(one.quality_for("plan") or 0), one.price.output if one.price else 0),
        )
        assert best.id == "anthropic/claude-opus-5-5"

    def test_with_several_keys_small_capable_models_beat_local_ones_only_where_a_floor_asks_for_it(self) -> None:
        catalog, snapshot = build(policy(), KEYS, ollama=serving(ServedModel("qwen3:8b", 40960, "8.2B")))

        def cheapest(floor: float) -> str:
            fit = [one for one in usable(catalog, snapshot) if (one.quality_for("chat") or 0) >= floor and one.price]
            return min(fit, key=lambda one: (one.price.output if one.price else 0, one.id)).id

        assert cheapest(30) == "ollama/qwen3:8b"
        assert not only(catalog, cheapest(50)).local


class TestFacts:
    def test_an_unknown_model_has_no_facts_but_can_be_asked_for(self) -> None:
        catalog, snapshot = build(policy(names=["openai/gpt-99-quark"]), KEYS)
        found = only(catalog, "openai/gpt-99-quark")
        assert not found.known
        assert (found.price, found.context_window, found.max_output_tokens, found.speed) == (None,) * 4
        assert dict(found.quality) == {}
        assert found.capabilities == frozenset()
        assert found.vendor == "openai"
        assert found.id not in snapshot.unavailable

    def test_a_model_that_only_the_list_of_prices_has_is_known_by_it(self) -> None:
        found = only(build(policy(names=["openai/o3"]), KEYS)[0], "openai/o3")
        assert found.known
        assert found.price is not None
        assert found.context_window == 200_000
        assert found.quality_for("chat") is None

    @pytest.mark.parametrize("name", ["gpt-5.6", "claude-opus-5-5-20261001"])
    def test_an_alias_or_a_dated_name_has_the_models_facts(self, name: str) -> None:
        vendor = "openai" if name.startswith("gpt") else "anthropic"
        found = only(build(policy(names=[f"{vendor}/{name}"]), KEYS)[0], f"{vendor}/{name}")
        assert found.known
        assert found.model == name
        assert "reasoning" in found.capabilities
        assert (
            KNOWN_MODELS[f"{vendor}/{'gpt-5.6-sol' if vendor == 'openai' else 'claude-opus-5-5'}"].name in found.aliases
        )

    def test_the_policys_facts_override_all_others(self) -> None:
        stated = model(
            "openai/gpt-6.1-sol",
            context_window=1000,
            max_output_tokens=10,
            capabilities=("json",),
            input_price=Decimal("7"),
            output_price=Decimal("8"),
            currency="EUR",
            quality={"review": 99.0},
            aliases=("sol",),
        )
        found = only(build(policy(models=[stated]), KEYS)[0], "openai/gpt-6.1-sol")
        assert (found.context_window, found.max_output_tokens, found.capabilities) == (1000, 10, {"json"})
        assert found.price == Price(Decimal(7), Decimal(8), None, "EUR", f"policy ({HERE})")
        assert found.quality_for("review") == 99
        assert found.quality_for("chat") == 85
        assert found.quality_source == f"stated in {HERE}"
        assert found.aliases == ("sol",)

    def test_a_price_stated_in_part_is_completed_only_in_its_own_currency(self) -> None:
        def price(**settings: object) -> Price | None:
            stated = model("openai/gpt-6.1-sol", output_price=Decimal(1), **settings)
            return only(build(policy(models=[stated]), KEYS)[0], "openai/gpt-6.1-sol").price

        completed = price()
        assert completed is not None
        assert (completed.input, completed.output, completed.listed_as) == (Decimal(4), Decimal(1), "")
        assert price(currency="EUR") is None

    def test_a_server_states_its_own_window(self) -> None:
        served = ServedModel("m", 4096)
        found = only(
            build(
                policy(providers=[provider("vllm", base_url="http://127.0.0.1:9/v1")]),
                vllm=serving(served, kind=ServerKind.VLLM),
            )[0],
            "vllm/m",
        )
        assert found.context_window == 4096

    def test_capabilities_that_nobody_asks_for_are_left_out(self) -> None:
        served = ServedModel("m:1b", capabilities=frozenset({"completion", "tools", "insert", "reasoning"}))
        assert only(build(policy(), ollama=serving(served))[0], "ollama/m:1b").capabilities == {"tools", "reasoning"}

    def test_a_file_of_ones_own_runs_in_place_of_the_embedded_model(self, tmp_path: Path) -> None:
        file = tmp_path / "Mine-1B.gguf"
        file.write_bytes(b"GGUF")
        which = policy(providers=[provider("embedded", model_path=str(file))], names=["embedded/other"])
        catalog, snapshot = build(which)
        found = only(catalog, "embedded/Mine-1B")
        usual = only(catalog, "embedded/smollm2-135m-instruct")
        assert (found.model, usual.model) == ("Mine-1B", "Mine-1B")
        assert found.endpoint.base_url == f"embedded:{file}"
        assert found.known
        assert not found.trial
        assert snapshot.unavailable == {
            **snapshot.unavailable,
            "embedded/other": "the embedded provider runs embedded/Mine-1B",
        }
        assert found.id not in snapshot.unavailable
        assert usual.id not in snapshot.unavailable

    def test_a_group_brings_its_models_and_is_none_itself(self) -> None:
        groups = {"strong": Group("strong", Layer.USER, ("openai/o3", "anthropic/*"))}
        catalog, _ = build(replace(policy(names=["strong"]), groups=groups), KEYS)
        assert catalog.get("strong") is None
        assert only(catalog, "openai/o3").known


class TestWhatCannotBeUsed:
    def test_a_provider_nobody_knows(self) -> None:
        catalog, snapshot = build(policy(names=["nobody/m", "bare"]))
        assert "add [providers.nobody]" in snapshot.unavailable["nobody/m"]
        assert "provider/model" in snapshot.unavailable["bare"]
        assert only(catalog, "nobody/m").endpoint.base_url == ""

    def test_without_discovery_local_servers_are_not_assumed(self) -> None:
        catalog, snapshot = build_catalog(policy(names=["ollama/m"]), Availability(TAKEN))
        assert snapshot.unavailable["ollama/m"] == "nobody has looked for a server at 127.0.0.1:11434 yet"
        assert not only(catalog, "ollama/m").local

    def test_many_models_of_a_server_are_not_all_listed_in_a_message(self) -> None:
        served = [ServedModel(f"m{number}:7b") for number in range(30)]
        _, snapshot = build(policy(names=["ollama/x"]), ollama=serving(*served))
        assert snapshot.unavailable["ollama/x"].endswith("m0:7b, m10:7b, m11:7b, m12:7b, m13:7b and 25 more")

    def test_with_nothing_pulled_the_message_says_so(self) -> None:
        _, snapshot = build(policy(names=["ollama/x"]), ollama=serving())
        assert snapshot.unavailable["ollama/x"] == "not pulled: run `ollama pull x`; pulled here: nothing"

    def test_a_gateway_with_a_thousand_models_does_not_fill_the_catalog(self) -> None:
        served = [ServedModel(f"m{number}") for number in range(1000)]
        which = policy(providers=[provider("gw", base_url="http://127.0.0.1:9/v1")], names=["gw/m999"])
        catalog, _ = build(which, gw=serving(*served, kind=ServerKind.UNKNOWN))
        assert sum(one.provider == "gw" for one in catalog.deployments) == 101
        assert only(catalog, "gw/m999").known


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("openai/gpt-6.1-sol", True),
        ("openai/gpt-5.6", True),
        ("openai/o3", True),
        ("anthropic/claude-haiku-5-5-20261001", True),
        ("ollama/whatever:7b", True),
        ("embedded/smollm2-135m-instruct", True),
        ("embedded/other", False),
        ("openai/gpt-5.5-mini", False),
        ("nobody/gpt-6.1-sol", False),
        ("gpt-6.1-sol", False),
        ("openai/", False),
        ("", False),
    ],
)
def test_which_models_are_known_can_be_told_without_looking_around(name: str, known: bool) -> None:
    assert is_known_model(name) is known


_words = st.sampled_from(
    ["m", "m:latest", "m:7b", "gpt-6.1-sol", "claude-opus-5-5", "qwen3:8b", "x-cloud", "nomic-embed", "a/b", ""]
)
_ids = st.sampled_from(["openai", "anthropic", "ollama", "vllm", "lmstudio", "embedded", "gw", "work", "nobody"])
_served = st.builds(
    ServedModel,
    _words.filter(bool),
    st.none() | st.integers(1, 10**6),
    st.sampled_from(["", "7B", "nonsense"]),
    st.booleans(),
    st.frozensets(st.sampled_from(["tools", "embedding", "completion", "odd"])),
)
_findings = st.builds(
    Finding,
    st.booleans(),
    st.sampled_from(list(ServerKind)),
    st.booleans(),
    st.sampled_from(["", "http://127.0.0.1:9"]),
    st.none() | st.lists(_served, max_size=4).map(tuple),
    st.sampled_from(["", "", "no server"]),
)


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[Policy, Availability]:
    settings: list[ProviderSettings] = []
    if draw(st.booleans()):
        local = draw(st.sampled_from([None, True, False]))
        settings.append(provider("gw", base_url="http://127.0.0.1:9/v1", local=local))
    if draw(st.booleans()):
        settings.append(provider("work", type="openai", api_key="${env:OPENAI_API_KEY}"))
    names = [f"{provider}/{name}" for provider, name in draw(st.lists(st.tuples(_ids, _words), max_size=6))]
    stated = (
        [model(name, context_window=7) for name in draw(st.lists(st.sampled_from(names), unique=True)) if names]
        if names
        else []
    )
    which = policy(names=names, providers=settings, models=stated)
    env = draw(st.sampled_from([{}, KEYS, {"OPENAI_BASE_URL": "http://127.0.0.1:8/v1"}, {"OLLAMA_HOST": "gpu"}]))
    reaches = {one.id: one for one in plan_providers(which, env)}
    asked = [name for name, one in reaches.items() if one.probe]
    findings = {name: draw(_findings) for name in asked if draw(st.booleans())}
    listings = {f"{a}/{b}": _listing(a, b) for a, b in models_to_price(which, reaches.values())}
    return which, Availability(TAKEN, reaches, findings, listings)


_LISTINGS: dict[tuple[str, str], Listing] = {}


def _listing(list_id: str, name: str) -> Listing:
    from datetime import datetime

    key = (list_id, name)
    if key not in _LISTINGS:
        _LISTINGS[key] = look_up(list_id, name, datetime.fromisoformat(TAKEN))
    return _LISTINGS[key]


def _shuffled(which: Policy, found: Availability, seed: int) -> tuple[Policy, Availability]:
    order = random.Random(seed)

    def mix(mapping: Mapping[str, object]) -> dict[str, object]:
        items = list(mapping.items())
        order.shuffle(items)
        return dict(items)

    rules = list(which.rules)
    order.shuffle(rules)
    findings = {
        name: replace(one, models=None if one.models is None else tuple(order.sample(one.models, len(one.models))))
        for name, one in found.findings.items()
    }
    mixed = replace(which, rules=tuple(rules), providers=mix(which.providers), models=mix(which.models))  # type: ignore[arg-type]
    return mixed, replace(found, providers=mix(found.providers), findings=mix(findings), listings=mix(found.listings))  # type: ignore[arg-type]


class TestInvariants:
    @given(_worlds(), st.integers())
    def test_the_order_in_which_things_come_makes_no_difference(
        self, world: tuple[Policy, Availability], seed: int
    ) -> None:
        assert build_catalog(*_shuffled(*world, seed)) == build_catalog(*world)

    @given(_worlds())
    def test_ids_are_sorted_and_unique_and_everything_mentioned_is_there(
        self, world: tuple[Policy, Availability]
    ) -> None:
        which, _ = world
        catalog, snapshot = build_catalog(*world)
        ids = [one.id for one in catalog.deployments]
        assert ids == sorted(set(ids))
        assert {one.rstrip("/") for one in which.mentioned_models()} <= set(ids)
        assert set(snapshot.unavailable) <= set(ids)
        assert all(snapshot.unavailable.values())

    @given(_worlds())
    def test_nothing_is_claimed_that_is_not_shown(self, world: tuple[Policy, Availability]) -> None:
        _, found = world
        catalog, _ = build_catalog(*world)
        for one in catalog.deployments:
            reach: Reach | None = found.providers.get(one.provider)
            finding = found.findings.get(one.provider)
            proved = reach is not None and reach.vendor is not None
            assert one.local_evidence
            if one.vendor is not None:
                assert proved
            if one.local and one.provider != "embedded":
                assert reach is not None
                shown = finding is not None and finding.own_address and finding.reachable
                assert reach.declared_local or (
                    shown and finding is not None and finding.kind is not ServerKind.UNKNOWN
                )
                assert reach.declared_local is not False
                assert "cloud" not in one.model or reach.dialect.value != "ollama"
            if one.price is not None and one.price.input:
                assert proved
            if not one.known:
                assert dict(one.quality) == {}
                assert one.speed is None
            if one.speed is not None:
                assert proved
