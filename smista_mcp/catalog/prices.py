"""What models cost: figures from genai-prices for decisions and for bills, and plain arithmetic for a policy's own.

A decision needs one figure, so `price_of` gives the dearest that could apply: the highest tier, the dearest hour of
the day. What a call really cost is `cost_of`'s, through the list's own tiers and hours.

genai-prices is imported only when a figure is asked for (about a quarter of a second, once for each process:
`preload` does it ahead of time). `PriceFile` keeps the figures between processes, so that a start which only decides
never pays for it; the list itself stays the one place where prices are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smista_mcp.catalog.files import read_json, write_json
from smista_mcp.catalog.types import Deployment, Listing, Price, PriceStep
from smista_mcp.catalog.wellknown import WELL_KNOWN

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

MILLION: Final = Decimal(1_000_000)
ZERO: Final = Decimal(0)
FREE: Final = Price(ZERO, ZERO, ZERO, source="runs without being billed by the token")
"""The price of what runs on this machine."""

_LIST: Final = "genai-prices"
_FILE_VERSION: Final = 1


def price_of(provider: str, model: str, at: datetime | None = None) -> Price | None:
    """The dearest price that `model` of a well-known provider (``openai``, ``groq``, …) can have on the day of `at`.

    USD per million tokens. `at` is an aware time, now by default. ``None``: the list does not have it.
    """
    known = WELL_KNOWN.get(provider)
    if known is None or known.list_id is None:
        return None
    return look_up(known.list_id, model, at or datetime.now(UTC)).price


def look_up(list_id: str, model: str, at: datetime) -> Listing:
    """What genai-prices says of `model` of the vendor that it calls `list_id`, on the day of `at`."""
    info = _find(list_id, model)
    if info is None:
        return Listing()
    day = at.astimezone(UTC)
    hours = [day.replace(hour=hour) for hour in range(24)] if isinstance(info.prices, list) else [day]
    rates = [info.get_prices(hour) for hour in hours]
    starts = {-1, *(tier.start for rate in rates for figure in _figures(rate) for tier in _tiers(figure))}
    steps = [step for above in sorted(starts) if (step := _dearest_above(above, rates)) is not None]
    if len(steps) != len(starts):
        return Listing(None, info.context_window)
    cached = [step.cached_input for step in steps if step.cached_input is not None]
    price = Price(
        input=max(step.input for step in steps),
        output=max(step.output for step in steps),
        cached_input=max(cached) if len(cached) == len(steps) else None,
        source=f"{_LIST} {_version()}",
        listed_as=f"{list_id}/{model}",
        steps=tuple(steps) if len(steps) > 1 else (),
    )
    return Listing(price, info.context_window)


def cost_of(
    deployment: Deployment, usage_input: int, usage_output: int, cached: int, reasoning: int, at: datetime
) -> Decimal | None:
    """What one call cost, in the currency of the deployment's price; ``None`` where the price is not known.

    `usage_input` includes `cached`, `usage_output` includes `reasoning`, which is billed as output; `at` is when the
    call was made (aware), since some prices depend on the hour. Writing to a provider's cache, where that is billed
    extra, is not part of it.
    """
    del reasoning  # a part of the output, at the output's price
    price = deployment.price
    if price is None:
        return None
    if not usage_input and not usage_output:
        return ZERO
    cached = min(max(cached, 0), usage_input)
    if price.listed_as:
        list_id, _, model = price.listed_as.partition("/")
        info = _find(list_id, model)
        if info is not None:
            return _listed_cost(info, usage_input, usage_output, cached, at)
    cached_rate = price.input if price.cached_input is None else price.cached_input
    total = price.input * (usage_input - cached) + cached_rate * cached + price.output * usage_output
    return total / MILLION


def preload() -> None:
    """Import the list of prices now, e.g. in a thread while a model is answering."""
    _snapshot()


_read_before: tuple[tuple[object, ...], dict[str, Listing]] | None = None
"""Which file was read last, and its figures."""


class PriceFile:
    """Figures from the list, kept in one file under the cache directory.

    They hold for one day (UTC) and one state of the installed list, told by the size and time of its data; anything
    else, or a file that cannot be read, and the figures are looked up again.
    """

    def __init__(self, cache_dir: Path | None, at: datetime) -> None:
        self._path = None if cache_dir is None else cache_dir / "prices.json"
        self._at = at
        self._stamp = f"{_FILE_VERSION} {at.astimezone(UTC):%Y-%m-%d} {_stamp()}"
        self._known = self._read()

    def has(self, wanted: Iterable[tuple[str, str]]) -> bool:
        """Whether every wanted ``(list_id, model)`` is there, so that the list need not be imported."""
        return all(f"{list_id}/{model}" in self._known for list_id, model in wanted)

    def fill(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Look up what is missing and keep it for the next process. May take a third of a second."""
        missing = {f"{list_id}/{model}": (list_id, model) for list_id, model in wanted}.items()
        self._known |= {key: look_up(*one, self._at) for key, one in missing if key not in self._known}
        if self._path is not None:
            entries = {key: _to_json(listing) for key, listing in sorted(self._known.items())}
            write_json(self._path, {"stamp": self._stamp, "listings": entries})

    def listings(self, wanted: Iterable[tuple[str, str]]) -> dict[str, Listing]:
        """What is there of what is wanted, by ``list_id/model``."""
        keys = [f"{list_id}/{model}" for list_id, model in wanted]
        return {key: self._known[key] for key in keys if key in self._known}

    def _read(self) -> dict[str, Listing]:
        """The file's figures; read anew only where it is another file than last time, since every step asks."""
        global _read_before
        if self._path is None:
            return {}
        try:
            found = self._path.stat()
        except OSError:
            return {}
        key = (self._path, found.st_ino, found.st_mtime_ns, found.st_size, self._stamp)
        if _read_before is None or _read_before[0] != key:
            _read_before = (key, self._parsed(self._path))
        return dict(_read_before[1])

    def _parsed(self, path: Path) -> dict[str, Listing]:
        found = read_json(path)
        if not isinstance(found, dict) or found.get("stamp") != self._stamp:
            return {}
        entries = found.get("listings")
        if not isinstance(entries, dict):
            return {}
        listings = {}
        for key, entry in entries.items():
            listing = _from_json(key, entry)
            if listing is not None:
                listings[key] = listing
        return listings


