"""What the documents show: every command runs, every policy loads, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from smista_mcp.catalog.build import is_known_model
from smista_mcp.policy.check import check_files
from smista_mcp.policy.findings import Severity
from tests.cli.test_commands import RUN_KEYS, smista
from tests.server.process import Home, Provider

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
RUN_ELSEWHERE = {"policy-tools.md"}
"""Its commands need the files that it speaks of, and are run with them in `tests.cli.test_policy_commands`."""
_BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)(?P<to>[^)#]+)(?:#[^)]*)?\)")


def blocks(document: Path, *kinds: str) -> list[str]:
    return [one["text"] for one in _BLOCK.finditer(document.read_text(encoding="utf-8")) if one["kind"] in kinds]


def shown_commands() -> list[str]:
    """Command lines of this program in the documents' blocks, each once, without what starts it."""
    lines = (
        line
        for document in DOCUMENTS
        if document.name not in RUN_ELSEWHERE
        for text in blocks(document, "", "sh", "console")
        for line in text.splitlines()
    )
    found = (line.removeprefix("$ ").removeprefix("uv run ") for line in lines)
    return sorted({line.split("  #")[0].strip() for line in found if line.startswith("smista-mcp ")})


@pytest.mark.parametrize("command", [one for one in shown_commands() if " serve" not in one])
async def test_every_command_shown_runs(tmp_path: Path, command: str) -> None:
    home = Home(tmp_path)
    (home.workspace / "README.md").write_text("# A project\n\nIt does things.\n")
    async with Provider("A fine answer.") as provider:
        if ".smista/policy.toml" in command:
            assert (await smista(home, "init")).code == 0
        else:
            home.use(provider)
        if "explain" in command:
            assert (await smista(home, "delegate", "Something to explain")).code == 0
        ended = await smista(home, *shlex.split(command)[1:])
    assert ended.code == 0, ended.err + ended.out


def test_the_documents_show_every_command() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    for name in ("serve", "delegate", "preview", "check", "explain", "models", "init"):
        assert f"smista-mcp {name}" in text


def test_every_key_of_a_run_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    assert [key for key in RUN_KEYS if f"`{key}`" not in text and f"`{key}[]`" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_every_policy_shown_loads(document: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(document, "toml")):
        sample = tmp_path / f"{number}.toml"
        sample.write_text(text, encoding="utf-8")
        errors = [one for one in check_files([sample], is_known_model=is_known_model) if one.severity is Severity.ERROR]
        assert errors == [], f"{document.name}, block {number}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = [one["to"] for one in _LINK.finditer(document.read_text(encoding="utf-8"))]
    assert [to for to in links if not (document.parent / to).exists()] == []
