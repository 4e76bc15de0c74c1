"""Work that is brought to its end even where the step around it is cancelled: what was spent must be recorded."""

from __future__ import annotations

import asyncio
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
