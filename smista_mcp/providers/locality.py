"""Finding out what a server is and whether it is on this machine: established, not believed.

Two things have to be shown before anything counts as local (`smista_mcp.catalog.verdict` puts them together):

- **The address is this machine's.** A number on the loopback or of one of this machine's interfaces, or ``localhost``.
  Another name is looked up; where all its addresses are this machine's, the one that was found takes the name's place
  in the endpoint, for the name could stand for another machine a moment later. Behind TLS a name cannot be replaced,
  so nothing is established there.
- **The server is of a kind that runs models itself.** Each kind is asked on its own paths: Ollama for its version and
  its tags, llama.cpp for its properties, vLLM for its version, LM Studio for its own listing, and their model lists
  must name them as the owner where they name owners.

The limit: these are questions, and a gateway that imitates Ollama (or llama.cpp, or vLLM) answer for answer passes
for it. Likewise nothing shows that a llama.cpp server keeps all its layers here (``--rpc``). Whoever runs such a thing
on their own machine should declare ``local = false`` for it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from smista_mcp.catalog.types import ServedModel, ServerKind
from smista_mcp.providers.peek import at, count_at, list_at, text_at

if TYPE_CHECKING:
    import httpx2

Address = IPv4Address | IPv6Address

LONGEST_ANSWER: Final = 4_000_000
"""Bytes of a listing beyond which it is not read."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where an endpoint is."""

    own: bool
    """Every address is this machine's, and calls will go to the address that was looked at."""
    base_url: str
    """The endpoint, with an address in place of a name where that was needed."""


async def locate(base_url: str, timeout: float) -> Whereabouts:
    """Find out whether `base_url` leads to this machine. A name is looked up for at most `timeout` seconds.

    Raises:
        OSError: the name means nothing.
        TimeoutError: nobody said in time what it means.
        ValueError: it is not a URL.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return Whereabouts(True, base_url)
    try:
        return Whereabouts(is_own(ip_address(host)), base_url)
    except ValueError:
        pass
    addresses = await _look_up(host, timeout)
    if parts.scheme != "http" or not addresses or not all(is_own(one) for one in addresses):
        return Whereabouts(False, base_url)
    chosen = min(addresses, key=lambda one: (not one.is_loopback, one.version, int(one)))
    number = f"[{chosen}]" if chosen.version == 6 else str(chosen)
    netloc = f"{number}:{parts.port}" if parts.port is not None else number
    return Whereabouts(True, urlunsplit(SplitResult(parts.scheme, netloc, parts.path, parts.query, "")))


def is_own(address: Address) -> bool:
    """Whether `address` is this machine's: its loopback, or one that a socket here can be bound to."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified:
        return True
    if address.is_multicast or str(address) == "255.255.255.255":
        return False
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


async def connects(base_url: str, timeout: float) -> str:
    """Empty where a connection to the endpoint can be made within `timeout` seconds, else why not, in words."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except TimeoutError:
        return f"nothing answered within {timeout:g} s"
    except OSError as error:
        refused = error.errno == errno.ECONNREFUSED or isinstance(error, ConnectionRefusedError)
        return "no server" if refused or error.errno is None else f"no server ({errno.errorcode.get(error.errno, '')})"
    writer.close()
    return ""


Ask = Callable[[str], Awaitable[object]]
"""Gets a path of a server: the JSON that it answers, or ``None`` for any other answer."""


def asker(client: httpx2.AsyncClient, base_url: str) -> Ask | None:
    """A way to ask the server at `base_url`; ``None`` where the endpoint is a path of its own on that server, behind
    which something else may answer than at the server's root."""
    parts = urlsplit(base_url)
    if parts.path.rstrip("/") not in ("", "/v1") or parts.query:
        return None
    root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    async def ask(path: str) -> object:
        import json

        import httpx2

        try:
            async with client.stream("GET", root + path, headers={"accept": "application/json"}) as response:
                if response.status_code != 200:
                    return None
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > LONGEST_ANSWER:
                        return None
            return json.loads(body)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, RecursionError):
            return None

    return ask


async def identify(ask: Ask, expects: ServerKind | None) -> tuple[ServerKind, tuple[ServedModel, ...] | None]:
    """What kind of server answers, and the models that it lists where the kind's own listing was read.

    Only the kind in `expects` is asked for where one is expected, all otherwise.
    """
    wanted = [expects] if expects is not None and expects in _QUESTIONS else list(_QUESTIONS)
    answers = await asyncio.gather(*(_QUESTIONS[kind](ask) for kind in wanted))
    for kind, models in zip(wanted, answers, strict=True):
        if models is not None:
            return kind, models
    return ServerKind.UNKNOWN, None


