"""The steps that are being worked on, each in a task of its own.

The SDK cancels a handler again at every point where it waits, so a handler cannot finish anything once the host has
cancelled it. A step has to: its run is recorded as cancelled, its connection closed. So it runs in a task that is
cancelled exactly once, and the handler waits for it under a shield.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import anyio

T = TypeVar("T")

SETTLE_SECONDS: Final = 5.0
"""How long a cancelled step may take to record itself before the handler stops waiting for it."""


class Calls:
    """The running steps of one server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cancelled: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end. If the caller is cancelled, cancel `work` once and wait until it has settled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._cancel(task)
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task}, timeout=SETTLE_SECONDS)
            if task.done() and not task.cancelled():
                task.exception()  # seen, so that nothing is logged about it: the host is not waiting any more
            raise

    async def cancel_all(self, timeout: float) -> None:
        """Cancel every running step (none a second time) and wait, at most `timeout` seconds, until they settled."""
        tasks = set(self._tasks)
        for task in tasks:
            self._cancel(task)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        if task not in self._cancelled:
            self._cancelled.add(task)
            task.cancel()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._cancelled.discard(task)
