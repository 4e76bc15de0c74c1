"""The whole way of a step: real sockets, real files, a real ledger."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError, RefusedError, RunFailedError, StepError
from smista_mcp.execution.engine import Failure
from smista_mcp.execution.present import delegation_json, error_json, reason_text
from smista_mcp.facts.types import Step
from smista_mcp.ledger.store import Entry, Ledger
from smista_mcp.ledger.types import RunOutcome
from smista_mcp.routing.decision import Outcome
from tests.execution.conftest import MakeEngine
from tests.providers.scripted import Act, chunked, serve, whole
from tests.providers.vendors import SAID, VENDORS, Vendor
from tests.server.process import Provider

CHAT: Vendor = next(one for one in VENDORS if one.dialect.value == "openai-chat")
KEY = "sk-proj-aVerySecretKeyThatMustNeverShow123456"


def provider(name: str, url: str, more: str = "") -> str:
    return f'[providers.{name}]\ntype = "openai-compatible"\nbase_url = "{url}/v1"\n{more}\n'


def default(model: str, *fallbacks: str) -> str:
    return f"[routing.default]\nmodel = {json.dumps(model)}\nfallbacks = {json.dumps(list(fallbacks))}\n"


ANSWER = chunked(CHAT.frames)
MODEL = "gpt-5-mini"
PRICED = f'[models."first/{MODEL}"]\ninput_price = "2"\noutput_price = "10"\n'


async def recorded(ledger_file: Path) -> Entry:
    ledger = await Ledger.open(ledger_file)
    entry = await ledger.entry()
    await ledger.close()
    assert entry is not None
    return entry


async def test_the_answer_comes_back_with_what_it_took_and_is_recorded_before(
    make_engine: MakeEngine, ledger_file: Path
) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        policy = provider("first", server.url) + default(f"first/{MODEL}") + PRICED
        async with make_engine(policy) as engine:
            delegation = await engine.delegate(Step("Greet the world", max_output_tokens=500))
    assert delegation.answer == SAID
    (attempt,) = delegation.run.attempts
    assert attempt.failure is None
    assert attempt.model_answered == "gpt-5-mini-2025-08-07"
    assert (attempt.input_tokens, attempt.output_tokens, attempt.cached_tokens, attempt.reasoning_tokens) == (
        1200,
        90,
        1024,
        64,
    )
    assert attempt.cost == Decimal("0.0033")
    entry = await recorded(ledger_file)
    assert entry.runs == (delegation.run,)
    assert entry.decision["decision_id"] == delegation.decision.decision_id
    shown = delegation_json(delegation)
    assert shown["cost"] == "0.0033"
    assert shown["model_answered"] == "gpt-5-mini-2025-08-07"
    assert delegation.decision.decision_id in reason_text(delegation)


async def test_the_chain_is_walked_past_what_another_deployment_can_mend(make_engine: MakeEngine) -> None:
    overloaded = whole({"error": {"message": "try later", "type": "server_error"}}, status=503)
    async with (
        serve(whole({"data": []}), overloaded) as first,
        serve(whole({"data": []}), [*ANSWER[:3], Act.CUT]) as second,
        serve(whole({"data": []}), ANSWER) as third,
    ):
        policy = (
            provider("first", first.url)
            + provider("second", second.url)
            + provider("third", third.url)
            + default(f"first/{MODEL}", f"second/{MODEL}", f"third/{MODEL}")
        )
        async with make_engine(policy) as engine:
            delegation = await engine.delegate(Step("Greet the world"))
    assert delegation.answer == SAID
    assert [one.failure for one in delegation.run.attempts] == ["server_error", "truncated_stream", None]
    assert "Before it, first/gpt-5-mini failed: server_error." in reason_text(delegation)


async def test_a_bad_request_is_not_tried_elsewhere(make_engine: MakeEngine, ledger_file: Path) -> None:
    refused = whole({"error": {"message": "temperature is wrong", "type": "invalid_request_error"}}, status=400)
    async with serve(whole({"data": []}), refused) as first, serve(whole({"data": []}), ANSWER) as second:
        policy = provider("first", first.url) + provider("second", second.url)
        policy += default(f"first/{MODEL}", f"second/{MODEL}")
        async with make_engine(policy) as engine:
            with pytest.raises(RunFailedError, match="bad_request") as caught:
                await engine.delegate(Step("Greet the world"))
        assert [one.method for one in second.requests] == ["GET"] * len(second.requests)
    assert isinstance(caught.value.run, Failure)
    assert [one.failure for one in caught.value.run.run.attempts] == ["bad_request"]
    assert (await recorded(ledger_file)).runs[0].outcome is RunOutcome.FAILED


async def test_another_model_than_the_one_asked_for_is_a_failure_that_is_paid_for(make_engine: MakeEngine) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        policy = provider("first", server.url) + default("first/gpt-5-nano")
        policy += '[models."first/gpt-5-nano"]\ninput_price = "1"\noutput_price = "1"\n'
        async with make_engine(policy) as engine:
            with pytest.raises(RunFailedError, match="wrong_model") as caught:
                await engine.delegate(Step("Greet the world"))
    assert isinstance(caught.value.run, Failure)
    (attempt,) = caught.value.run.run.attempts
    assert attempt.model_answered == "gpt-5-mini-2025-08-07"
    assert attempt.cost == Decimal("0.00129")
    assert error_json(caught.value)["cost"] == "0.00129"


async def test_cancelling_closes_the_connection_and_records_what_was_used(
    make_engine: MakeEngine, ledger_file: Path
) -> None:
    async with Provider("the beginning of", hangs=True) as server:
        policy = f'[providers.first]\ntype = "openai-compatible"\nbase_url = "{server.url}"\n' + default("first/model")
        policy += '[[routing.rules]]\nname = "there"\nmodel = "first/model"\n'
        async with make_engine(policy) as engine:
            running = asyncio.create_task(engine.delegate(Step("Greet the world")))
            async with asyncio.timeout(60):
                await server.called.wait()
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
                await server.hung_up.wait()
    (run,) = (await recorded(ledger_file)).runs
    assert run.outcome is RunOutcome.CANCELLED
    assert [one.failure for one in run.attempts] == ["cancelled"]
    assert run.attempts[0].usage_estimated
    assert run.attempts[0].input_tokens > 0


async def test_a_refusal_is_recorded_and_calls_nobody(
    make_engine: MakeEngine, workspace: Path, ledger_file: Path
) -> None:
    (workspace / "secret.txt").write_text("the crown jewels")
    async with serve(whole({"data": []}), ANSWER) as server:
        policy = provider("first", server.url) + '[privacy]\nrestricted_paths = ["secret.txt"]\n'
        policy += '[[routing.rules]]\nname = "only there"\npriority = 1\nlocal_only = true\n'
        policy += f'model = "first/{MODEL}"\n'
        async with make_engine(policy) as engine:
            with pytest.raises(RefusedError) as caught:
                await engine.delegate(Step("Greet the world", paths=("secret.txt",)))
        assert all(one.method == "GET" for one in server.requests)
    assert error_json(caught.value)["outcome"] == "no_eligible_model"
    assert "restricted_path" in json.dumps(error_json(caught.value)["candidates"])
    assert (await recorded(ledger_file)).runs[0].outcome is RunOutcome.REFUSED


async def test_the_files_named_are_what_the_model_reads_and_nothing_else(
    make_engine: MakeEngine, workspace: Path
) -> None:
    (workspace / "src").mkdir()
    (workspace / "src" / "named.py").write_text("NAMED = 1\n")
    (workspace / "src" / "other.py").write_text("OTHER = 1\n")
    (workspace / "src" / ".env").write_text("TOKEN=canary-in-env\n")
    (workspace / "ignored.txt").write_text("canary-ignored\n")
    (workspace / ".gitignore").write_text("ignored.txt\n")
    async with serve(whole({"data": []}), ANSWER) as server:
        policy = provider("first", server.url) + default(f"first/{MODEL}")
        async with make_engine(policy) as engine:
            delegation = await engine.delegate(Step("Explain", paths=("src/named.py", "src", "missing.py")))
        sent = server.requests[-1].raw.decode()
    assert "NAMED = 1" in sent
    assert "OTHER = 1" in sent
    assert "canary" not in sent
    context = delegation_json(delegation)["context"]
    assert [one["path"] for one in context["included"]] == ["src/named.py", "src/other.py"]
    reasons = {one["path"]: one["reason"] for one in context["excluded"]}
    assert reasons["missing.py"] == "missing"
    assert reasons["src/.env"] == "restricted"


async def test_a_step_whose_files_are_all_unreadable_is_not_answered_by_invention(
    make_engine: MakeEngine, workspace: Path, ledger_file: Path
) -> None:
    (workspace / "README.md").write_text("hello")
    async with Provider("Hello.") as server:
        policy = f'[providers.first]\ntype = "openai-compatible"\nbase_url = "{server.url}"\n' + default("first/model")
        async with make_engine(policy) as engine:
            with pytest.raises(StepError, match=r"REDME\.md.*README\.md"):
                await engine.delegate(Step("Summarize", paths=("REDME.md",)))
            assert not ledger_file.exists()
            passed = await engine.delegate(Step("Summarize", paths=("REDME.md",), context="the text itself"))
    assert passed.answer == "Hello."
    assert "Left out: REDME.md: no such file" in reason_text(passed)


async def test_a_run_is_recorded_as_it_ended_whenever_it_is_cancelled(
    make_engine: MakeEngine, ledger_file: Path
) -> None:
    async with Provider("the beginning of", hangs=True) as server:
        policy = f'[providers.first]\ntype = "openai-compatible"\nbase_url = "{server.url}"\n' + default("first/model")
        async with make_engine(policy) as engine:
            await engine.preview(Step("look around first"))
            for pause in range(40):
                running = asyncio.create_task(engine.delegate(Step(f"Greet {pause}")))
                await asyncio.sleep(pause / 400)
                running.cancel()
                await asyncio.sleep(0)
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
    ledger = await Ledger.open(ledger_file)
    entries = [await ledger.entry(decided) for decided in await ledger.latest(100)]
    await ledger.close()
    outcomes = {run.outcome for entry in entries if entry for run in entry.runs}
    assert outcomes == {RunOutcome.CANCELLED}


async def test_who_is_told_of_progress_may_be_gone(make_engine: MakeEngine) -> None:
    async def gone(_: str) -> None:
        raise ConnectionError

    async with Provider("Hello.") as server:
        policy = f'[providers.first]\ntype = "openai-compatible"\nbase_url = "{server.url}"\n' + default("first/model")
        async with make_engine(policy) as engine:
            assert (await engine.delegate(Step("Greet"), on_progress=gone)).answer == "Hello."


async def test_costs_in_two_currencies_are_not_added_up(make_engine: MakeEngine) -> None:
    async with (
        serve(whole({"data": []}), [*ANSWER[:3], Act.CUT]) as first,
        serve(whole({"data": []}), ANSWER) as second,
    ):
        policy = provider("first", first.url) + provider("second", second.url) + PRICED
        policy += f'[models."second/{MODEL}"]\ninput_price = "1"\noutput_price = "1"\ncurrency = "EUR"\n'
        policy += default(f"first/{MODEL}", f"second/{MODEL}")
        async with make_engine(policy) as engine:
            delegation = await engine.delegate(Step("Greet the world"))
    assert delegation.run.cost is None
    assert set(delegation.run.costs or ()) == {"USD", "EUR"}
    assert " USD and " in reason_text(delegation)


async def test_preview_decides_as_delegate_does_and_calls_nobody(make_engine: MakeEngine, ledger_file: Path) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        policy = provider("first", server.url) + default(f"first/{MODEL}")
        async with make_engine(policy) as engine:
            step = Step("Greet the world", effort=None)
            before = await engine.preview(step)
            assert not ledger_file.exists()
            assert all(one.method == "GET" for one in server.requests)
            delegation = await engine.delegate(step)
    assert (before.chain, before.rule, before.why, before.candidates) == (
        delegation.decision.chain,
        delegation.decision.rule,
        delegation.decision.why,
        delegation.decision.candidates,
    )


async def test_no_secret_shows_anywhere_even_if_the_provider_repeats_it(
    make_engine: MakeEngine, ledger_file: Path, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    echo = whole({"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}, status=401)
    async with serve(whole({"data": []}), echo) as server:
        policy = provider("first", server.url, f'api_key = "${{file:{key_file}}}"') + default(f"first/{MODEL}")
        async with make_engine(policy) as engine:
            with pytest.raises(RunFailedError) as caught:
                await engine.delegate(Step("Greet the world"))
        assert f"Bearer {KEY}" in server.requests[-1].headers["authorization"]
    entry = await recorded(ledger_file)
    everything = f"{caught.value} {error_json(caught.value)} {entry!r} {caught.value!r}"
    assert KEY not in everything
    assert "VerySecretKey" not in everything
    assert b"VerySecretKey" not in ledger_file.read_bytes()


async def test_a_wrong_policy_refuses_every_step_and_says_where(make_engine: MakeEngine) -> None:
    async with make_engine('[[routing.rules]]\nname = "x"\nmodle = "openai/gpt-5.5"\n') as engine:
        with pytest.raises(PolicyError) as caught:
            await engine.preview(Step("Greet the world"))
    assert "policy.toml:3" in str(caught.value) + " ".join(map(str, caught.value.findings))


@pytest.mark.parametrize("step", [Step(""), Step("   "), Step("x", intent="nonsense"), Step("x", max_output_tokens=0)])
async def test_a_step_that_cannot_be_used_is_refused_in_words(make_engine: MakeEngine, step: Step) -> None:
    async with make_engine("") as engine:
        with pytest.raises(StepError):
            await engine.delegate(step)


async def test_a_policy_that_changes_is_in_force_with_the_next_step(make_engine: MakeEngine, tmp_path: Path) -> None:
    async with serve(whole({"data": []}), ANSWER) as server:
        policy = provider("first", server.url) + default(f"first/{MODEL}")
        async with make_engine(policy) as engine:
            assert (await engine.preview(Step("Greet"))).outcome is Outcome.ROUTED
            (tmp_path / "policy.toml").write_text(policy + "[[broken]]\n")
            with pytest.raises(PolicyError):
                await engine.preview(Step("Greet"))


async def test_many_steps_at_once_are_all_answered_and_recorded(make_engine: MakeEngine, ledger_file: Path) -> None:
    async with Provider("Hello.") as server:
        policy = f'[providers.first]\ntype = "openai-compatible"\nbase_url = "{server.url}"\n' + default("first/model")
        async with make_engine(policy) as engine:
            delegations = await asyncio.gather(*(engine.delegate(Step(f"Greet {number}")) for number in range(20)))
    assert [one.answer for one in delegations] == ["Hello."] * 20
    assert len({one.run.id for one in delegations}) == 20
    ledger = await Ledger.open(ledger_file)
    entries = [await ledger.entry(one.run.id) for one in delegations]
    await ledger.close()
    assert [entry.runs[-1] for entry in entries if entry] == [one.run for one in delegations]
