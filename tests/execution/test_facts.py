"""Facts, from their sources to the decision: what configuration binds, a repository claims and a session keeps."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from smista_mcp.errors import RefusedError, RunFailedError, StepError
from smista_mcp.execution.engine import Engine
from smista_mcp.facts.types import Step, Values
from smista_mcp.ledger.store import Ledger
from smista_mcp.routing.decision import Decision, Outcome
from tests.execution.conftest import MakeEngine
from tests.providers.scripted import chunked, serve, whole
from tests.providers.vendors import SAID, VENDORS

CHAT = next(one for one in VENDORS if one.dialect.value == "openai-chat")
ANSWER = chunked(CHAT.frames)
MODEL = "first/gpt-5-mini"
GREET = Step("Greet the world")


def policy(url: str, more: str = "") -> str:
    return (
        f'[providers.first]\ntype = "openai-compatible"\nbase_url = "{url}/v1"\n'
        f'[routing.default]\nmodel = "{MODEL}"\n'
        '[[guardrails]]\nname = "personal data stays here"\ndata = ["personal"]\nrequire = { local = true }\n'
        '[[guardrails]]\nname = "pci stays here"\nlabels = ["pci"]\nrequire = { local = true }\n'
    ) + more


def claim(workspace: Path, url: str) -> None:
    git = workspace / ".git"
    git.mkdir(exist_ok=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text(f'[remote "origin"]\n\turl = {url}\n')


def may_have(decision: Decision) -> bool:
    """Whether the remote model may have the step."""
    return next(one.eligible for one in decision.candidates if one.deployment == MODEL)


async def refused(engine: Engine, step: Step) -> bool:
    """Whether delegating `step` to the remote model is refused (the embedded one is not among the candidates)."""
    try:
        await engine.delegate(step)
    except (RefusedError, RunFailedError) as error:
        decision = error.decision if isinstance(error, RefusedError) else None
        assert isinstance(decision, Decision)
        return not may_have(decision)
    return False


NO_EMBEDDED = "[providers.embedded]\nenabled = false\n"


async def test_what_was_once_said_of_a_step_holds_for_every_later_one_of_the_session(make_engine: MakeEngine) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        text = policy(server.url, NO_EMBEDDED)
        async with make_engine(text) as engine:
            assert may_have(await engine.preview(GREET))
            assert await refused(engine, Step("Greet the customer", data=("personal",)))
            assert not may_have(await engine.preview(GREET))
            assert await refused(engine, GREET)
        async with make_engine(text) as another:
            assert (await another.delegate(GREET)).answer == SAID


async def test_labels_stay_as_data_does_and_nothing_that_was_refused_goes_out(make_engine: MakeEngine) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        async with make_engine(policy(server.url, NO_EMBEDDED)) as engine:
            assert await refused(engine, Step("Greet", labels=("pci",)))
            assert await refused(engine, GREET)
        assert all(one.method == "GET" for one in server.requests)


async def test_a_preview_sees_what_the_session_remembers_and_adds_nothing(make_engine: MakeEngine) -> None:
    async with serve(whole({"data": []}), ANSWER) as server, make_engine(policy(server.url, NO_EMBEDDED)) as engine:
        assert not may_have(await engine.preview(Step("Greet", data=("personal",))))
        assert may_have(await engine.preview(GREET))
        assert (await engine.delegate(GREET)).answer == SAID


async def test_a_step_that_cannot_be_used_leaves_nothing_behind(make_engine: MakeEngine) -> None:
    async with serve(whole({"data": []}), ANSWER) as server, make_engine(policy(server.url, NO_EMBEDDED)) as engine:
        with pytest.raises(StepError):
            await engine.delegate(Step("", data=("personal",)))
        assert (await engine.delegate(GREET)).answer == SAID


async def test_of_steps_at_once_each_is_decided_on_what_was_known_when_it_was_decided(make_engine: MakeEngine) -> None:
    async with serve(whole({"data": []}), ANSWER) as server, make_engine(policy(server.url, NO_EMBEDDED)) as engine:
        steps = [Step(f"Greet {number}", data=("personal",) if number == 3 else ()) for number in range(8)]
        await asyncio.gather(*(refused(engine, step) for step in steps))
        assert not may_have(await engine.preview(GREET))


async def test_preview_and_delegate_have_the_same_facts_of_every_source(
    make_engine: MakeEngine, workspace: Path, ledger_file: Path
) -> None:
    claim(workspace, "git@github.com:acme/pay.git")
    more = (
        '[identity]\nteam = "core"\n'
        f'[[repositories]]\npath = ["{workspace.resolve()}"]\nlabels = ["ours"]\ntier = "gold"\n'
        '[[repositories]]\nremote = ["github.com/acme/*"]\nlabels = ["theirs"]\ntier = "platinum"\n'
    )
    async with serve(whole({"data": []}), ANSWER) as server, make_engine(policy(server.url, more)) as engine:
        for step in (GREET, Step("Greet", labels=("x",)), GREET, Step("Greet", data=("public",))):
            before = await engine.preview(step)
            delegation = await engine.delegate(step)
            assert as_decided(before) == as_decided(delegation.decision) == as_decided(await engine.preview(step))
    ledger = await Ledger.open(ledger_file)
    inputs = await ledger.inputs(delegation.decision.decision_id)
    await ledger.close()
    assert inputs is not None
    attributes = inputs.facts.attributes
    assert attributes.labels == Values(frozenset({"ours"}), frozenset({"theirs"}), frozenset({"x"}))
    assert attributes.tier == Values(frozenset({"gold"}), frozenset({"platinum"}))
    assert attributes.team == Values(frozenset({"core"}))
    assert attributes.data == Values(asserted=frozenset({"public"}))
    assert attributes.repo == Values(observed=frozenset({"github.com/acme/pay"}))


def as_decided(decision: Decision) -> Decision:
    """The decision without the moment at which it was taken."""
    return replace(decision, decision_id="", snapshot_digest="", snapshot_taken_at="")


GUARANTEED = (
    '[[guardrails]]\nname = "stays here"\nrequire = { local = true }\n'
    'unless = { tier = "platinum" }\n[[guardrails]]\nname = "so does this"\nrequire = { local = true }\n'
    'unless = { labels = ["cleared"] }\n'
)
CLEARS = 'labels = ["cleared"]\ntier = "platinum"\n'


async def test_a_folder_can_grant(make_engine: MakeEngine, workspace: Path) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        more = f'{GUARANTEED}[[repositories]]\npath = ["{workspace.parent.resolve()}"]\n{CLEARS}'
        async with make_engine(policy(server.url, more)) as engine:
            assert may_have(await engine.preview(GREET))


async def test_a_remote_can_not(make_engine: MakeEngine, workspace: Path) -> None:
    claim(workspace, "git@github.com:acme/pay.git")
    async with serve(whole({"data": []}), ANSWER) as server:
        more = f'{GUARANTEED}[[repositories]]\nremote = ["github.com/acme/*"]\n{CLEARS}'
        async with make_engine(policy(server.url, more)) as engine:
            decision = await engine.preview(Step("Greet", labels=("cleared",)))
            assert not may_have(decision)


async def test_what_a_remote_brought_does_not_go_when_the_remote_does(make_engine: MakeEngine, workspace: Path) -> None:
    claim(workspace, "git@github.com:acme/pay.git")
    async with serve(whole({"data": []}), ANSWER) as server:
        more = '[[repositories]]\nremote = ["github.com/acme/*"]\nlabels = ["pci"]\n' + NO_EMBEDDED
        async with make_engine(policy(server.url, more)) as engine:
            assert await refused(engine, GREET)
            claim(workspace, "git@github.com:somebody/else.git")
            assert await refused(engine, GREET)
        async with make_engine(policy(server.url, more)) as another:
            assert (await another.preview(GREET)).outcome is Outcome.ROUTED
