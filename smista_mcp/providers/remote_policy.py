"""Fetching the organisation's signed remote policy. What may be believed of it is `smista_mcp.policy.remote`'s.

A step waits for a look only where there is no good one to go by, or for at most `PATIENCE_S` where the good one is
older than `REFRESH_S`; the look then goes on beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from smista_mcp import __version__
from smista_mcp.errors import PolicyUntrustedError
from smista_mcp.policy.document import MAX_BYTES, Document
from smista_mcp.policy.remote import (
    LONGEST_SIGNATURE_FILE,
    RemoteSource,
    accept,
    decoded_signature,
    load,
    may_be_fetched,
    read_kept,
)

if TYPE_CHECKING:
    import httpx2

REFRESH_S: Final = 300.0
"""Seconds after which a good one is looked for anew: how long a new edition takes to arrive."""
RETRY_S: Final = 30.0
"""Seconds after a look that failed before the next, where there is a good one to go by."""
PATIENCE_S: Final = 1.0
"""Longest that a step waits for a look while there is a good one. (A single command ends soon after its step, so
without any patience it would never get to see a new edition.)"""
DEADLINE_S: Final = 10.0
"""Longest that one look may take in all."""
MOST_REDIRECTS: Final = 3


class RemotePolicy:
    """Keeps the last good remote policy fresh for one process."""

    def __init__(self, folder: Path, clock: Callable[[], datetime], objection: Callable[[Document], str]) -> None:
        """`folder` is where the last good one is kept, `clock` gives the present moment (aware), `objection` says what
        speaks against a new one beside its signature (see `smista_mcp.policy.remote.accept`)."""
        self._objection = objection
        self._folder = folder
        self._clock = clock
        self._looking: tuple[str, asyncio.Task[None]] | None = None
        self._tried: dict[str, float] = {}

    async def keep_fresh(self, source: RemoteSource) -> None:
        """See to it that the last good one is there and recent, as far as that can be done. Never raises for what a
        server does: whether there is a good one in the end is for `smista_mcp.policy.remote.load` to say."""
        good = await asyncio.to_thread(self._is_good, source)
        if good and self._is_recent(source):
            return
        task = self._look(source)
        await asyncio.wait({task}, timeout=PATIENCE_S if good else None)

    async def aclose(self) -> None:
        """Give up a look that is under way."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking[1].cancel()
            with suppress(asyncio.CancelledError):
                await looking[1]

    def _is_good(self, source: RemoteSource) -> bool:
        try:
            load(source, self._folder, self._clock())
        except PolicyUntrustedError:
            return False
        return True

    def _is_recent(self, source: RemoteSource) -> bool:
        if time.monotonic() - self._tried.get(source.id, float("-inf")) < RETRY_S:
            return True
        kept = read_kept(source, self._folder)
        return kept is not None and 0 <= (self._clock() - kept.fetched_at).total_seconds() < REFRESH_S

    def _look(self, source: RemoteSource) -> asyncio.Task[None]:
        if self._looking is not None and self._looking[0] == source.id and not self._looking[1].done():
            return self._looking[1]
        task = asyncio.create_task(self._fetch(source), name="remote policy")
        self._looking = (source.id, task)
        return task

    async def _fetch(self, source: RemoteSource) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                content, signature = await fetch(source.url)
            await asyncio.to_thread(accept, source, self._folder, content, signature, self._clock(), self._objection)
        except (TimeoutError, OSError, PolicyUntrustedError):
            pass  # the last good one stands for as long as it may; then `load` says what is wrong
        finally:
            self._tried[source.id] = time.monotonic()


async def fetch(url: str) -> tuple[bytes, bytes]:
    """The bytes at `url` and the signature at ``<url>.sig`` (empty where what is there is none).

    Raises:
        OSError: they cannot be had: no connection, a status other than 200, too large, a redirect elsewhere.
    """
    import httpx2

    from smista_mcp.providers.http import LOOPBACK

    timeout = httpx2.Timeout(DEADLINE_S)
    try:
        async with httpx2.AsyncClient(
            mounts=dict.fromkeys(LOOPBACK), timeout=timeout, follow_redirects=False
        ) as client:
            content = await _get(client, url, MAX_BYTES)
            # Beside the policy as it is configured, not beside wherever it was redirected.
            signature = await _get(client, f"{url}.sig", LONGEST_SIGNATURE_FILE)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise OSError(f"the remote policy cannot be fetched: {type(error).__name__}") from None
    return content, decoded_signature(signature)


async def _get(client: httpx2.AsyncClient, url: str, most: int) -> bytes:
    host = _origin(url)
    headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": f"smista-mcp/{__version__}"}
    for _ in range(MOST_REDIRECTS + 1):
        if not may_be_fetched(url) or _origin(url) != host:
            raise OSError("the remote policy's address leads to another server")
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code in (301, 302, 303, 307, 308):
                url = urljoin(url, response.headers.get("location", ""))
                continue
            if response.status_code != 200:
                raise OSError(f"the remote policy's server answered {response.status_code}")
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > most:
                    raise OSError("the remote policy is too large")
            return bytes(body)
    raise OSError("the remote policy's address leads round in circles")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
