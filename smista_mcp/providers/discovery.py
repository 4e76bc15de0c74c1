"""What is there to be used, here and now: keys by presence, local servers by asking them.

Every server that may be asked is asked at the same time, within `CONNECT_S` seconds to connect and `ANSWER_S` seconds
in all, so that a machine with nothing running is told so at once and a server that hangs costs a second at most. No
vendor's cloud is ever called, no key is read and none is sent.

What servers answered is kept for a moment (`POSITIVE_S`, or `NEGATIVE_S` where there was none). This process remembers
what it was told; where nobody answered stands in ``discovery.json`` under the cache directory too, so that one command
after another need not wait for the same silence. That a server *is* something is never taken from that file: whoever
can write it, or move the cache directory, could make any gateway pass for a local model. A broken file is as good as
none.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smista_mcp.catalog.build import models_to_price
from smista_mcp.catalog.endpoints import host_and_port, plan_providers
from smista_mcp.catalog.files import read_json, write_json
from smista_mcp.catalog.models import EMBEDDED
from smista_mcp.catalog.prices import PriceFile
from smista_mcp.catalog.types import Availability, Finding, Reach, ServedModel, ServerKind
from smista_mcp.catalog.verdict import NAMES
from smista_mcp.policy.types import Policy
from smista_mcp.providers import locality

if TYPE_CHECKING:
    import httpx2

CONNECT_S: Final = 0.3
"""Seconds to look up a name, and again to connect. A server on this machine takes a millisecond."""
ANSWER_S: Final = 1.0
"""Seconds for everything that one server is asked."""
POSITIVE_S: Final = 30.0
"""Seconds for which a server that answered is not asked again: models are pulled now and then."""
NEGATIVE_S: Final = 5.0
"""Seconds for which one that did not is not: somebody may be about to start it."""

_FILE: Final = "discovery.json"
_FILE_VERSION: Final = 2


async def discover(policy: Policy, env: Mapping[str, str], *, cache_dir: Path | None, now: datetime) -> Availability:
    """Look around.

    Args:
        policy: which providers there are beside the well-known ones.
        env: the environment: which keys are set, and variables that move an endpoint.
        cache_dir: where findings and prices are kept for later calls; ``None``: nowhere.
        now: the present moment, aware.

    Returns:
        What was found. `Availability.taken_at` is when the oldest part of it was found out. Never raises for what a
        server does.
    """
    reaches = plan_providers(policy, env)
    kept = _Kept(cache_dir, now)
    asked = [reach for reach in reaches if reach.probe]
    fresh = {key: reach for reach in asked if (key := _key(reach)) not in kept.findings}
    if fresh:
        for key, finding in zip(fresh, await _look_at_all(tuple(fresh.values())), strict=True):
            kept.add(key, finding)
        kept.save()
    files = {reach.id: _look_into(reach.model_path) for reach in reaches if reach.model_path and not reach.problem}
    prices = PriceFile(cache_dir, now)
    wanted = models_to_price(policy, reaches)
    if not prices.has(wanted):
        await asyncio.to_thread(prices.fill, wanted)
    return Availability(
        taken_at=_timestamp(min((kept.taken_at(_key(reach)) for reach in asked), default=now)),
        providers={reach.id: reach for reach in reaches},
        findings={**files, **{reach.id: kept.findings[_key(reach)] for reach in asked}},
        listings=prices.listings(wanted),
    )


async def _look_at_all(reaches: tuple[Reach, ...]) -> list[Finding]:
    """Ask every server at the same time. The HTTP client is made only where anything accepts connections."""
    located = await asyncio.gather(*(_locate(reach) for reach in reaches))
    there = [(reach, finding) for reach, finding in zip(reaches, located, strict=True) if not finding.problem]
    if not there:
        return located
    client = _client(any(reach.endpoint.base_url.startswith("https:") for reach, _ in there))
    try:
        asked = await asyncio.gather(*(_ask(client, reach, finding) for reach, finding in there))
    finally:
        # Cancelled half-way through closing, the client would leave the rest of its connections open.
        await asyncio.shield(asyncio.ensure_future(client.aclose()))
    answered = {reach.id: finding for (reach, _), finding in zip(there, asked, strict=True)}
    return [answered.get(reach.id, finding) for reach, finding in zip(reaches, located, strict=True)]


def _client(secure: bool) -> httpx2.AsyncClient:
    """A client that neither takes a proxy nor follows a redirect: it must talk to the very server it means."""
    import httpx2

    # Without TLS among the endpoints the certificates, which take longer to load than all else here, are not needed.
    return httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=ANSWER_S, verify=secure)


async def _locate(reach: Reach) -> Finding:
    base_url = reach.endpoint.base_url
    place = host_and_port(base_url)
    try:
        where = await locality.locate(base_url, CONNECT_S)
        trouble = await locality.connects(where.base_url, CONNECT_S)
    except TimeoutError:
        return Finding(problem=f"the name in {place} could not be looked up within {CONNECT_S:g} s")
    except OSError:
        return Finding(problem=f"the name in {place} means no address")
    except ValueError:
        return Finding(problem=f"the base_url of {reach.id} is not a usable address")
    pinned = where.base_url if where.base_url != base_url else ""
    return Finding(own_address=where.own, pinned=pinned, problem=f"{trouble} at {place}" if trouble else "")


async def _ask(client: httpx2.AsyncClient, reach: Reach, located: Finding) -> Finding:
    base_url = located.pinned or reach.endpoint.base_url
    place = host_and_port(reach.endpoint.base_url)
    kind, models = ServerKind.UNKNOWN, None
    try:
        async with asyncio.timeout(ANSWER_S):
            if ask := locality.asker(client, base_url):
                kind, models = await locality.identify(ask, reach.expects)
            if kind is ServerKind.UNKNOWN and reach.expects is None:
                models = await _listed(client, reach, base_url)
    except TimeoutError:
        return replace(located, problem=f"the server at {place} did not answer within {ANSWER_S:g} s")
    if models is not None:
        # A name that is no text, or holds what no terminal should be sent, could be neither asked for nor recorded.
        models = tuple(one for one in models if one.name.isprintable())
    found = replace(located, reachable=True, kind=kind, models=models)
    if reach.expects is not None and kind is not reach.expects:
        return replace(found, problem=f"the server at {place} is not {NAMES[reach.expects]}")
    return found


async def _listed(client: httpx2.AsyncClient, reach: Reach, base_url: str) -> tuple[ServedModel, ...] | None:
    """The models of a server of unknown kind, where it tells them without a key."""
    from smista_mcp.providers.registry import dialect_for
    from smista_mcp.providers.types import ProviderError, Target

    try:
        found = await dialect_for(reach.dialect).list_models(client, Target(base_url, None, {}), ANSWER_S)
    except ProviderError:
        return None
    return found


def _look_into(gguf: str) -> Finding:
    """What a GGUF file of the policy's own says of itself; only the head of the file is read. It is given no larger
    window than the usual model has, since memory grows with it."""
    from smista_mcp.providers.gguf_header import context_length

    most = EMBEDDED.context_window or 0
    try:
        path = Path(gguf).expanduser().resolve()
        window = min(context_length(path) or most, most)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no usable GGUF file"
        return Finding(problem=f"{gguf} cannot be run: {reason}")
    return Finding(True, own_address=True, models=(ServedModel(path.stem, window),))


def _key(reach: Reach) -> str:
    """What tells one question to one server from another."""
    asked = f"{reach.endpoint.base_url}\n{reach.dialect}\n{reach.expects}"
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_REMEMBERED: Final[dict[tuple[Path, str], tuple[datetime, Finding]]] = {}
"""What this process was told, by cache directory and question."""


class _Kept:
    """Findings of a moment ago."""

    def __init__(self, cache_dir: Path | None, now: datetime) -> None:
        self._folder = cache_dir
        self._now = now
        self._times: dict[str, datetime] = {}
        self.findings: dict[str, Finding] = {}
        """By key; only those that still hold."""
        if cache_dir is None:
            return
        content = read_json(cache_dir / _FILE)
        if isinstance(content, dict) and content.get("version") == _FILE_VERSION:
            silent = content.get("silent")
            for key, entry in silent.items() if isinstance(silent, dict) else ():
                self._read(key, entry)
        for (folder, key), (made, finding) in tuple(_REMEMBERED.items()):
            if folder == cache_dir:
                self._take(key, made, finding)

    def add(self, key: str, finding: Finding) -> None:
        """Remember what was found out just now."""
        self.findings[key] = finding
        self._times[key] = self._now
        if self._folder is not None:
            _REMEMBERED[self._folder, key] = self._now, finding

    def taken_at(self, key: str) -> datetime:
        """When the finding was made."""
        return self._times[key]

    def save(self) -> None:
        """Write where there was nothing to be found."""
        if self._folder is not None:
            entries = {
                key: {"at": self._times[key].isoformat(), "own": finding.own_address, "problem": finding.problem}
                for key, finding in sorted(self.findings.items())
                if finding.problem and not finding.reachable
            }
            write_json(self._folder / _FILE, {"version": _FILE_VERSION, "silent": entries})

    def _read(self, key: str, entry: object) -> None:
        try:
            if not isinstance(entry, dict):
                return
            made, own, problem = datetime.fromisoformat(entry["at"]), entry["own"], entry["problem"]
            if isinstance(own, bool) and isinstance(problem, str) and problem:
                self._take(key, made, Finding(own_address=own, problem=problem))
        except (KeyError, TypeError, ValueError):
            return

    def _take(self, key: str, made: datetime, finding: Finding) -> None:
        longest = NEGATIVE_S if finding.problem else POSITIVE_S
        if timedelta(0) <= self._now - made < timedelta(seconds=longest):
            self.findings[key] = finding
            self._times[key] = made
