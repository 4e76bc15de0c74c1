"""The README's first command as it stands, on the real embedded model; and the example that speaks MCP."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from smista_mcp import places
from tests.cli.test_commands import smista
from tests.server.process import Home, Provider

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def test_the_readmes_first_command_gives_an_answer_and_says_what_the_model_is_for(home: Home) -> None:
    shutil.copy(ROOT / "README.md", home.workspace)
    command = ("delegate", "Summarize this project in two sentences", "--path", "README.md")
    # Its own everything, but for the weights: these are fetched once a machine, which other tests look at.
    ended = await smista(home, *command, XDG_DATA_HOME=str(places.data_dir().parent))
    assert ended.code == 0, ended.err
    assert "smista" in ended.out
    assert 1 <= ended.out.count(". ") + ended.out.count(".\n") <= 4
    assert "embedded/smollm2-135m-instruct" in ended.err
    assert "for trying things out" in ended.err
    assert "Decision d_" in ended.err


async def test_the_example_client_prints_the_answer_and_the_decision(home: Home) -> None:
    (home.workspace / "README.md").write_text("# A project\n\nIt does things.\n")
    async with Provider("It does things, and well.") as provider:
        home.use(provider)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "examples" / "client.py")),
            cwd=home.workspace,
            env={**home.environment, "PATH": f"{Path(sys.executable).parent}:{home.environment['PATH']}"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert "It does things, and well." in out.decode()
    assert "scripted/model" in out.decode()
