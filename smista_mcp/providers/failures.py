"""What kind of failure it is that a provider tells of: from its own code, else from its words, else from the status."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from smista_mcp.providers.peek import at, count_at, list_at, text_at
from smista_mcp.providers.types import FailureClass

if TYPE_CHECKING:
    from collections.abc import Mapping

_F = FailureClass


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error in the provider's own words. `message` may hold secrets: it has not been through a `Redactor` yet."""

    message: str = ""
    codes: tuple[str, ...] = ()
    """The provider's codes for it, the most telling first."""
    status: int | None = None
    """The HTTP status, or the one that the body of a stream with status 200 names."""
    retry_after: float | None = None
    """Seconds."""
    failure: FailureClass | None = None
    """Set where the dialect itself knows better than `classify`."""


class VendorError(Exception):
    """A frame of the stream is a complaint; `body` is the frame."""

    def __init__(self, complaint: Complaint, body: object) -> None:
        super().__init__(complaint.message)
        self.complaint = complaint
        self.body = body


_CODES: Final[Mapping[str, FailureClass]] = {
    # OpenAI (code or type), and those who took over its interface
    "insufficient_quota": _F.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": _F.QUOTA_EXHAUSTED,
    "billing_not_active": _F.QUOTA_EXHAUSTED,
    "insufficient_balance": _F.QUOTA_EXHAUSTED,
    "rate_limit_exceeded": _F.RATE_LIMITED,
    "tokens_exceeded": _F.RATE_LIMITED,
    "context_length_exceeded": _F.CONTEXT_TOO_LONG,
    "string_above_max_length": _F.CONTEXT_TOO_LONG,
    "model_not_found": _F.MODEL_NOT_FOUND,
    "model_not_available": _F.MODEL_NOT_FOUND,
    "deploymentnotfound": _F.MODEL_NOT_FOUND,
    "model_decommissioned": _F.MODEL_NOT_FOUND,
    "invalid_api_key": _F.AUTH,
    "account_deactivated": _F.AUTH,
    "unsupported_country_region_territory": _F.AUTH,
    "server_error": _F.SERVER_ERROR,
    "internal_server_error": _F.SERVER_ERROR,
    "engine_overloaded": _F.OVERLOADED,
    "service_unavailable": _F.OVERLOADED,
    # Anthropic (type)
    "authentication_error": _F.AUTH,
    "permission_error": _F.AUTH,
    "billing_error": _F.QUOTA_EXHAUSTED,
    "not_found_error": _F.MODEL_NOT_FOUND,
    "request_too_large": _F.CONTEXT_TOO_LONG,
    "rate_limit_error": _F.RATE_LIMITED,
    "overloaded_error": _F.OVERLOADED,
    "api_error": _F.SERVER_ERROR,
    "timeout_error": _F.TIMEOUT,
    # Google (status, or reason in the details)
    "api_key_invalid": _F.AUTH,
    "api_key_service_blocked": _F.AUTH,
    "service_disabled": _F.AUTH,
    "unauthenticated": _F.AUTH,
    "permission_denied": _F.AUTH,
    "failed_precondition": _F.AUTH,
    "not_found": _F.MODEL_NOT_FOUND,
    "resource_exhausted": _F.RATE_LIMITED,
    "unavailable": _F.OVERLOADED,
    "deadline_exceeded": _F.TIMEOUT,
    "internal": _F.SERVER_ERROR,
    # llama.cpp and vLLM (type)
    "exceed_context_size_error": _F.CONTEXT_TOO_LONG,
    "unavailable_error": _F.OVERLOADED,
    "notfounderror": _F.MODEL_NOT_FOUND,
    "internalservererror": _F.SERVER_ERROR,
}
"""Every code that settles the matter by itself, in lower case. The general ones (``invalid_request_error``) do not."""

_REFUSING: Final = (None, 400, 402, 403, 404, 413, 422, 500)
_FAILING: Final = (None, 500, 502, 503)

_WORDS: Final[tuple[tuple[re.Pattern[str], tuple[int | None, ...], FailureClass], ...]] = tuple(
    (re.compile(words, re.IGNORECASE), statuses, failure)
    for words, statuses, failure in (
        (
            r"credit balance|insufficient (?:balance|credits?|funds|quota)|exceeded your current quota|out of credits"
            r"|quota (?:has been )?exhausted|more credits|payment required|spend(?:ing)? limit|billing",
            (*_REFUSING, 429),
            _F.QUOTA_EXHAUSTED,
        ),
        (
            r"context[ _-](?:length|window|size)|maximum context|(?:prompt|input|request) (?:is |was )?too (?:long|big"
            r"|large)|input token count|reduce the length|input length|too many (?:input |prompt )?tokens",
            _REFUSING,
            _F.CONTEXT_TOO_LONG,
        ),
        (
            r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|missing)|(?:invalid|incorrect|missing) api[ _-]?key"
            r"|unauthorized",
            _REFUSING,
            _F.AUTH,
        ),
        (
            r"model\b.{0,150}(?:not found|does ?n[o']t exist|does not exist|decommissioned|is not a valid model"
            r"|has been retired)|not a valid model|no such model|unknown model|no models? (?:is |are )?loaded",
            _REFUSING,
            _F.MODEL_NOT_FOUND,
        ),
        (r"rate[ _-]?limit|too many requests", _FAILING, _F.RATE_LIMITED),
        (r"overloaded|at capacity|server busy|loading model|try again later", _FAILING, _F.OVERLOADED),
    )
)
"""What vendors say where they have no code for it, and the statuses with which it means that."""

