"""One request and what comes back, the same for every dialect: sending, waiting, reading, and saying what went wrong.

A dialect words the request (`Ask`) and understands frames (`Reader`). Everything else that can happen on the way to a
whole answer is handled here, so that it is handled alike everywhere:

==========================================  =====================================
no connection: refused, DNS, TLS, proxy     ``connect``
no text in time, or silence in the middle   ``timeout``
a status other than 200                     as `smista_mcp.providers.failures` says
a complaint inside a stream of status 200   the same
another content type, bad JSON, bad UTF-8   ``bad_response``
too much of anything                        ``bad_response``
the connection or the stream ends early     ``truncated_stream``
a whole answer without text                 ``empty_answer``
==========================================  =====================================

Nothing is tried again here, with one exception that costs nothing: where a server refuses a member of the request that
not all servers know (`Ask.optional`), by name, the request is made once more without it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from smista_mcp.catalog.endpoints import host_and_port
from smista_mcp.providers.answer import Answer
from smista_mcp.providers.failures import (
    Complaint,
    VendorError,
    classify,
    read_complaint,
    read_refusal,
    with_headers,
)
from smista_mcp.providers.framing import SSE, Framing, FramingError, within
from smista_mcp.providers.patience import Patience
from smista_mcp.providers.redact import Redactor
from smista_mcp.providers.types import (
    Activity,
    Call,
    Event,
    FailureClass,
    ProviderError,
    Reply,
    StopReason,
    Target,
    TextDelta,
    Timeouts,
)

if TYPE_CHECKING:
    import httpx2

ERROR_BYTES: Final = 64 * 1024
"""How much of a refusal is read."""
ERROR_SECONDS: Final = 5.0
"""How long a refusal may take: its status alone says most of it."""
LIST_BYTES: Final = 16 * 1024 * 1024
"""The most that a list of models may have; the longest there is has under 2 MB."""
_NAME_CHARS: Final = 200
"""The most that is kept of a model's name or a request id."""
_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-goog-request-id")

Reader = Callable[[object, Answer], Iterator[TextDelta | Activity]]
"""Understands one frame: puts what it says into the answer, and yields what may be shown at once.

Raises `VendorError` where the frame is a complaint in a shape that `read_complaint` does not know."""