def _to_json(listing: Listing) -> dict[str, Any]:
    price = listing.price
    if price is None:
        return {"window": listing.context_window}
    return {
        "window": listing.context_window,
        "input": str(price.input),
        "output": str(price.output),
        "cached": None if price.cached_input is None else str(price.cached_input),
        "source": price.source,
        "steps": [
            [
                step.above,
                str(step.input),
                str(step.output),
                None if step.cached_input is None else str(step.cached_input),
            ]
            for step in price.steps
        ],
    }


def _from_json(key: str, entry: object) -> Listing | None:
    """The listing that `entry` holds; ``None`` for anything else than what `_to_json` writes."""
    if not isinstance(entry, dict):
        return None
    window = entry.get("window")
    if window is not None and (not isinstance(window, int) or window <= 0):
        return None
    if "input" not in entry:
        return Listing(None, window)
    try:
        steps = tuple(PriceStep(int(above), *_money(*figures)) for above, *figures in entry["steps"])
        into, out, cached = _money(entry["input"], entry["output"], entry["cached"])
        price = Price(into, out, cached, source=str(entry["source"]), listed_as=key, steps=steps)
    except (ArithmeticError, TypeError, KeyError, ValueError):
        return None
    return Listing(price, window)


def _money(into: object, out: object, cached: object) -> tuple[Decimal, Decimal, Decimal | None]:
    """The three figures of a price as they stand in the file.

    Raises:
        ArithmeticError, TypeError, ValueError: they are something else.
    """
    figures = [Decimal(one) for one in (into, out, *(() if cached is None else (cached,))) if isinstance(one, str)]
    if len(figures) != (2 if cached is None else 3) or not all(one.is_finite() and one >= 0 for one in figures):
        raise ValueError("not a price")
    return figures[0], figures[1], None if cached is None else figures[2]


def _listed_cost(info: ModelInfo, usage_input: int, usage_output: int, cached: int, at: datetime) -> Decimal:
    from genai_prices import Usage

    usage = Usage(input_tokens=usage_input, cache_read_tokens=cached, output_tokens=usage_output)
    return info.get_prices(at).calc_price(usage)["total_price"]


def _figures(rate: Any) -> tuple[Any, Any, Any]:
    """What one hour's price says of input, output and cached input: a figure, tiers, or nothing."""
    return rate.input_mtok, rate.output_mtok, rate.cache_read_mtok


def _tiers(figure: Any) -> list[Any]:
    return [] if figure is None or isinstance(figure, Decimal) else list(figure.tiers)


def _dearest_above(above: int, rates: list[Any]) -> PriceStep | None:
    """The dearest of all hours for a call just larger than `above`; ``None`` where an hour has no price for it."""
    columns = list(zip(*((_above(above, figure) for figure in _figures(rate)) for rate in rates), strict=True))
    known = [[one for one in column if one is not None] for column in columns]
    if len(known[0]) != len(rates) or len(known[1]) != len(rates):
        return None
    return PriceStep(above, max(known[0]), max(known[1]), max(known[2]) if len(known[2]) == len(rates) else None)


def _above(above: int, figure: Any) -> Decimal | None:
    """What one token costs in a call just larger than `above`."""
    if figure is None or isinstance(figure, Decimal):
        return figure
    reached: list[Decimal] = [figure.base, *(tier.price for tier in figure.tiers if tier.start <= above)]
    return reached[-1]


@cache
def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


@cache
def _find(list_id: str, model: str) -> ModelInfo | None:
    snapshot = _snapshot()
    try:
        _, info = snapshot.find_provider_model(model, None, list_id, None)
    except LookupError:
        return None
    found: ModelInfo = info
    return found


@cache
def _version() -> str:
    from importlib.metadata import version

    return version(_LIST)


def _stamp() -> str:
    """What tells one state of the installed list from another without importing it."""
    from importlib.util import find_spec

    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None:
        return "none"
    try:
        found = Path(spec.origin).with_name("data.py").stat()
    except OSError:
        return "unknown"
    return f"{found.st_size}-{found.st_mtime_ns}"
