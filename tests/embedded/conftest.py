"""A client, tiny models and an `Embedded` that is closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from smista_mcp.providers.embedded import Embedded
from smista_mcp.providers.http import make_client
from tests.llama import tiny_gguf

SAYS = "Smista answers: it is open."


@pytest.fixture(scope="session")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that always answers `SAYS`."""
    return tiny_gguf(tmp_path_factory.mktemp("speaking") / "speaking.gguf", says=SAYS)


@pytest.fixture(scope="session")
def babbling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that goes on for minutes if it is let."""
    return tiny_gguf(tmp_path_factory.mktemp("babbling") / "babbling.gguf", context=65536)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client() as made:
        yield made


@pytest.fixture
async def embedded() -> AsyncIterator[Embedded]:
    made = Embedded()
    yield made
    await made.aclose()