Refiner = Callable[[object, Complaint], Complaint]
"""Adds to a complaint what only the dialect can read out of its body."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a dialect words it."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    framing: Framing = SSE
    optional: tuple[str, ...] = ()
    """Members of the body that not every server knows, and that a call can do without."""


async def converse(
    client: httpx2.AsyncClient,
    target: Target,
    call: Call,
    timeouts: Timeouts,
    *,
    ask: Callable[[Target, Call], Ask],
    read: Reader,
    refine: Refiner = lambda _, complaint: complaint,
) -> AsyncGenerator[Event, None]:
    """Make `call` and yield what comes: pieces as they arrive, lastly the `Reply`.

    Raises:
        ProviderError: as the table above says. `usage` is set where the call may have been billed.
    """
    patience = Patience(timeouts)
    asked = ask(target, call)
    answer = Answer(call)
    trouble = _Trouble(host_and_port(asked.url), Redactor.for_target(target), answer, refine)
    async with _opened(client, asked, timeouts, patience, trouble) as response:
        answer.note(request_id=next((response.headers[name] for name in _REQUEST_IDS if name in response.headers), ""))
        with trouble.told(patience):
            async with aclosing(_frames(response, asked.framing, patience, answer)) as frames:
                async for frame in frames:
                    for event in _pieces(frame, read, answer):
                        patience.heard(event)
                        with patience.resting():
                            yield event
    if (fault := answer.fault()) is not None:
        raise trouble.error(*fault)
    yield Reply(
        text=answer.text,
        model_answered=trouble.name(answer.model),
        usage=answer.usage(),
        stop=answer.stop or StopReason.END,
        request_id=trouble.name(answer.request_id),
    )


async def fetch_list(
    client: httpx2.AsyncClient, target: Target, url: str, headers: Mapping[str, str], timeout: float
) -> object:
    """The JSON value at `url`, for a list of models.

    Raises:
        ProviderError: it did not come within `timeout` seconds, or something else did.
    """
    trouble = _Trouble(host_and_port(url), Redactor.for_target(target))
    patience = Patience(Timeouts(connect=timeout, first_token=timeout, idle=timeout))
    response = await _sent(client, "GET", url, headers, None, timeout, patience, trouble)
    try:
        if response.status_code != 200:
            await _refuse(response, patience, trouble)
        with trouble.told(patience):
            async with patience.limit():
                return _parse(b"".join([chunk async for chunk in within(response.aiter_bytes(), LIST_BYTES)]))
    finally:
        await response.aclose()


@asynccontextmanager
async def _opened(
    client: httpx2.AsyncClient, ask: Ask, timeouts: Timeouts, patience: Patience, trouble: _Trouble
) -> AsyncIterator[httpx2.Response]:
    """The response to `ask`, which is a stream of the wanted kind. Its connection closes with the context."""
    body = dict(ask.body)
    while True:
        # ASCII is what every server takes, and half characters could not be sent otherwise.
        content = json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()
        response = await _sent(client, "POST", ask.url, ask.headers, content, timeouts.connect, patience, trouble)
        try:
            if response.status_code == 200:
                await _check_type(response, ask.framing, patience, trouble)
                yield response
                return
            try:
                await _refuse(response, patience, trouble)
            except ProviderError as error:
                unknown = [name for name in ask.optional if name in body and name in str(error)]
                if error.failure is not FailureClass.BAD_REQUEST or not unknown:
                    raise
        finally:
            await response.aclose()
        for name in unknown:
            del body[name]


async def _sent(
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    connect: float,
    patience: Patience,
    trouble: _Trouble,
) -> httpx2.Response:
    """The response's head. Whatever keeps it from coming is a matter of the connection, or of time."""
    import httpx2

    try:
        request = client.build_request(
            method,
            url,
            headers={**headers, "content-type": "application/json"} if content is not None else dict(headers),
            content=content,
            timeout=httpx2.Timeout(None, connect=connect),
        )
        async with patience.limit():
            return await client.send(request, stream=True)
    except TimeoutError:
        raise trouble.error(FailureClass.TIMEOUT, patience.complaint()) from None
    except httpx2.ConnectTimeout:
        raise trouble.error(FailureClass.CONNECT, f"no connection within {connect:g} s") from None
    except (httpx2.LocalProtocolError, httpx2.InvalidURL, ValueError):
        # Not repeated: these errors quote the header or the address they dislike.
        raise trouble.error(FailureClass.CONNECT, "its address or one of its headers cannot be sent") from None
    except httpx2.RemoteProtocolError as error:
        if "disconnected" in str(error):
            raise trouble.error(FailureClass.CONNECT, "it closed the connection without an answer") from None
        raise trouble.error(
            FailureClass.BAD_RESPONSE, f"what answers is not HTTP ({trouble.redact(str(error))})"
        ) from None
    except httpx2.HTTPError as error:
        raise trouble.error(FailureClass.CONNECT, f"cannot be reached ({_named(error, trouble.redact)})") from None


