"""Fresh ground for every attack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.ground import Ground, chat_server, ollama_server


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    """A machine with a remote server, a local one, and no organisation yet."""
    async with chat_server("big", "other") as cloud, ollama_server({"name": "small"}) as ollama:
        yield Ground(tmp_path, cloud, ollama)
