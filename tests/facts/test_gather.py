"""The facts of a step, and the steps that cannot be used."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from smista_mcp.errors import StepError
from smista_mcp.facts.gather import (
    MAX_LABELS,
    MAX_PATHS,
    MAX_TASK_CHARS,
    check_step,
    gather,
    known_intents,
)
from smista_mcp.facts.types import (
    ContextPlan,
    ExcludedFile,
    Exclusion,
    IntentSource,
    PathFact,
    Source,
    Step,
)
from smista_mcp.policy.types import (
    BUILTIN_INTENTS,
    ClassificationRule,
    Effort,
    Layer,
    Match,
    Place,
    Policy,
    Rule,
    Target,
)

POLICY = Policy(
    name="p",
    digest="0",
    classification=(
        ClassificationRule("legal-review", Layer.WORKSPACE, 0, Place("p.toml", 1), keywords=("contract",)),
    ),
    rules=(Rule("r", Layer.WORKSPACE, 0, Match(intent=("changelog",)), Target(model="a/b"), Place("p.toml", 9)),),
)


def test_everything_the_caller_said_is_among_the_facts() -> None:
    step = Step(
        task="Look at this",
        intent="review",
        skill=" changelog ",
        effort=Effort.HIGH,
        labels=("b", "a", "a"),
        data=("personal",),
        model="ollama/qwen",
        max_output_tokens=7,
    )
    plan = ContextPlan(excluded=(ExcludedFile("x", Exclusion.MISSING),))
    paths = (PathFact("src/a.py", ("src/a.py",), Source.OBSERVED), PathFact("b.TS", ("b.TS", "b.ts"), Source.OBSERVED))
    facts = gather(step, POLICY, path_facts=paths, restricted=("k",), plan=plan, input_tokens=12)
    assert facts.intent.value == "review"
    assert facts.intent.source is IntentSource.CALLER
    assert facts.intent.confidence == 1.0
    assert (facts.skill, facts.effort, facts.proposed_model) == ("changelog", Effort.HIGH, "ollama/qwen")
    assert (facts.paths, facts.restricted, facts.context, facts.input_tokens) == (paths, ("k",), plan, 12)
    assert facts.max_output_tokens == 7
    assert facts.attributes.labels.asserted == {"a", "b"}
    assert facts.attributes.data.asserted == {"personal"}
    assert facts.attributes.languages.observed == {"python", "typescript"}
    assert facts.task_sha256 == hashlib.sha256(b"Look at this").hexdigest()
    assert facts.task_chars == 12


def test_nothing_the_caller_says_is_taken_for_more_than_said() -> None:
    attributes = gather(Step("x", labels=("a",), data=("d",)), POLICY).attributes
    assert not (attributes.labels.bound | attributes.labels.observed)
    assert not (attributes.data.bound | attributes.data.observed)


@pytest.mark.parametrize(
    "stated", ["review", "Review", " REVIEW ", "legal-review", "legal review", "Legal_Review", "changelog"]
)
def test_an_intent_is_known_however_it_is_written(stated: str) -> None:
    assert gather(Step("x", intent=stated), POLICY).intent.value in known_intents(POLICY)


def test_the_policy_makes_intents_known() -> None:
    assert set(known_intents(POLICY)) == {*BUILTIN_INTENTS, "legal-review", "changelog"}


def test_an_unknown_intent_is_refused_with_those_that_come_near() -> None:
    with pytest.raises(StepError, match="'reveiw'") as caught:
        gather(Step("x", intent="reveiw"), POLICY)
    assert "Did you mean review" in caught.value.hint
    assert "changelog" in caught.value.hint


def test_a_blank_intent_is_none() -> None:
    assert gather(Step("Summarize it", intent="  "), POLICY).intent.source is IntentSource.CLASSIFIER


def test_a_wrong_intent_does_not_hide_what_the_text_says() -> None:
    facts = gather(Step("Review the contract for risks", intent="edit"), POLICY)
    assert facts.intent.value == "edit"
    assert facts.suspected_intents == ("legal-review", "review")
    plain = gather(Step("Review the contract for risks"), POLICY)
    assert plain.intent.value == "legal-review"
    assert plain.suspected_intents == ("review",)


GOOD = Step("Do it")


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (replace(GOOD, task=""), "empty"),
        (replace(GOOD, task=" \n\t"), "empty"),
        (replace(GOOD, task="x" * (MAX_TASK_CHARS + 1)), "400,001"),
        (replace(GOOD, context="x" * 4_000_001), "context"),
        (replace(GOOD, effort="enormous"), "'enormous'"),  # type: ignore[arg-type]
        (replace(GOOD, skill=""), "empty skill"),
        (replace(GOOD, skill="x" * 201), "skill of 201"),
        (replace(GOOD, skill="a\nb"), "cannot be printed"),
        (replace(GOOD, labels=("ok", " ")), "empty label"),
        (replace(GOOD, labels=tuple(map(str, range(MAX_LABELS + 1)))), "101"),
        (replace(GOOD, data=("a\x00",)), "cannot be printed"),
        (replace(GOOD, paths=("a",) * (MAX_PATHS + 1)), "paths"),
        (replace(GOOD, max_output_tokens=0), "at least 1"),
        (replace(GOOD, model="gpt"), "names no provider"),
    ],
)
def test_a_step_that_cannot_be_used_says_which_part_and_why(step: Step, says: str) -> None:
    with pytest.raises(StepError, match=says):
        check_step(step)
    with pytest.raises(StepError):
        gather(step, POLICY)


def test_a_long_value_is_not_repeated_whole() -> None:
    with pytest.raises(StepError) as caught:
        gather(Step("x", intent="y" * 100_000), POLICY)
    assert len(str(caught.value)) < 200
