"""What every dialect takes and gives: a call, the events of its stream, the reply, and how it fails."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

from smista_mcp.catalog.types import ServedModel as ServedModel
from smista_mcp.errors import SmistaError
from smista_mcp.policy.types import Effort

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2


class FailureClass(StrEnum):
    """Why an attempt failed. The first group another deployment could mend, the second it could not."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    AUTH = "auth"
    MODEL_NOT_FOUND = "model_not_found"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_RESPONSE = "bad_response"
    EMPTY_ANSWER = "empty_answer"
    TRUNCATED_STREAM = "truncated_stream"
    WRONG_MODEL = "wrong_model"
    SECRET_MISSING = "secret_missing"

    BAD_REQUEST = "bad_request"
    CANCELLED = "cancelled"

    @property
    def mendable_elsewhere(self) -> bool:
        """Whether the next deployment of the chain could do better."""
        return self not in (FailureClass.BAD_REQUEST, FailureClass.CANCELLED)


class ProviderError(SmistaError):
    """One attempt failed.

    `usage` holds what was used up to then (a failed attempt may still be billed), `retry_after` seconds where the
    provider named them.
    """

    code = "provider"
    exit_code = 5

    def __init__(
        self,
        failure: FailureClass,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        usage: Usage | None = None,
        model_answered: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.status = status
        self.retry_after = retry_after
        self.usage = usage
        self.model_answered = model_answered
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt. `input` includes `cached`; `output` includes `reasoning`."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False
    """True where the provider did not say and we counted ourselves."""


class StopReason(StrEnum):
    """Why the model stopped."""

    END = "end"
    MAX_TOKENS = "max_tokens"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect`: until the connection stands; `first_token`: from the request to the first text;
    `idle`: between two pieces of the stream."""

    connect: float = 5.0
    first_token: float = 120.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of a model, in no vendor's words."""

    model: str
    prompt: str
    """The task alone."""
    material: str = ""
    """What the task is about: the text of files and what the caller passed along. Dialects put both together
    with `smista_mcp.providers.prompt.compose_prompt`."""
    system: str = ""
    effort: Effort | None = None
    max_output_tokens: int | None = None
    reasoning: bool = False
    """Whether the catalog says that the model takes a reasoning setting; without it `effort` is not sent."""
    output_ceiling: int | None = None
    """The model's own limit on output tokens where known: some dialects must always state one."""
    opening: str = ""
    """Words that the answer is to begin with. Only for servers that go on with an assistant's unfinished message, as
    llama.cpp does over chat completions; other dialects do not send it."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The model is at work without text to show yet (thinking, loading)."""

    kind: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer: always the last event of a stream that ended well."""

    text: str
    model_answered: str | None
    usage: Usage
    stop: StopReason
    request_id: str | None = None


Event = TextDelta | Activity | Reply


@dataclass(frozen=True, slots=True)
class Target:
    """A provider's endpoint with its secret resolved. Its ``repr`` hides the key and the headers' values."""

    base_url: str
    api_key: str | None
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        shown = re.sub(r"(?<=//)[^/]*@", "", self.base_url)  # without user and password
        return f"Target(base_url={shown!r})"


class DialectModule(Protocol):
    """What each dialect offers. Instances hold no state of a call and may be shared."""

    name: ClassVar[str]

    def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """Run `call`, yielding events as they arrive; the last one is a `Reply`.

        Closing the iterator early, or cancelling the task that reads it, closes the connection at once.

        Raises:
            ProviderError: whatever went wrong, classified.
        """
        ...

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """The models that the server says it has.

        Raises:
            ProviderError: the server did not answer within `timeout` seconds, or not with a list of models.
        """
        ...
