"""A policy's digest: the same for the same meaning, however it is written down.

It covers everything that can change a decision or a call, and the names by which people know them. It leaves out
where things stand (files, lines) and orders that mean nothing (of keys, of tables, of the values of a condition).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from smista_mcp.policy.types import JsonDict, Layer, Policy

_VERSION: Final = "smista-policy-1"
_WITHOUT_MEANING: Final = frozenset({"place", "order", "digest", "layers", "tests"})
_SETS: Final = frozenset(
    ("intent", "skill", "paths", "labels", "data", "tier", "tenant", "team", "workload", "repo", "languages",
     "sources", "requires", "keywords", "capabilities", "aliases", "restricted_paths", "regions", "vendors",
     "certifications", "remote", "path")
)  # fmt: skip
"""Lists of which each entry counts for itself; patterns too, unless there is an exception (``!``) among them."""


def digest(policy: Policy) -> str:
    """SHA-256, in hex, over `canonical`."""
    text = json.dumps(canonical(policy), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(policy: Policy) -> JsonDict:
    """The policy's meaning as plain JSON values."""
    return {"version": _VERSION, **_plain(policy)}


def _plain(value: object, key: str = "") -> Any:
    if is_dataclass(value):
        return {
            one.name: _plain(getattr(value, one.name), one.name)
            for one in fields(value)
            if one.name not in _WITHOUT_MEANING
        }
    if isinstance(value, Layer):
        return value.label
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else repr(value)
    if hasattr(value, "items"):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(one) for one in value)
    if isinstance(value, (tuple, list)):
        return _many(value, key)
    return value


def _many(values: Iterable[object], key: str) -> list[Any]:
    plain = [_plain(value) for value in values]
    ordered = key == "paths" and any(one.startswith("!") for one in plain)
    return sorted(set(plain)) if key in _SETS and not ordered else plain


def _decimal(value: Decimal) -> str:
    # "0.50" and "0.5" are the same amount.
    return format(value.normalize(), "f")
