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

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end. If the caller is cancelled, cancel `work` once and wait until it has settled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task}, timeout=SETTLE_SECONDS)
            if task.done() and not task.cancelled():
                task.exception()  # seen, so that nothing is logged about it: the host is not waiting any more
            raise

    async def cancel_all(self, timeout: float) -> None:
        """Cancel every running step and wait, at most `timeout` seconds, until they have settled."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
