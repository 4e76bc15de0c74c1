"""A workspace with something outside it that must never be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

CANARY = "CANARY-7f3a: this lies outside the workspace"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace; beside it lies ``outside`` with the canary."""
    root = tmp_path / "workspace"
    root.mkdir()
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("canary.txt", "deep/canary.txt", ".gitignore", ".smistaignore"):
        (outside / name).write_text(CANARY)
    return root


@pytest.fixture
def lay(workspace: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Write files below the workspace, by path."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            file = workspace / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return workspace

    return write
