"""The two tools, through the SDK's own client, in both protocol eras."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import CallToolResult

from smista_mcp.server import replies, surface
from tests.llama import tiny_gguf
from tests.server.process import Home, Provider

both_eras = pytest.mark.parametrize("era", ["legacy", "auto"])

VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
ANSWER = 'def one(x):\n\treturn "é" + x  # \\n stays\n\n```\nverbatim\n```'


@asynccontextmanager
async def connected(home: Home, era: str = "auto") -> AsyncIterator[Client]:
    """The SDK's client, connected to a server for `home`."""
    server = StdioServerParameters(
        command=sys.executable, args=home.arguments(), env=home.environment, cwd=home.workspace
    )
    async with Client(server, mode=era, read_timeout_seconds=60) as client:
        yield client


def texts(result: CallToolResult) -> list[str]:
    """The texts of a result."""
    return [block.text for block in result.content if block.type == "text"]


def data(result: CallToolResult) -> dict[str, Any]:
    """The data of a result."""
    assert result.meta is not None
    found: dict[str, Any] = result.meta[surface.META_KEY]
    return found


@both_eras
async def test_a_step_runs_on_the_real_embedded_model(home: Home, era: str) -> None:
    weights = tiny_gguf(home.root / "tiny.gguf", says="Forty two is the answer.")
    home.policy.write_text(f'[providers.embedded]\nmodel_path = "{weights}"\n', encoding="utf-8")
    (home.workspace / "README.md").write_text("# A project\n", encoding="utf-8")
    step = {"task": "Summarize this project in two sentences", "paths": ["README.md"]}
    async with connected(home, era) as client:
        preview = await client.call_tool(surface.PREVIEW, step)
        delegated = await client.call_tool(surface.DELEGATE, step)
    assert not preview.is_error
    assert data(preview)["outcome"] == "routed"
    assert data(preview)["context"]["included"][0]["path"] == "README.md"
    assert texts(delegated)[0].strip() == "Forty two is the answer."
    assert data(delegated)["selected"]["local"]
    assert data(delegated)["attempts"][0]["failure"] is None


@both_eras
async def test_the_host_learns_what_the_server_is_for(home: Home, era: str) -> None:
    async with connected(home, era) as client:
        assert client.protocol_version == VERSIONS[era]
        assert client.instructions == surface.INSTRUCTIONS
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [surface.DELEGATE, surface.PREVIEW]
    delegate, preview = (tool.annotations for tool in tools)
    assert preview is not None
    assert preview.read_only_hint
    assert delegate is not None
    assert not delegate.read_only_hint
    assert delegate.open_world_hint


@both_eras
async def test_the_answer_stands_alone_and_verbatim_and_the_reason_follows(home: Home, era: str) -> None:
    async with Provider(ANSWER) as provider, connected(home, era) as client:
        home.use(provider)
        result = await client.call_tool(surface.DELEGATE, {"task": "Write one(x)"})
    answer, reason = texts(result)
    assert answer == ANSWER
    for part in ("scripted/model", "user rule", "all to one", "cost", data(result)["decision_id"]):
        assert part in reason
    assert not result.is_error
    assert result.structured_content is None  # a host would show it to its model instead of the text


@both_eras
async def test_the_whole_decision_comes_as_data(home: Home, era: str) -> None:
    async with Provider(ANSWER) as provider, connected(home, era) as client:
        home.use(provider)
        preview = data(await client.call_tool(surface.PREVIEW, {"task": "Write one(x)", "intent": "edit"}))
        calls_before = len(provider.prompts)
        delegated = data(await client.call_tool(surface.DELEGATE, {"task": "Write one(x)", "intent": "edit"}))
    assert calls_before == 0
    expected = {
        *("outcome", "decision_id", "intent", "selected", "chain", "rule", "why", "candidates"),
        *("estimate", "context", "permissions", "policy_digest"),
    }
    assert expected <= preview.keys()
    assert {"attempts", "usage", "cost", "model_answered", "run_id"} <= delegated.keys()
    assert delegated.keys() >= preview.keys()
    assert preview["intent"]["value"] == "edit"
    assert preview["selected"] == delegated["selected"]


@both_eras
async def test_progress_is_told_to_those_who_ask(home: Home, era: str) -> None:
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with Provider(ANSWER) as provider, connected(home, era) as client:
        home.use(provider)
        await client.call_tool(surface.DELEGATE, {"task": "x"}, progress_callback=hear)
        heard = len(told)
        await client.call_tool(surface.DELEGATE, {"task": "x"})
    assert told[0][1] == "asking scripted/model"
    assert [figure for figure, _ in told] == sorted({figure for figure, _ in told})
    assert len(told) == heard


