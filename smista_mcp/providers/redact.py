"""Taking secrets out of what a provider says before it becomes part of an error, a log line or a record.

Providers echo: a refused key, part of it, the URL that was called, the headers they got. So every text of theirs goes
through a `Redactor`, which removes the very secrets of the call in the writings they come back in, and whatever has
the shape of a well-known kind of key.
"""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from smista_mcp.policy.known import HARMLESS_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smista_mcp.providers.types import Target

REDACTED: Final = "[redacted]"

MESSAGE_CHARS: Final = 400
"""The most that is kept of what a provider says: enough for every vendor's own errors, little enough for a reply."""

_LEAST_SECRET: Final = 4
"""Anything shorter is no secret, and taking it out would leave no readable text."""
_LEAST_PART: Final = 8
"""How much of the beginning or the end of a secret counts as giving it away."""

_SHAPES: Final = re.compile(
    r"""
      \b(?:sk|rk|pk)-[A-Za-z0-9_*.\-]{8,}                     # OpenAI, Anthropic, OpenRouter, DeepSeek, also masked
    | \bAIza[A-Za-z0-9_*\-]{10,}                              # Google
    | \bya29\.[A-Za-z0-9_\-]{10,}                             # Google OAuth
    | \b(?:gsk|hf|csk|fw|xai|pplx|tgp|r8|nvapi)[_-][A-Za-z0-9_*\-]{10,}
    | \b(?:gh[oprsu]|github_pat|glpat)[_-][A-Za-z0-9_\-]{10,}
    | \bxox[abeprs]-[A-Za-z0-9\-]{8,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{12,}                            # AWS
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)?
    | (?<=bearer\ )(?=\S*\d)[A-Za-z0-9._~+/=*\-]{8,}
    | (?<=basic\ )[A-Za-z0-9+/]{8,}={0,2}
    | (?<=[?&]key=)[^&\s"'<>]+
    | (?<=api_key=)[^&\s"'<>]+
    | (?<=api-key=)[^&\s"'<>]+
    | (?<=apikey=)[^&\s"'<>]+
    | (?<=token=)[^&\s"'<>]+
    | (?<=://)[^/\s@"'<>]+(?=@)                               # user and password in a URL
    """,
    re.VERBOSE | re.IGNORECASE,
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\ud800-\udfff]+")


class Redactor:
    """Takes the given secrets, and every well-known shape of key, out of texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        writings: set[str] = set()
        for secret in secrets:
            for one in {secret, secret.strip()}:
                if len(one) >= _LEAST_SECRET:
                    writings |= _writings(one)
        self._writings = sorted(writings, key=len, reverse=True)

    @classmethod
    def for_target(cls, target: Target) -> Redactor:
        """Knows the secrets of `target`: its key, its headers' values, the user and password of its URL."""
        secrets = [target.api_key or ""]
        for name, value in target.headers.items():
            if name.lower() not in HARMLESS_HEADERS:
                secrets += [value, value.partition(" ")[2]]
        try:
            parts = urlsplit(target.base_url)
        except ValueError:
            return cls([*secrets, target.base_url])
        for one in (parts.username or "", parts.password or ""):
            secrets += [one, unquote(one)]
        return cls(secrets)

    def __call__(self, text: str, limit: int = MESSAGE_CHARS) -> str:
        """`text` on one line, without secrets, cut to `limit` characters."""
        for writing in self._writings:
            text = text.replace(writing, REDACTED)
        for writing in self._writings:
            text = _without_parts(text, writing)
        text = _UNPRINTABLE.sub(" ", _SHAPES.sub(REDACTED, text)).strip()
        return text if len(text) <= limit else text[: limit - 1] + "…"


def _writings(secret: str) -> set[str]:
    """The forms in which `secret` may come back: plain, in JSON, in a URL, in HTML, in a Python literal."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        repr(secret)[1:-1],
    }


def _without_parts(text: str, secret: str) -> str:
    """`text` without the longest beginning and the longest end of `secret` that stand in it."""
    for size in range(len(secret) - 1, _LEAST_PART - 1, -1):
        if secret[:size] in text:
            text = text.replace(secret[:size], REDACTED)
            break
    for size in range(len(secret) - 1, _LEAST_PART - 1, -1):
        if secret[-size:] in text:
            text = text.replace(secret[-size:], REDACTED)
            break
    return text
