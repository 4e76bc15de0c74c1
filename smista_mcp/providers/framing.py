"""From the bytes of a body to the frames of a stream: server-sent events, or one JSON value a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import httpx2

STREAM_BYTES: Final = 128 * 1024 * 1024
"""The most that is read of one stream: 128k tokens, the longest answers there are, at up to 1 KiB a token's frame."""
FRAME_BYTES: Final = 16 * 1024 * 1024
"""The most that one frame may have: some vendors repeat the whole answer in the last one."""


class FramingError(Exception):
    """What came is no stream of the promised kind: too large, not UTF-8, or not framed as it should be."""


class Framing(Protocol):
    """One way to cut a body into frames."""

    @property
    def media_type(self) -> str:
        """What to ask for."""
        ...

    @property
    def accepted(self) -> frozenset[str]:
        """The content types that may hold it."""
        ...

    def frames(self, response: httpx2.Response) -> AsyncGenerator[str, None]:
        """The text of each frame, as soon as it is whole; an unfinished last one is dropped.

        Raises:
            FramingError: see there.
            httpx2.HTTPError: reading failed.
        """
        ...


async def within(chunks: AsyncIterable[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    """`chunks` until they exceed `limit` bytes in all, which is a `FramingError`."""
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise FramingError(f"more than {limit} bytes")
        yield chunk


async def _strict_utf8(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """`chunks` as they are, as long as they are UTF-8: httpx2 by itself replaces what is not, silently."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        async for chunk in chunks:
            decoder.decode(chunk)
            yield chunk
    except UnicodeDecodeError:
        raise FramingError("text that is not UTF-8") from None


@dataclass(frozen=True, slots=True)
class ServerSentEvents:
    """``text/event-stream``. The frames are the events' data; their names are repeated inside it by every vendor."""

    media_type: str = "text/event-stream"
    accepted: frozenset[str] = frozenset({"text/event-stream"})
    stream_bytes: int = STREAM_BYTES
    frame_bytes: int = FRAME_BYTES

    async def frames(self, response: httpx2.Response) -> AsyncGenerator[str, None]:
        """See `Framing.frames`."""
        import httpx2

        # httpx2 parses events from a response, so it gets one whose bytes have been checked on the way; without a
        # charset in its type, because these streams are UTF-8 whatever the server says.
        checked = httpx2.Response(
            200,
            headers={"content-type": self.media_type},
            content=_strict_utf8(within(response.aiter_bytes(), self.stream_bytes)),
            request=response.request,
        )
        try:
            async for event in httpx2.EventSource(checked, max_event_size=self.frame_bytes):
                if event.data:
                    yield event.data
        except httpx2.SSEError as error:
            raise FramingError(str(error)) from None


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON value a line. Only a line feed ends a line: JSON text may hold every other kind of line break."""

    media_type: str = "application/x-ndjson"
    accepted: frozenset[str] = frozenset({"application/x-ndjson", "application/jsonl", "application/json"})
    stream_bytes: int = STREAM_BYTES
    frame_bytes: int = FRAME_BYTES

    async def frames(self, response: httpx2.Response) -> AsyncGenerator[str, None]:
        """See `Framing.frames`. A last line without its end counts where it is whole, which JSON tells by itself."""
        rest = bytearray()
        async for chunk in _strict_utf8(within(response.aiter_bytes(), self.stream_bytes)):
            *lines, tail = chunk.split(b"\n")
            for line in lines:
                rest += line
                if text := rest.decode().strip():
                    yield text
                rest.clear()
            rest += tail
            if len(rest) > self.frame_bytes:
                raise FramingError(f"a line of more than {self.frame_bytes} bytes")
        if _is_json(rest):
            yield rest.decode()


def _is_json(text: bytearray) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


SSE: Final = ServerSentEvents()
JSON_LINES: Final = JsonLines()
