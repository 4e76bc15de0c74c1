"""One attempt: one call to one deployment, from the resolved secret to the record of what it used and cost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smista_mcp.catalog.identity import same_model
from smista_mcp.catalog.prices import cost_of
from smista_mcp.catalog.types import Deployment
from smista_mcp.errors import EmbeddedModelError, SecretError
from smista_mcp.execution.moment import milliseconds_since, now, timestamp
from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.ledger.types import Attempt
from smista_mcp.providers.registry import dialect_for
from smista_mcp.providers.secrets import resolve_secret
from smista_mcp.providers.types import (
    Activity,
    Call,
    FailureClass,
    ProviderError,
    Reply,
    Target,
    TextDelta,
    Timeouts,
    Usage,
)

if TYPE_CHECKING:
    import httpx2

OnProgress = Callable[[str], Awaitable[None]]
"""Told in a few words how a run is coming along."""

_log = logging.getLogger(__name__)

_PROGRESS_SECONDS: Final = 1.0
"""Least time between two reports of growing text: hosts show them one after another."""


async def tell(report: OnProgress, message: str) -> None:
    """Report progress. Whoever is told may be gone already: that must not end the run."""
    try:
        await report(message)
    except Exception:
        _log.debug("progress could not be reported", exc_info=True)


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt and, where it succeeded, the reply."""

    attempt: Attempt
    reply: Reply | None = None
    failure: FailureClass | None = None


@dataclass(slots=True)
class _Progress:
    """What has arrived so far; it outlives a failure, so that a cut or cancelled call is still accounted for."""

    call: Call
    report: OnProgress | None
    sent: bool = False
    """Whether the call may have reached the provider, which may then bill it."""
    text_chars: int = 0
    text_tokens: int = 0
    reported_at: float = 0.0

    async def saw(self, event: TextDelta | Activity) -> None:
        if isinstance(event, TextDelta):
            self.text_chars += len(event.text)
            self.text_tokens += estimate_tokens(event.text)
            told = f"{self.call.model}: {self.text_chars} characters so far"
        else:
            told = f"{self.call.model}: {event.kind}"
        if self.report is not None and time.monotonic() - self.reported_at >= _PROGRESS_SECONDS:
            self.reported_at = time.monotonic()
            await tell(self.report, told)

    def usage(self) -> Usage:
        """Our own count, for a call that ended without the provider's."""
        if not self.sent:
            return Usage(0, 0, estimated=True)
        sent = sum(map(estimate_tokens, (self.call.system, self.call.material, self.call.prompt)))
        return Usage(sent, self.text_tokens, estimated=True)


async def attempt(
    client: httpx2.AsyncClient,
    deployment: Deployment,
    call: Call,
    timeouts: Timeouts,
    report: OnProgress | None,
    cancelled: Callable[[Attempt], None],
) -> Tried:
    """Make `call` at `deployment` once.

    Args:
        report: told how it comes along; may be ``None``.
        cancelled: given the record of the attempt where the task is cancelled while it runs, before the
            cancellation goes on.

    Returns:
        The record, with the reply or the class of the failure. Never raises for what a provider does.
    """
    started, clock = now(), time.monotonic()
    progress = _Progress(call, report)

    def record(usage: Usage | None, error: ProviderError | None, answered: str | None) -> Attempt:
        used = usage or Usage(0, 0, estimated=True)
        cost = cost_of(deployment, used.input, used.output, used.cached, used.reasoning, started)
        return Attempt(
            deployment=deployment.id,
            model_asked=call.model,
            started_at=timestamp(started),
            duration_ms=milliseconds_since(clock),
            model_answered=answered,
            failure=error.failure.value if error else None,
            detail=str(error) if error else "",
            status=error.status if error else None,
            request_id=error.request_id if error else None,
            input_tokens=used.input,
            output_tokens=used.output,
            cached_tokens=used.cached,
            reasoning_tokens=used.reasoning,
            usage_estimated=used.estimated,
            cost=cost,
            currency=deployment.price.currency if deployment.price else "USD",
        )

    try:
        reply = await _reply(client, deployment, call, timeouts, progress)
    except ProviderError as error:
        usage = error.usage or (progress.usage() if progress.text_chars else None)
        return Tried(record(usage, error, error.model_answered), failure=error.failure)
    except asyncio.CancelledError:
        stopped = ProviderError(FailureClass.CANCELLED, "the caller cancelled the step")
        cancelled(record(progress.usage(), stopped, None))
        raise
    except Exception as error:
        # A fault of ours or of a library must cost neither the record nor the next deployment's chance.
        _log.exception("an attempt at %s ended in an error nobody expected", deployment.id)
        unexpected = ProviderError(FailureClass.BAD_RESPONSE, f"unexpected {type(error).__name__}")
        return Tried(record(progress.usage(), unexpected, None), failure=unexpected.failure)
    return Tried(record(reply.usage, None, reply.model_answered), reply=reply)


async def _reply(
    client: httpx2.AsyncClient, deployment: Deployment, call: Call, timeouts: Timeouts, progress: _Progress
) -> Reply:
    target = await _resolve(deployment)
    progress.sent = True
    dialect = dialect_for(deployment.dialect)
    reply: Reply | None = None
    try:
        async with aclosing(dialect.stream(client, target, call, timeouts)) as events:
            async for event in events:
                if isinstance(event, Reply):
                    reply = event
                else:
                    await progress.saw(event)
    except EmbeddedModelError as error:
        raise ProviderError(FailureClass.CONNECT, f"{error} ({error.hint})" if error.hint else str(error)) from error
    if reply is None:
        raise ProviderError(FailureClass.TRUNCATED_STREAM, f"{deployment.id} ended its answer without an end mark")
    if reply.model_answered and not same_model(call.model, reply.model_answered, deployment.aliases):
        raise ProviderError(
            FailureClass.WRONG_MODEL,
            f"{deployment.id} was asked for {call.model} and answered as {reply.model_answered}",
            usage=reply.usage,
            model_answered=reply.model_answered,
            request_id=reply.request_id,
        )
    return reply


async def _resolve(deployment: Deployment) -> Target:
    """The endpoint with its secrets looked up; in a thread, since a keyring may ask its user."""
    endpoint = deployment.endpoint
    try:
        key = await asyncio.to_thread(resolve_secret, endpoint.api_key) if endpoint.api_key else None
        headers = {name: await asyncio.to_thread(resolve_secret, value) for name, value in endpoint.headers.items()}
    except SecretError as error:
        raise ProviderError(FailureClass.SECRET_MISSING, str(error)) from None
    return Target(endpoint.base_url, key, headers)
