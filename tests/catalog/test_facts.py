"""Facts that only an operator can know: where they come from, what outdoes what, and where they do not go along."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.catalog.build import build_catalog
from smista_mcp.catalog.endpoints import plan_providers
from smista_mcp.catalog.family import family_of
from smista_mcp.catalog.models import KNOWN_MODELS
from smista_mcp.catalog.types import Availability, Deployment, Finding, Scope, ServedModel, ServerKind
from smista_mcp.policy.types import DeploymentFacts, ModelSettings, Policy, ProviderSettings
from tests.catalog.made import model, policy, provider

TAKEN = "2026-11-21T12:00:00.000Z"
LUNA = "openai/gpt-6-luna"

IN_THE_EU = DeploymentFacts(
    vendor="acme",
    family="gpt",
    processing_countries=("DE", "FR"),
    storage_countries=(),
    serving_scope="zone",
    operator_country="DE",
    zero_retention=True,
    trains_on_data=False,
    certifications=("iso-27001",),
    evidence_url="https://acme.example/trust",
    evidence_date="2026-05-01",
    latency_ms=900,
    speed=55.0,
)
ALONE = ("vendor", "family", "speed")
"""What the catalog may know by itself."""


def found(
    which: Policy, name: str = LUNA, env: dict[str, str] | None = None, finding: Finding | None = None
) -> Deployment:
    reaches = {one.id: one for one in plan_providers(which, {"OPENAI_API_KEY": "k", **(env or {})})}
    findings = {} if finding is None else {name.partition("/")[0]: finding}
    catalog, _ = build_catalog(which, Availability(TAKEN, reaches, findings))
    deployment = catalog.get(name)
    assert deployment is not None
    return deployment


def with_facts(provider_facts: DeploymentFacts | None = None, model_facts: DeploymentFacts | None = None) -> Policy:
    stated: list[ProviderSettings] = [] if provider_facts is None else [provider("openai", facts=provider_facts)]
    models: list[ModelSettings] = [] if model_facts is None else [model(LUNA, facts=model_facts)]
    return policy(providers=stated, models=models)


def facts_of(one: Deployment) -> dict[str, object]:
    return {field.name: getattr(one, field.name) for field in fields(DeploymentFacts)}


NOTHING = {field.name: field.default for field in fields(Deployment) if field.name in facts_of(found(policy()))}


def test_of_no_model_do_we_claim_where_it_runs_or_what_becomes_of_the_data() -> None:
    which = policy()
    reaches = {one.id: one for one in plan_providers(which, {})}
    catalog, _ = build_catalog(which, Availability(TAKEN, reaches))
    for one in catalog.deployments:
        assert {key: value for key, value in facts_of(one).items() if key not in ALONE} == {
            key: value for key, value in NOTHING.items() if key not in ALONE
        }


def test_what_a_provider_is_said_to_be_is_true_of_its_models() -> None:
    one = found(with_facts(IN_THE_EU))
    assert (one.vendor, one.family, one.operator_country) == ("acme", "gpt", "DE")
    assert (one.processing_countries, one.storage_countries) == (frozenset({"DE", "FR"}), frozenset())
    assert one.serving_scope is Scope.ZONE
    assert (one.zero_retention, one.trains_on_data) == (True, False)
    assert one.certifications == {"iso-27001"}
    assert (one.evidence_url, one.evidence_date) == ("https://acme.example/trust", "2026-05-01")
    assert (one.latency_ms, one.speed) == (900, 55.0)


def test_what_a_model_is_said_to_be_comes_before_its_provider_key_by_key() -> None:
    own = DeploymentFacts(processing_countries=("US",), zero_retention=False, certifications=())
    one = found(with_facts(IN_THE_EU, own))
    assert (one.processing_countries, one.zero_retention, one.certifications) == ({"US"}, False, frozenset())
    assert (one.storage_countries, one.operator_country, one.vendor) == (frozenset(), "DE", "acme")
    another = found(with_facts(IN_THE_EU, own), "openai/gpt-6-astra")
    assert another.processing_countries == {"DE", "FR"}


def test_what_is_not_stated_stays_as_the_catalog_knows_it() -> None:
    plain, one = found(policy()), found(with_facts(DeploymentFacts(operator_country="US")))
    assert one == replace(plain, operator_country="US")
    assert plain.vendor == "openai"
    assert plain.speed


def test_nothing_of_it_goes_along_where_a_variable_has_moved_the_endpoint() -> None:
    moved = {"OPENAI_BASE_URL": "https://gateway.example/v1"}
    which = with_facts(replace(IN_THE_EU, family=None), IN_THE_EU)
    assert facts_of(found(which, env=moved)) == {**NOTHING, "family": "gpt"}


def test_what_is_said_of_a_server_is_not_said_of_a_model_that_it_passes_on() -> None:
    serving = Finding(
        True,
        ServerKind.OLLAMA,
        True,
        "",
        (ServedModel("qwen3:8b"), ServedModel("gpt-oss:120b-cloud"), ServedModel("kimi", remote=True)),
    )
    which = policy(providers=[provider("ollama", facts=replace(IN_THE_EU, family=None))])
    here = found(which, "ollama/qwen3:8b", finding=serving)
    assert (here.local, here.processing_countries, here.family) == (True, {"DE", "FR"}, "qwen")
    for name in ("gpt-oss:120b-cloud", "kimi"):
        elsewhere = found(which, f"ollama/{name}", finding=serving)
        assert not elsewhere.local
        assert (elsewhere.processing_countries, elsewhere.zero_retention, elsewhere.vendor) == (None, None, None)
    own = policy(
        providers=which.providers.values(), models=[model("ollama/kimi", facts=DeploymentFacts(operator_country="US"))]
    )
    assert found(own, "ollama/kimi", finding=serving).operator_country == "US"


countries = st.none() | st.lists(st.sampled_from(["DE", "FR", "US"]), max_size=2).map(tuple)
stated = st.builds(
    DeploymentFacts,
    processing_countries=countries,
    storage_countries=countries,
    zero_retention=st.none() | st.booleans(),
    trains_on_data=st.none() | st.booleans(),
    operator_country=st.sampled_from([None, "DE"]),
    latency_ms=st.sampled_from([None, 5]),
)


@given(stated, stated)
def test_every_fact_is_the_models_else_the_providers_else_unknown(
    of_provider: DeploymentFacts, of_model: DeploymentFacts
) -> None:
    one = found(with_facts(of_provider, of_model))
    for name in ("zero_retention", "trains_on_data", "operator_country", "latency_ms"):
        own = getattr(of_model, name)
        assert getattr(one, name) == (getattr(of_provider, name) if own is None else own)
    for name in ("processing_countries", "storage_countries"):
        own = getattr(of_model, name)
        expected = getattr(of_provider, name) if own is None else own
        assert getattr(one, name) == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("claude-opus-5-5", "claude"),
        ("anthropic/claude-opus-5.5", "claude"),
        ("gpt-6-luna", "gpt"),
        ("openai/gpt-oss-120b", "gpt-oss"),
        ("o3-mini", "gpt"),
        ("olmo2:7b", "olmo"),
        ("qwen2.5-coder:7b", "qwen"),
        ("hf.co/someone/Meta-Llama-3.1-8B-Instruct-GGUF", "llama"),
        ("codestral-2508", "mistral"),
        ("gemma3:4b", "gemma"),
        ("my-own-model", None),
        ("gptology", None),
        ("", None),
    ],
)
def test_a_familys_name_is_told_from_the_models(name: str, family: str | None) -> None:
    assert family_of(name) == family


def test_every_model_of_our_table_has_a_family() -> None:
    assert [row.id for row in KNOWN_MODELS.values() if family_of(row.name) is None] == []