async def _check_type(response: httpx2.Response, framing: Framing, patience: Patience, trouble: _Trouble) -> None:
    """Refuse a body that is no stream. Some gateways put a complaint into a body of status 200."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind or kind in framing.accepted:
        return
    body = _json_or_none(await _beginning(response, patience))
    if (complaint := read_complaint(body)) is not None:
        raise trouble.complained(body, with_headers(complaint, response.headers), 200)
    raise trouble.error(
        FailureClass.BAD_RESPONSE, f"it answered with {trouble.redact(kind, _NAME_CHARS)} in place of a stream"
    )


async def _refuse(response: httpx2.Response, patience: Patience, trouble: _Trouble) -> None:
    """Raise what a response says whose status is not 200."""
    status = response.status_code
    text = await _beginning(response, patience)
    body = _json_or_none(text)
    if 300 <= status < 400:
        complaint = Complaint("it redirects elsewhere, which is never followed")
    elif isinstance(body, dict | list):
        complaint = read_refusal(body)
    else:
        said = text.decode("utf-8", "replace").strip()
        complaint = Complaint("a page for a browser" if said.startswith("<") else said)
    raise trouble.complained(body, replace(with_headers(complaint, response.headers), status=status), status)


async def _beginning(response: httpx2.Response, patience: Patience) -> bytes:
    """The first `ERROR_BYTES` of a body, or as much of them as comes soon."""
    import httpx2

    text = b""
    with suppress(httpx2.HTTPError, TimeoutError):
        async with patience.limit(at_most=ERROR_SECONDS):
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) >= ERROR_BYTES:
                    break
    return text[:ERROR_BYTES]


async def _frames(
    response: httpx2.Response, framing: Framing, patience: Patience, answer: Answer
) -> AsyncGenerator[object, None]:
    """The frames, parsed, until they end or the answer needs no more; each within the time that is due."""
    async with aclosing(framing.frames(response)) as frames:
        while True:
            try:
                async with patience.limit():
                    frame = await anext(frames)
            except StopAsyncIteration:
                return
            if not answer.ended:
                if frame.strip() == "[DONE]":
                    answer.ended = True
                else:
                    yield _parse(frame)
            # Even then it is read to the end of the response, so that the connection can serve the next call.
            if answer.ended:
                patience.ended()
            elif answer.stop is not None:
                patience.answered()


def _pieces(frame: object, read: Reader, answer: Answer) -> Iterator[TextDelta | Activity]:
    if not isinstance(frame, dict):
        raise FramingError("a frame that is no JSON object")
    if (complaint := read_complaint(frame)) is not None:
        raise VendorError(complaint, frame)
    return read(frame, answer)


def _parse(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FramingError("text that is not JSON") from None


def _json_or_none(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _named(error: Exception, redact: Redactor) -> str:
    said = redact(str(error), _NAME_CHARS)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Turns whatever goes wrong in one exchange into a `ProviderError` that says so without secrets."""

    host: str
    redact: Redactor
    answer: Answer | None = None
    refine: Refiner = lambda _, complaint: complaint

    @contextmanager
    def told(self, patience: Patience) -> Iterator[None]:
        """While a body is read."""
        import httpx2

        try:
            yield
        except (TimeoutError, VendorError, FramingError, httpx2.HTTPError) as error:
            if self.answer is None or not self.answer.whole:
                raise self._said_of(error, patience) from None
            # Nothing that follows a whole answer can spoil it.

    def _said_of(self, error: Exception, patience: Patience) -> ProviderError:
        import httpx2

        match error:
            case TimeoutError():
                return self.error(FailureClass.TIMEOUT, patience.complaint())
            case VendorError():
                return self.complained(error.body, error.complaint, 200)
            case FramingError():
                return self.error(FailureClass.BAD_RESPONSE, f"it sent {self.redact(str(error))}")
            case httpx2.DecodingError():
                return self.error(FailureClass.BAD_RESPONSE, "it sent a body that cannot be decompressed")
            case _:
                return self.error(FailureClass.TRUNCATED_STREAM, f"it broke off ({_named(error, self.redact)})")

    def error(self, failure: FailureClass, message: str) -> ProviderError:
        """A failure in words of our own."""
        return self._made(failure, message, None, None)

    def complained(self, body: object, complaint: Complaint, status: int) -> ProviderError:
        """A failure in the provider's words; `status` is that of the response."""
        complaint = self.refine(body, complaint)
        said = self.redact(complaint.message) or "it does not say why"
        where = f"HTTP {status}" if status != 200 else "error in the stream"
        return self._made(classify(complaint), f"{where}: {said}", status, complaint.retry_after)

    def name(self, text: str | None) -> str | None:
        """A model's name or a request id, as it may be recorded."""
        return self.redact(text, _NAME_CHARS) if text else None

    def _made(
        self, failure: FailureClass, message: str, status: int | None, retry_after: float | None
    ) -> ProviderError:
        answer = self.answer
        # A stream that broke off or held nothing was worked on; a complaint that came before any sign of work was not.
        worked = failure in (FailureClass.TRUNCATED_STREAM, FailureClass.EMPTY_ANSWER)
        return ProviderError(
            failure,
            f"{self.redact(self.host, _NAME_CHARS)}: {message}",
            status=status,
            retry_after=retry_after,
            usage=answer.usage() if answer is not None and (worked or answer.begun) else None,
            model_answered=self.name(answer.model) if answer is not None else None,
            request_id=self.name(answer.request_id) if answer is not None else None,
        )
