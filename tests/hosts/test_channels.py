"""What reaches the model in each host, in each way in which the host offers tools."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from smista_mcp.server import replies, surface
from tests.hosts.agents import AGENTS, Agent, Session
from tests.hosts.model import DONE, ScriptedModel
from tests.llama import tiny_gguf
from tests.server.process import Home, Provider

pytestmark = pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)

ANSWER = 'def one(x):\n\treturn "é" + x  # \\n stays "\\\\n"\n\n```\nverbatim\n```'


def texts(seen: Any) -> list[str]:
    """The texts that the model was given; where a script stood between, those that the script was given."""
    if isinstance(seen, str):
        return [seen]
    found = [block["text"] for block in seen]
    if found and found[-1].startswith('{"content":'):
        return [block["text"] for block in json.loads(found[-1])["content"]]
    return found


def everything(seen: Any) -> str:
    """All that the model was given, as one text."""
    return seen if isinstance(seen, str) else "\n".join(block["text"] for block in seen)


def test_the_model_reads_the_real_answer_of_the_embedded_model(agent: Agent, session: Session, home: Home) -> None:
    weights = tiny_gguf(home.root / "tiny.gguf", says="Forty two is the answer.")
    home.policy.write_text(f'[providers.embedded]\nmodel_path = "{weights}"\n', encoding="utf-8")
    (home.workspace / "README.md").write_text("# A project\n", encoding="utf-8")
    step = {"task": "Summarize this project", "paths": ["README.md"]}
    with ScriptedModel((surface.PREVIEW, step), (surface.DELEGATE, step)) as model:
        assert session.converse(agent, model) == DONE
    preview, delegated = model.saw()
    assert "embedded/" in everything(preview)
    assert "Forty two is the answer." in texts(delegated)
    assert "Decision d_" in texts(delegated)[-1]


async def test_the_answer_comes_verbatim_with_the_reason_after_it_and_the_data_hidden(
    agent: Agent, session: Session, home: Home
) -> None:
    async with Provider(ANSWER) as provider:
        home.use(provider)
        saw = await converse(session, agent, (surface.DELEGATE, {"task": "Write one(x)"}))
    assert texts(saw[0])[-2] == ANSWER
    reason = texts(saw[0])[-1]
    for part in ("scripted/model", "user rule", "all to one", "cost", "Decision d_"):
        assert part in reason
    for hidden in (surface.META_KEY, "candidates", "policy_digest"):
        assert hidden not in everything(saw[0])


@pytest.mark.parametrize("sign", ["x", "漢"])
async def test_no_host_cuts_the_longest_reply_and_its_file_can_be_found(
    agent: Agent, session: Session, home: Home, sign: str
) -> None:
    answer = "\n".join(f"{number:05d} {sign * 40}" for number in range(1000))
    async with Provider(answer) as provider:
        home.use(provider)
        saw = await converse(session, agent, (surface.DELEGATE, {"task": "Go on and on"}))
    head, reason = texts(saw[0])[-2:]
    assert answer.startswith(head)
    assert len((head + reason).encode()) > replies.REPLY_BYTES * 0.9
    (file,) = (home.workspace / ".smista" / "runs").glob("r_*.md")
    assert str(file) in reason
    assert file.read_text(encoding="utf-8") == answer


async def test_an_error_says_what_to_do(agent: Agent, session: Session, home: Home) -> None:
    async with Provider("", status=400) as provider:
        home.use(provider)
        saw = await converse(
            session,
            agent,
            (surface.DELEGATE, {"task": "Fail"}),
            (surface.DELEGATE, {"tasks": "Fail"}),
        )
    assert "bad_request" in everything(saw[0])
    assert "smista-mcp explain" in everything(saw[0])
    assert "did you mean `task`?" in everything(saw[1])


async def converse(session: Session, agent: Agent, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """A conversation in which the model makes `calls`; what it was given for each."""
    with ScriptedModel(*calls) as model:
        assert await asyncio.to_thread(session.converse, agent, model) == DONE
    return model.saw()
