"""The commands as a user meets them: a process, its two outputs and its exit code."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smista_mcp.policy.types import Layer
from tests.server.process import Home, Provider


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def smista(home: Home, *words: str, given: str | None = None, **environment: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "smista_mcp", *words),
        cwd=home.workspace,
        env={**home.environment, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate((given or "").encode())
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


PREVIEW_KEYS = {
    "outcome",
    "decision_id",
    "intent",
    "selected",
    "chain",
    "rule",
    "why",
    "passed_over",
    "notes",
    "guardrails",
    "guarantees",
    "candidates",
    "estimate",
    "context",
    "permissions",
    "policy_digest",
    "snapshot",
}
RUN_KEYS = {
    "run_id",
    "run_outcome",
    "started_at",
    "duration_ms",
    "attempts",
    "usage",
    "cost",
    "currency",
    "model_answered",
}


async def test_delegate_prints_the_answer_alone_on_standard_output_and_the_reason_beside_it(home: Home) -> None:
    async with Provider("An answer\nof two lines.") as provider:
        home.use(provider)
        ended = await smista(home, "delegate", "Say something")
    assert ended.code == 0, ended.err
    assert ended.out == "An answer\nof two lines.\n"
    assert "scripted/model" in ended.err
    assert "Why: user rule" in ended.err
    assert "Decision d_" in ended.err


async def test_delegate_json_has_the_decision_and_all_it_took(home: Home) -> None:
    async with Provider("Fine.") as provider:
        home.use(provider)
        ended = await smista(home, "delegate", "Say something", "--json")
    shown = ended.json()
    assert set(shown) == PREVIEW_KEYS | RUN_KEYS | {"answer", "stop"}
    assert shown["answer"] == "Fine."
    assert shown["usage"]["input_tokens"] == 12
    assert shown["attempts"][0]["deployment"] == "scripted/model"


async def test_preview_json_has_its_documented_shape(home: Home) -> None:
    (home.workspace / "a.py").write_text("x = 1\n")
    ended = await smista(home, "preview", "Review this", "--path", "a.py", "--path", "gone.py", "--json")
    assert ended.code == 0, ended.err
    shown = ended.json()
    assert set(shown) == PREVIEW_KEYS
    assert shown["outcome"] == "routed"
    assert set(shown["intent"]) == {"value", "source", "confidence", "evidence"}
    assert set(shown["rule"]) == {"name", "layer", "priority", "place"}
    assert set(shown["estimate"]) == {"input_tokens", "output_tokens", "cost_min", "cost_max", "currency"}
    assert {one["deployment"] for one in shown["chain"]} <= {
        one["deployment"] for one in shown["candidates"] if one["eligible"]
    }
    assert all(one["eligible"] or one["reasons"] for one in shown["candidates"])
    assert [one["path"] for one in shown["context"]["included"]] == ["a.py"]
    assert [(one["path"], one["reason"]) for one in shown["context"]["excluded"]] == [("gone.py", "missing")]


async def test_the_task_and_the_context_can_come_from_standard_input(home: Home) -> None:
    async with Provider("Fine.") as provider:
        home.use(provider)
        by_task = await smista(home, "delegate", "-", given="a task from a pipe")
        by_context = await smista(home, "delegate", "Explain", "--context", "-", given="context from a pipe")
        both = await smista(home, "delegate", "-", "--context", "-")
    sent = json.dumps(provider.prompts)
    assert (by_task.code, by_context.code) == (0, 0)
    assert "a task from a pipe" in sent
    assert "context from a pipe" in sent
    assert both.code == 2


async def test_exit_codes_and_errors_say_what_kind_of_thing_went_wrong(home: Home) -> None:
    home.policy.write_text('[[routing.rules]]\nname = "x"\nmodle = "openai/gpt-5.5"\n')
    wrong_policy = await smista(home, "preview", "Say something", "--json")
    assert wrong_policy.code == 3
    assert wrong_policy.json()["error"]["code"] == "policy_invalid"
    assert wrong_policy.json()["error"]["findings"]
    home.policy.write_text("")
    bad_step = await smista(home, "preview", "Say something", "--intent", "nonsense")
    assert bad_step.code == 2
    assert "nonsense" in bad_step.err
    home.policy.write_text(
        '[[routing.rules]]\nname = "never"\nlocal_only = true\nmodel = "openai/gpt-5.5"\npriority = 1\n'
    )
    refused = await smista(home, "delegate", "Say something", "--json")
    assert refused.code == 4
    assert refused.json()["outcome"] == "no_eligible_model"
    assert refused.json()["error"]["code"] == "refused"
    async with Provider("", status=500) as provider:
        home.use(provider)
        failed = await smista(home, "delegate", "Say something", "--json")
    assert failed.code == 5
    assert [one["failure"] for one in failed.json()["attempts"]] == ["server_error"]
    assert (await smista(home, "nonsense")).code == 2
    assert (await smista(home)).code == 2


async def test_explain_shows_the_last_or_a_given_decision(home: Home) -> None:
    nothing = await smista(home, "explain")
    assert nothing.code == 7
    assert "nothing is recorded yet" in nothing.err
    async with Provider("Fine.") as provider:
        home.use(provider)
        first = (await smista(home, "delegate", "One", "--json")).json()
        second = (await smista(home, "delegate", "Two", "--json")).json()
    last, given = await smista(home, "explain", "--json"), await smista(home, "explain", first["decision_id"], "--json")
    assert last.json()["decision"]["decision_id"] == second["decision_id"]
    assert given.json()["decision"]["decision_id"] == first["decision_id"]
    assert given.json()["runs"][0]["run_id"] == first["run_id"]
    text = await smista(home, "explain", second["run_id"])
    assert "scripted/model answered" in text.out


async def test_check_names_the_line_and_exits_with_one_on_errors(home: Home) -> None:
    good, bad = home.workspace / "good.toml", home.workspace / "bad.toml"
    good.write_text('[[routing.rules]]\nname = "fine"\nmodel = "openai/gpt-5.5"\n')
    bad.write_text('[[routing.rules]]\nname = "x"\nmodle = "openai/gpt-5.5"\n')
    passed, failed = await smista(home, "check", str(good)), await smista(home, "check", str(bad), "--json")
    assert passed.code == 0, passed.out
    assert failed.code == 1
    shown = failed.json()
    assert shown["errors"] >= 1
    found = next(one for one in shown["findings"] if one["line"] == 3)
    assert "model" in found["fix"] + found["message"]
    assert (await smista(home, "check")).code == 0


async def test_models_lists_what_can_be_used_and_what_to_do_about_the_rest(home: Home) -> None:
    listed = await smista(home, "models", "--json", OPENAI_API_KEY="sk-test-never-shown-0123456789")
    shown = {one["deployment"]: one for one in listed.json()["deployments"]}
    assert shown["embedded/smollm2-135m-instruct"]["unavailable"] is None
    assert shown["embedded/smollm2-135m-instruct"]["local"]
    openai = [one for one in shown.values() if one["provider"] == "openai"]
    assert openai
    assert all(one["unavailable"] is None and one["price"] and not one["local"] for one in openai)
    assert all("ANTHROPIC_API_KEY" in one["unavailable"] for one in shown.values() if one["provider"] == "anthropic")
    text = await smista(home, "models")
    assert "set ANTHROPIC_API_KEY" in text.out
    assert "sk-test" not in listed.out + listed.err


@pytest.mark.parametrize("environment", [{}, {"ANTHROPIC_API_KEY": "sk-ant-test-0123456789"}])
async def test_init_writes_a_policy_that_loads_and_names_what_is_here(home: Home, environment: dict[str, str]) -> None:
    written = await smista(home, "init", **environment)
    assert written.code == 0, written.err
    text = (home.workspace / ".smista" / "policy.toml").read_text()
    assert ('\nmodel = "anthropic/' in text) == bool(environment)
    checked = await smista(home, "check", "--json", **environment)
    assert (checked.code, checked.json()["errors"]) == (0, 0), checked.out
    again = await smista(home, "init")
    assert again.code == 2
    assert "--force" in again.err
    decided = (await smista(home, "preview", "Plan the next release", "--json", **environment)).json()
    assert decided["rule"]["layer"] == (Layer.WORKSPACE if environment else Layer.BUILTIN).label


async def test_serve_can_say_what_it_would_offer(home: Home) -> None:
    shown = (await smista(home, "serve", "--json")).json()
    assert [one["name"] for one in shown["tools"]] == ["delegate_step", "route_preview"]
    assert "delegate_step" in shown["instructions"][:250]
    assert shown["version"]


async def test_init_can_replace_a_policy_that_is_broken(home: Home) -> None:
    (home.workspace / ".smista").mkdir()
    (home.workspace / ".smista" / "policy.toml").write_text("this is = = no policy")
    assert (await smista(home, "init")).code == 2
    replaced = await smista(home, "init", "--force")
    assert replaced.code == 0, replaced.err
    assert "comments for now" in replaced.err
    assert (await smista(home, "check")).code == 0


async def test_a_refusal_says_why_in_one_place(home: Home) -> None:
    home.policy.write_text(
        '[[routing.rules]]\nname = "mine"\npriority = 1\nmodel = "ollama/qwen2.5-coder:7b"\nlocal_only = true\n'
    )
    refused = await smista(home, "delegate", "Say something")
    assert refused.code == 4
    assert "'mine'" in refused.err
    assert "no server at 127.0.0.1:11434" in refused.err


async def test_the_users_own_route_is_named_where_it_cannot_be_served(home: Home) -> None:
    home.policy.write_text('[routing.default]\nmodel = "openai/gpt-5.5"\n')
    shown = (await smista(home, "preview", "Say something", "--json")).json()
    assert "default route of the user policy: openai/gpt-5.5: no key: set OPENAI_API_KEY" in shown["why"]


async def test_a_workspace_that_is_not_there_is_no_workspace(home: Home) -> None:
    ended = await smista(home, "preview", "Say something", "--workspace", str(home.workspace / "gone"))
    assert ended.code == 2
    assert "is no folder" in ended.err


async def test_what_a_terminal_cannot_show_is_shown_as_an_escape(home: Home) -> None:
    ended = await smista(home, "policy", "explain", "Überblick → Plan", PYTHONIOENCODING="ascii")
    assert ended.code in (0, 4)
    assert "Traceback" not in ended.err


async def test_a_step_from_a_subfolder_is_under_the_repositorys_policy(home: Home) -> None:
    (home.workspace / ".smista").mkdir()
    (home.workspace / ".smista" / "policy.toml").write_text(
        '[[routing.rules]]\nname = "here"\npaths = ["src/deep/**"]\nmodel = "embedded/smollm2-135m-instruct"\n'
    )
    deep = home.workspace / "src" / "deep"
    deep.mkdir(parents=True)
    (deep / "a.py").write_text("x = 1\n")
    shown = (await smista(home, "preview", "Explain", "--path", "a.py", "--workspace", str(deep), "--json")).json()
    assert shown["rule"]["name"] == "here"
    assert [one["path"] for one in shown["context"]["included"]] == ["src/deep/a.py"]


async def test_help_and_version_need_nothing_heavy(home: Home) -> None:
    code = "import sys, smista_mcp.cli.main as m\ntry: m.main(sys.argv[1:])\n"
    code += "except SystemExit: pass\nprint(sorted(sys.modules))"
    for flag in ("--help", "--version"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, flag), stdout=asyncio.subprocess.PIPE, env=home.environment
        )
        out, _ = await process.communicate()
        loaded = out.decode().rsplit("\n", 2)[-2]
        heavy = [
            name for name in ("pydantic", "httpx2", "sqlalchemy", "mcp", "asyncio", "rich") if f"'{name}'" in loaded
        ]
        assert heavy == []
