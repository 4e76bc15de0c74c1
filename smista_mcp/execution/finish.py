"""Cancellation in order: what must be recorded is recorded to its end, and what is stopped is stopped once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TypeVar

import anyio

T = TypeVar("T")


async def finish(work: asyncio.Future[T]) -> T:
    """Await `work` to its end, whatever happens to the present task; a cancellation meanwhile goes on afterwards.

    Shielding by a cancel scope alone holds off only anyio's cancellations; a plain `asyncio.Task.cancel` goes through
    it. And without the scope anyio would cancel anew at every turn of the loop.

    Raises:
        asyncio.CancelledError: the present task was cancelled meanwhile. `work` is done by then, and what it may have
            raised is noted on the cancellation.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        if not work.cancelled() and (failure := work.exception()) is not None:
            cancelled.add_note(f"and meanwhile: {failure}")
        raise cancelled
    return work.result()


async def stoppable(work: asyncio.Task[T]) -> T:
    """Await `work`, and pass a cancellation on to it once, however often the present task is cancelled.

    A second cancellation would strike while the first is still closing connections, and leave them open.

    Raises:
        asyncio.CancelledError: the present task was cancelled; `work` has come to its end.
    """
    try:
        await asyncio.wait([work])
    except asyncio.CancelledError as error:
        work.cancel()
        with anyio.CancelScope(shield=True):
            while not work.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
        if not work.cancelled() and (failure := work.exception()) is not None:
            error.add_note(f"and meanwhile: {failure}")
        raise
    return work.result()
