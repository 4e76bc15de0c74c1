"""Places of one's own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.files import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A machine with a built-in policy and nothing else."""
    return Places(tmp_path)