async def _llamacpp(ask: Ask) -> tuple[ServedModel, ...] | None:
    properties, listing = await asyncio.gather(ask("/props"), ask("/v1/models"))
    entries = list_at(listing, "data")
    if at(properties, "default_generation_settings") is None or not _all_owned_by(entries, "llamacpp"):
        return None
    window = count_at(properties, "default_generation_settings", "n_ctx")
    models = []
    for entry in entries:
        weights = count_at(entry, "meta", "n_params")
        models.append(
            ServedModel(
                text_at(entry, "id"),
                window or count_at(entry, "meta", "n_ctx_train"),
                f"{weights / 1e6:.1f}M" if weights else "",
            )
        )
    return tuple(models)


async def _ollama(ask: Ask) -> tuple[ServedModel, ...] | None:
    version, listing = await asyncio.gather(ask("/api/version"), ask("/api/tags"))
    if not text_at(version, "version") or not isinstance(at(listing, "models"), list):
        return None
    models = []
    for entry in list_at(listing, "models"):
        name = text_at(entry, "name") or text_at(entry, "model")
        if name:
            offered = {one for one in list_at(entry, "capabilities") if isinstance(one, str)}
            models.append(
                ServedModel(
                    name,
                    count_at(entry, "details", "context_length") or None,
                    text_at(entry, "details", "parameter_size"),
                    bool(text_at(entry, "remote_host") or text_at(entry, "remote_model")),
                    frozenset(_OLLAMA_WORDS.get(one, one) for one in offered),
                )
            )
    return tuple(models)


async def _lmstudio(ask: Ask) -> tuple[ServedModel, ...] | None:
    listing = await ask("/api/v0/models")
    entries = list_at(listing, "data")
    if not isinstance(at(listing, "data"), list) or at(listing, "object") != "list":
        return None
    if not all(text_at(entry, "state") and text_at(entry, "type") for entry in entries):
        return None
    return tuple(
        ServedModel(
            text_at(entry, "id"),
            count_at(entry, "loaded_context_length") or count_at(entry, "max_context_length"),
            capabilities=_lmstudio_capabilities(entry),
        )
        for entry in entries
        if text_at(entry, "id") and text_at(entry, "type") in ("llm", "vlm")
    )


def _lmstudio_capabilities(entry: object) -> frozenset[str]:
    words = {one for one in list_at(entry, "capabilities") if isinstance(one, str)}
    found = {"tools"} if "tool_use" in words else set()
    return frozenset(found | {"vision"} if text_at(entry, "type") == "vlm" else found)


async def _vllm(ask: Ask) -> tuple[ServedModel, ...] | None:
    version, listing = await asyncio.gather(ask("/version"), ask("/v1/models"))
    entries = list_at(listing, "data")
    if not text_at(version, "version") or not _all_owned_by(entries, "vllm"):
        return None
    return tuple(ServedModel(text_at(entry, "id"), count_at(entry, "max_model_len") or None) for entry in entries)


def _all_owned_by(entries: list[object], owner: str) -> bool:
    return bool(entries) and all(text_at(one, "owned_by") == owner and text_at(one, "id") for one in entries)


_QUESTIONS: Final[Mapping[ServerKind, Callable[[Ask], Awaitable[tuple[ServedModel, ...] | None]]]] = {
    ServerKind.LLAMACPP: _llamacpp,
    ServerKind.VLLM: _vllm,
    ServerKind.OLLAMA: _ollama,
    ServerKind.LMSTUDIO: _lmstudio,
}
"""How each kind is recognised. In order of preference: llama.cpp also answers some of Ollama's paths."""

_OLLAMA_WORDS: Final[Mapping[str, str]] = {"thinking": "reasoning"}


async def _look_up(host: str, timeout: float) -> tuple[Address, ...]:
    """The addresses that a name stands for. In a thread of its own that nobody waits for: a resolver that hangs must
    not hold up the end of the process, as the event loop's own pool of threads would."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[tuple[object, ...]]] = loop.create_future()

    def settle(found: list[tuple[object, ...]] | None, error: OSError | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def work() -> None:
        found: list[tuple[object, ...]] | None = None
        failed: OSError | None = None
        try:
            found = list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
        except OSError as error:
            failed = error
        except UnicodeError as error:
            failed = OSError(str(error))
        try:
            loop.call_soon_threadsafe(settle, found, failed)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=work, name="name look-up", daemon=True).start()
    async with asyncio.timeout(timeout):
        entries = await answer
    found = set()
    for entry in entries:
        place = entry[4]
        if isinstance(place, tuple) and place:
            found.add(ip_address(str(place[0]).partition("%")[0]))
    return tuple(found)
