"""Showing people how the fetch of the weights comes along: a bar on a terminal, one line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID

    from smista_mcp.providers.weights import Progress


@contextmanager
def shown_fetch(what: str, stream: TextIO | None = None) -> Iterator[Progress]:
    """Yield a `Progress` that shows on `stream` (standard error by default), from the first time it is called.

    Nothing is ever shown where nothing is fetched, and `rich` is not even imported.
    """
    stream = sys.stderr if stream is None else stream
    shown = _Bar(what, stream) if stream.isatty() else _Line(what, stream)
    try:
        yield shown
    finally:
        shown.close()


class _Line:
    def __init__(self, what: str, stream: TextIO) -> None:
        self._what, self._stream, self._said = what, stream, False

    def __call__(self, done: int, total: int | None) -> None:
        if not self._said:
            self._said = True
            size = f" ({total // 1_000_000} MB)" if total else ""
            print(f"smista-mcp: fetching {self._what}{size}, once …", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to end."""


class _Bar:
    def __init__(self, what: str, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress

        self._what = what
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=stream),
            transient=True,
        )
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int | None) -> None:
        if self._task is None:
            self._task = self._bar.add_task(f"Fetching {self._what}, once", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Take the bar away; what matters is what comes after it."""
        if self._task is not None:
            self._bar.stop()
