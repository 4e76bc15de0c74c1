"""Small JSON files under the cache directory: never trusted to be whole, never left half written."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Final

LONGEST: Final = 4_000_000
"""Bytes beyond which a cache file is taken to be broken."""


def read_json(path: Path) -> object:
    """What the file holds; ``None`` where it is missing, unreadable, too long or not JSON."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
        return None if len(data) > LONGEST else json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, content: object) -> None:
    """Replace the file in one step, readable by its owner only. A cache that cannot be written is done without."""
    import tempfile  # late: it brings half a dozen modules that a start which only reads has no use for

    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, separators=(",", ":"))
            os.replace(name, path)  # noqa: PTH105 - the two names are strings here
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise
