"""How long a call waits. The client's own read timeout is no help: a stream that drips a byte now and then beats it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from smista_mcp.providers.types import Activity, TextDelta, Timeouts

_AFTERMATH: Final = 2.0
"""Seconds to wait, once the model has ended its answer, for what may follow it (the count of tokens)."""
_GOODBYE: Final = 0.05
"""Seconds to wait, once the stream is marked as ended, for the connection to become fit for the next call."""


class Patience:
    """When the next piece of a stream is due.

    Until the first text the model has `Timeouts.first_token` seconds from the request, and as long as it shows that
    it is thinking, `Timeouts.idle` seconds from each sign of it where that is longer. From the first text on it has
    `Timeouts.idle` seconds from piece to piece. Only text and signs of thinking are pieces: comments and pings are
    not, for a server that has lost its model keeps sending them. Time that our own caller takes does not count.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._first_due = self._due = self._loop.time() + timeouts.first_token
        self._speaking = False

    def limit(self, *, at_most: float | None = None) -> asyncio.Timeout:
        """A context for waiting; ``TimeoutError`` when the next piece is overdue, or after `at_most` seconds."""
        return asyncio.timeout_at(self._due if at_most is None else min(self._due, self._loop.time() + at_most))

    def heard(self, piece: TextDelta | Activity) -> None:
        """A piece came."""
        self._speaking = self._speaking or isinstance(piece, TextDelta)
        due = self._loop.time() + self._timeouts.idle
        self._due = due if self._speaking else max(due, self._first_due)

    def answered(self) -> None:
        """The model has ended its answer; something may still follow."""
        self._due = min(self._due, self._loop.time() + min(_AFTERMATH, self._timeouts.idle))

    def ended(self) -> None:
        """The stream is marked as ended."""
        self._due = min(self._due, self._loop.time() + _GOODBYE)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While our caller does something with what came."""
        begun = self._loop.time()
        yield
        passed = self._loop.time() - begun
        self._due += passed
        self._first_due += passed

    def complaint(self) -> str:
        """What was waited for in vain."""
        if self._speaking:
            return f"silent for {self._timeouts.idle:g} s in the middle of its answer"
        return f"no text within {self._timeouts.first_token:g} s"
