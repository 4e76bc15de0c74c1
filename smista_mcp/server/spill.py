"""Answers that are too long for a reply, kept as files that the host can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_RUNS: Final = Path(".smista") / "runs"


class Spill:
    """Writes answers below ``.smista/runs`` of the workspace, or in the state folder where that cannot be written."""

    def __init__(self, workspace: Path, state_dir: Path) -> None:
        self._workspace = workspace
        self._state_dir = state_dir

    def write(self, run_id: str, answer: str) -> Path | None:
        """Write `answer`; the file's absolute path, or ``None`` where no place can be written."""
        inside, outside = self._workspace / _RUNS, self._state_dir / "runs"
        for folder, root in ((inside, self._workspace), (outside, self._state_dir)):
            try:
                return _write(folder, root, run_id, answer)
            except OSError:
                continue
        return None


def _write(folder: Path, root: Path, run_id: str, answer: str) -> Path:
    """Create the folder, keep it out of version control, write the file; readable by this user alone.

    Raises:
        OSError: it cannot be written there, or a link would lead the file elsewhere.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    real = folder.resolve(strict=True)
    if real != root.resolve(strict=True) / folder.relative_to(root):
        # A repository may hold `.smista/runs` as a link to any of its folders, whose `.gitignore` would become ours.
        raise OSError(f"{folder} is or lies behind a link")
    with suppress(FileExistsError):
        descriptor = os.open(real / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as ignore:
            ignore.write("*\n")
    file = real / f"{run_id}.md"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as opened:
        opened.write(answer)
    return file