_STATUSES: Final[Mapping[int, FailureClass]] = {
    401: _F.AUTH,
    402: _F.QUOTA_EXHAUSTED,
    403: _F.AUTH,
    404: _F.MODEL_NOT_FOUND,
    405: _F.BAD_RESPONSE,  # something else answers there
    407: _F.CONNECT,  # a proxy in between
    408: _F.TIMEOUT,
    409: _F.SERVER_ERROR,
    410: _F.MODEL_NOT_FOUND,
    413: _F.CONTEXT_TOO_LONG,
    425: _F.OVERLOADED,
    429: _F.RATE_LIMITED,
    503: _F.OVERLOADED,
    504: _F.TIMEOUT,
    524: _F.TIMEOUT,  # Cloudflare: the origin took too long
    529: _F.OVERLOADED,  # Anthropic
}


def classify(complaint: Complaint) -> FailureClass:
    """The class of a failure that a provider tells of. Total: whatever it says has one."""
    if complaint.failure is not None:
        return complaint.failure
    for code in complaint.codes:
        if (known := _CODES.get(code.lower())) is not None:
            return known
    for words, statuses, failure in _WORDS:
        if complaint.status in statuses and words.search(complaint.message):
            return failure
    return _by_status(complaint.status)


def _by_status(status: int | None) -> FailureClass:
    if status is None:
        return _F.SERVER_ERROR  # the call was taken, and then something broke
    if status in _STATUSES:
        return _STATUSES[status]
    if 400 <= status < 500:
        return _F.BAD_REQUEST
    return _F.SERVER_ERROR if status >= 500 else _F.BAD_RESPONSE


def read_complaint(body: object) -> Complaint | None:
    """The complaint that a body or a frame is, or ``None`` where it is none.

    Understands the shapes of all vendors: ``error`` as an object (OpenAI, Anthropic, Google, llama.cpp, OpenRouter) or
    as text (Ollama), ``{"object": "error", …}`` (vLLM), ``detail`` (servers made with FastAPI), any of them in a list.
    """
    if isinstance(body, list):
        return read_complaint(body[0]) if body else None
    error = at(body, "error")
    if isinstance(error, str) and error:
        return Complaint(error, _texts(at(body, "code"), at(body, "type")))
    if isinstance(error, dict) and error:
        code = at(error, "code")
        reasons = [at(detail, "reason") for detail in list_at(error, "details")]
        return Complaint(
            text_at(error, "message") or text_at(error, "metadata", "raw"),
            _texts(*reasons, code, at(error, "status"), at(error, "type")),
            _as_status(code),
        )
    if text_at(body, "object") == "error" or text_at(body, "type") == "error":
        code = at(body, "code")
        return Complaint(text_at(body, "message"), _texts(code, at(body, "type")), _as_status(code))
    return None


def read_refusal(body: object) -> Complaint:
    """As `read_complaint`, for a body that must be one, because the status says so."""
    found = read_complaint(body)
    if found is not None:
        return found
    message = text_at(body, "message") or text_at(body, "detail") or json.dumps(body)
    return Complaint(message, _texts(at(body, "code"), at(body, "type")))


def with_headers(complaint: Complaint, headers: Mapping[str, str]) -> Complaint:
    """`complaint` with how long to wait, where the response around it says so."""
    wait = retry_after(headers, datetime.now(UTC))
    return complaint if wait is None else replace(complaint, retry_after=wait)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` (OpenAI), or ``retry-after`` in seconds or as a date; else ``None``."""
    milliseconds = seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    stated = headers.get("retry-after", "").strip()
    wait = seconds(stated)
    if wait is not None or not stated:
        return wait
    try:
        date = parsedate_to_datetime(stated)
        return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None


def seconds(stated: str) -> float | None:
    """The number of seconds that a text states, such as ``1.5`` or Google's ``34s``; ``None`` if it states none."""
    if not stated.isascii():
        return None
    try:
        value = float(stated.removesuffix("s"))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _texts(*values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)


def _as_status(code: object) -> int | None:
    """A code that is an HTTP status, as Google, OpenRouter, vLLM and llama.cpp put it."""
    number = count_at([code], 0)
    return number if number is not None and 400 <= number <= 599 else None
