"""The clock and the ids of execution; routing has neither."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: sorts as the number does, and leaves out what is easily misread."""
_TIME_DIGITS: Final = 10
_RANDOM_DIGITS: Final = 16


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, e.g. ``2026-01-31T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_run_id() -> str:
    """``r_`` and 26 characters in the manner of a ULID: milliseconds since 1970, then 80 random bits."""
    number = (time.time_ns() // 1_000_000) << (5 * _RANDOM_DIGITS) | secrets.randbits(5 * _RANDOM_DIGITS)
    digits = _TIME_DIGITS + _RANDOM_DIGITS
    return "r_" + "".join(_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(digits)))


def milliseconds_since(start: float) -> int:
    """Whole milliseconds since `start`, a reading of `time.monotonic`."""
    return round((time.monotonic() - start) * 1000)