async def test_a_long_answer_stands_whole_in_a_file_that_version_control_ignores(home: Home) -> None:
    answer = "".join(f"{number:06d} {'漢' * 20}\n" for number in range(900))
    async with Provider(answer) as provider, connected(home) as client:
        home.use(provider)
        result = await client.call_tool(surface.DELEGATE, {"task": "Go on"})
    head, reason = texts(result)
    file = home.workspace / ".smista" / "runs" / f"{data(result)['run_id']}.md"
    assert data(result)["answer_file"] == str(file)
    assert str(file) in reason
    assert answer.startswith(head)
    assert replies.REPLY_BYTES * 0.9 < len((head + reason).encode()) <= replies.REPLY_BYTES
    assert file.read_text(encoding="utf-8") == answer
    assert (file.parent / ".gitignore").read_text(encoding="utf-8") == "*\n"


async def test_a_workspace_that_cannot_be_written_is_left_alone(home: Home) -> None:
    (home.workspace / ".smista").write_text("a file where the folder would be", encoding="utf-8")
    answer = "word " * 4000
    async with Provider(answer) as provider, connected(home) as client:
        home.use(provider)
        result = await client.call_tool(surface.DELEGATE, {"task": "Go on"})
    (file,) = (home.root / "state").rglob("r_*.md")
    assert data(result)["answer_file"] == str(file)
    assert file.read_text(encoding="utf-8") == answer


async def test_a_link_does_not_lead_an_answer_out_of_the_workspace(home: Home) -> None:
    outside = home.root / "outside"
    outside.mkdir()
    (home.workspace / ".smista").symlink_to(outside)
    async with Provider("word " * 4000) as provider, connected(home) as client:
        home.use(provider)
        result = await client.call_tool(surface.DELEGATE, {"task": "Go on"})
    assert not list(outside.rglob("*.md"))
    assert Path(data(result)["answer_file"]).is_relative_to(home.root / "state")


@both_eras
async def test_a_run_that_fails_says_what_failed_and_what_to_do(home: Home, era: str) -> None:
    async with Provider("", status=400) as provider, connected(home, era) as client:
        home.use(provider)
        result = await client.call_tool(surface.DELEGATE, {"task": "x"})
    assert result.is_error
    assert result.structured_content is not None
    for shown in (texts(result)[0], str(result.structured_content)):
        assert "scripted/model: bad_request" in shown
        assert "smista-mcp explain" in shown
    assert data(result)["attempts"][0]["status"] == 400


async def test_a_refusal_says_why_in_text_and_as_data(home: Home) -> None:
    (home.workspace / "secret.txt").write_text("x", encoding="utf-8")
    async with Provider(ANSWER) as provider, connected(home) as client:
        home.use(provider)
        home.policy.write_text(
            home.policy.read_text(encoding="utf-8")
            + '[[routing.rules]]\nname = "here only"\npriority = 1\nlocal_only = true\nmodel = "scripted/model"\n',
            encoding="utf-8",
        )
        result = await client.call_tool(surface.DELEGATE, {"task": "x"})
        preview = await client.call_tool(surface.PREVIEW, {"task": "x"})
    assert result.is_error
    assert result.structured_content is not None
    assert result.structured_content["error"]["code"] == "refused"
    assert "here only" in texts(result)[0]
    assert "here only" in str(result.structured_content)
    assert provider.prompts == []
    assert not preview.is_error  # it was asked where the step would go, and says so: nowhere
    assert data(preview)["outcome"] == "no_eligible_model"


WRONG: dict[str, dict[str, Any]] = {
    "`task` is missing": {},
    "`task` must be a string": {"task": 5},
    "`path` is not an argument, did you mean `paths`?": {"task": "x", "path": ["a"]},
    "`paths` must be a list of strings": {"task": "x", "paths": [1]},
    "`effort` must be one of low, medium, high, xhigh": {"task": "x", "effort": "huge"},
    "`max_output_tokens` must be a whole number of at least 1": {"task": "x", "max_output_tokens": 0},
}


async def test_wrong_arguments_are_named(home: Home) -> None:
    async with connected(home) as client:
        for complaint, arguments in WRONG.items():
            result = await client.call_tool(surface.DELEGATE, arguments)
            assert result.is_error
            assert complaint in texts(result)[0]
            assert complaint in str(result.structured_content)


async def test_an_unknown_tool_is_an_error_of_the_protocol(home: Home) -> None:
    async with connected(home) as client:
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("no_such_tool", {})


async def test_a_policy_may_be_mended_while_the_server_runs(home: Home) -> None:
    async with Provider(ANSWER) as provider, connected(home) as client:
        home.policy.write_text('[routing.defualt]\nmodel = "a/b"\n', encoding="utf-8")
        broken = await client.call_tool(surface.DELEGATE, {"task": "x"})
        home.use(provider)
        mended = await client.call_tool(surface.DELEGATE, {"task": "x"})
    assert broken.is_error
    assert "defualt" in texts(broken)[0]
    assert "defualt" in str(broken.structured_content)
    assert texts(mended)[0] == ANSWER
