"""Single decisions that people ask about, one promise each."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from smista_mcp.catalog.types import Catalog, Deployment, Dialect, Endpoint, Price, Snapshot
from smista_mcp.facts.types import (
    Attributes,
    ContextPlan,
    ExcludedFile,
    Exclusion,
    Facts,
    IncludedFile,
    Intent,
    IntentSource,
    PathFact,
    Source,
    Values,
)
from smista_mcp.policy.types import DefaultRoute, Effort, Layer, Match, Pick, Place, Policy, Rule, Target
from smista_mcp.routing.decide import decide
from smista_mcp.routing.decision import Candidate

FREE = Price(Decimal(0), Decimal(0))
PLACE = Place("policy.toml", 1)
SNAPSHOT = Snapshot("2026-01-01T00:00:00.000Z")
STEP = Facts(Intent("review", IntentSource.CALLER, 1.0), input_tokens=10)


def deployment(name: str, **known: object) -> Deployment:
    provider, _, model = name.partition("/")
    made = Deployment(name, provider, model, Dialect.OPENAI_CHAT, Endpoint("http://127.0.0.1:1"))
    return replace(made, **known)  # type: ignore[arg-type]


def catalog(*deployments: Deployment) -> Catalog:
    return Catalog(tuple(sorted(deployments, key=lambda one: one.id)))


def rule(name: str, model: str, layer: Layer = Layer.USER, **more: object) -> Rule:
    return replace(Rule(name, layer, 0, Match(), Target(model=model), PLACE), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("taken", "wanted", "asked"),
    [
        (("low", "medium", "high"), Effort.XHIGH, Effort.HIGH),
        (("high",), Effort.LOW, Effort.HIGH),
        (("low", "high"), Effort.MEDIUM, Effort.LOW),
        ((), Effort.XHIGH, Effort.XHIGH),
        (("low",), None, None),
    ],
)
def test_a_model_is_asked_for_the_nearest_effort_that_it_takes(
    taken: tuple[str, ...], wanted: Effort | None, asked: Effort | None
) -> None:
    policy = Policy("p", "0", rules=(rule("r", "openai/a"),))
    step = replace(STEP, effort=wanted)
    decision = decide(step, policy, catalog(deployment("openai/a", efforts=taken)), SNAPSHOT)
    assert decision.selected is not None
    assert decision.selected.effort is asked


def test_a_default_that_somebody_wrote_comes_before_the_built_in_rules_and_after_all_others() -> None:
    models = catalog(deployment("openai/a"), deployment("openai/b"), deployment("openai/c"))
    built_in = rule("built-in", "openai/a", Layer.BUILTIN)
    default = DefaultRoute(Layer.USER, PLACE, "openai/b")
    written = rule("written", "openai/c")
    only_default = decide(STEP, Policy("p", "0", rules=(built_in,), defaults=(default,)), models, SNAPSHOT)
    both = decide(STEP, Policy("p", "0", rules=(built_in, written), defaults=(default,)), models, SNAPSHOT)
    assert [one.deployment for one in only_default.chain] == ["openai/b"]
    assert [one.deployment for one in both.chain] == ["openai/c"]


def test_the_smallest_model_that_clears_the_bar_takes_two_keys() -> None:
    models = catalog(
        deployment("openai/large", quality={"default": 95.0}, price=Price(Decimal(3), Decimal(9))),
        deployment("ollama/small", quality={"default": 40.0}, local=True, price=FREE),
        deployment("ollama/middle", quality={"default": 72.0}, local=True, price=FREE),
    )
    policy = Policy("p", "0", rules=(replace(rule("r", ""), target=Target(pick=Pick.CHEAPEST, min_quality=70)),))
    decision = decide(STEP, policy, models, SNAPSHOT)
    assert decision.selected is not None
    assert decision.selected.deployment == "ollama/middle"


def test_a_candidate_cannot_be_excluded_without_a_reason() -> None:
    with pytest.raises(ValueError, match="openai/a"):
        Candidate("openai/a", False)


OTHER = Facts(
    Intent("plan", IntentSource.POLICY, 0.5, "a word"),
    paths=(PathFact("a", ("a",), Source.OBSERVED),),
    skill="changelog",
    effort=Effort.LOW,
    proposed_model="openai/b",
    restricted=("a",),
    input_tokens=11,
    max_output_tokens=7,
    context=ContextPlan((IncludedFile("a", 1, 1, "0"),), (ExcludedFile("b", Exclusion.MISSING),)),
    attributes=Attributes(tier=Values(bound=frozenset({"platinum"}))),
    suspected_intents=("edit",),
    task_sha256="1",
    task_chars=3,
)


@pytest.mark.parametrize("name", [one.name for one in fields(Facts)])
def test_every_fact_has_a_part_in_the_decisions_id(name: str) -> None:
    policy, models = Policy("p", "0"), catalog(deployment("openai/a"))
    changed = replace(STEP, **{name: getattr(OTHER, name)})
    ids = {decide(step, policy, models, SNAPSHOT).decision_id for step in (STEP, changed, changed)}
    assert len(ids) == 2


def test_policy_catalog_and_snapshot_have_a_part_in_the_decisions_id() -> None:
    models = catalog(deployment("openai/a"))
    decided = [
        decide(STEP, Policy("p", "0"), models, SNAPSHOT),
        decide(STEP, Policy("p", "1"), models, SNAPSHOT),
        decide(STEP, Policy("p", "0"), catalog(deployment("openai/a", local=True)), SNAPSHOT),
        decide(STEP, Policy("p", "0"), models, Snapshot("2026-01-01T00:00:01.000Z")),
    ]
    assert len({one.decision_id for one in decided}) == len(decided)
