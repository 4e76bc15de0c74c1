"""The one place that makes the HTTP client, and that words addresses and headers for every dialect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from smista_mcp import __version__
from smista_mcp.providers.types import FailureClass, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from smista_mcp.providers.types import Target

LOOPBACK: Final = ("all://localhost", "all://*.localhost", "all://127.0.0.0/8", "all://[::1]")
"""Patterns of addresses on this machine, towards which no proxy is used."""
_VERSIONED: Final = re.compile(r"/v\d+[a-z0-9]*$")


def make_client() -> httpx2.AsyncClient:
    """A client for all calls of this process: one pool of connections, which may be shared between tasks.

    Proxies of the environment are honoured, except towards this machine: a proxy has no business with a local model.
    Redirects are never followed, for a key must not travel on to another host. Nothing times out by itself: each call
    states its own limits (`smista_mcp.providers.patience`). Up to 100 connections at once, as many as 20 of them kept
    for half a minute between calls, since a new one to a vendor costs a tenth of a second.
    """
    import httpx2

    return httpx2.AsyncClient(
        mounts=dict.fromkeys(LOOPBACK),
        timeout=None,
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30.0),
    )


def address(base_url: str, path: str, *, version: str = "", bare_only: bool = False, **query: str) -> str:
    """The URL of `path` at a provider.

    Args:
        base_url: as configured; a path and a query that it has are kept.
        path: with a leading slash.
        version: put in front of `path` where `base_url` does not already end with a version such as ``/v1``.
        bare_only: put `version` only where `base_url` has no path at all: whoever wrote one meant it.
        query: added to the query.

    Raises:
        ProviderError: `base_url` is not an address of the web (`FailureClass.CONNECT`).
    """
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ProviderError(FailureClass.CONNECT, "the provider's base_url is not a usable http or https address")
    root = parts.path.rstrip("/")
    if version and not (root if bare_only else _VERSIONED.search(root)):
        root += version
    queries = [*parse_qsl(parts.query, keep_blank_values=True), *query.items()]
    return urlunsplit((parts.scheme, parts.netloc, root + path, urlencode(queries), ""))


def headers_for(target: Target, *, accept: str, **own: str) -> dict[str, str]:
    """The headers of a request to `target`.

    Args:
        accept: the media type that is wanted.
        own: the dialect's own, with underscores for hyphens; those of `target` win over them.

    Raises:
        ProviderError: a value holds characters that HTTP does not allow (`FailureClass.AUTH`); it is not repeated.
    """
    headers = {"accept": accept, "accept-encoding": "identity", "user-agent": f"smista-mcp/{__version__}"}
    headers |= {name.replace("_", "-"): value for name, value in own.items()}
    headers |= {name.lower(): value for name, value in target.headers.items()}
    for name, value in headers.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise ProviderError(
                FailureClass.AUTH, f"the value of the header {name!r} has characters HTTP does not allow"
            )
    return headers


def bearer(target: Target) -> Mapping[str, str]:
    """The ``Authorization`` header that most vendors want; none without a key."""
    return {"authorization": f"Bearer {target.api_key}"} if target.api_key else {}
