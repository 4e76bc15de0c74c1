"""A user of one's own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.process import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Folders of a user who has nothing configured."""
    return Home(tmp_path)
