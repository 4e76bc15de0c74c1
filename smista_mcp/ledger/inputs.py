"""What a decision was made on, kept so that it can be made again: facts, policy, catalog and snapshot as bytes."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.errors import LedgerError
from smista_mcp.facts.types import Facts
from smista_mcp.policy.types import Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that `smista_mcp.routing.decide.decide` takes. Holds no secret: keys are references, files are digests."""

    facts: Facts
    policy: Policy
    catalog: Catalog
    snapshot: Snapshot


def pack(value: object) -> bytes:
    """`value` as compressed JSON; equal values give equal bytes, whatever order their sets and mappings have."""
    # ASCII, since names of files may hold bytes that are no text and stand for themselves as lone surrogates.
    text = json.dumps(_plain(value), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return zlib.compress(text.encode("ascii"), level=6)


def unpack(kind: type[T], packed: bytes) -> T:
    """The value of type `kind` that `pack` made `packed` of.

    Raises:
        LedgerError: the bytes are damaged, or of a version whose types had another shape.
    """
    try:
        return cast("T", _adapter(kind).validate_python(json.loads(zlib.decompress(packed))))
    except (zlib.error, ValueError, ValidationError) as error:
        raise LedgerError(f"a recorded {kind.__name__.lower()} cannot be read: {type(error).__name__}") from None


def digest(packed: bytes) -> str:
    """The name under which packed bytes are kept: their SHA-256 (hex)."""
    return hashlib.sha256(packed).hexdigest()


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Building one takes some 10 ms, so each is built once and only when it is needed."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _plain(value: Any) -> Any:
    """What JSON can hold, in the shape that `unpack` reads back by the types of the fields."""
    if isinstance(value, (str, int, float, NoneType)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(one) for one in value)
    if isinstance(value, Decimal):
        return str(value)
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
