"""Whether the model that answered is the one that was asked for.

Vendors answer under another name than they were called by: a dated version, a fuller path, the file a server has
loaded. Such names are one model. Another size or generation is another model, and so is a name that merely begins
alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_DATE: Final = r"20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])"
_DATED: Final = re.compile(rf"[-@](?P<version>{_DATE})(?:-v\d+(?:[:-]\d+)?)?$")
"""``-2025-08-07``, ``-20250929``, ``@20250929``; with Amazon's and Google's own revision after it."""
_SHORT_DATED: Final = re.compile(
    r"[-@](?P<version>0\d{2}|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|2[3-9](?:0[1-9]|1[0-2]))$"
)
"""``-001`` (Gemini's stable versions), ``-0613`` (month and day), ``-2411`` (year and month)."""
_PREVIEW_DATED: Final = re.compile(r"(?<=-preview)-(?P<version>\d\d-\d\d(?:\d\d)?)$")
"""``-preview-09-2025``, ``-preview-06-05``: as Google dates its previews."""
_LATEST: Final = re.compile(r"[-:@]latest$")
_ROUTING: Final = re.compile(r":(?:free|nitro|floor|online|exacto)$")
"""OpenRouter's variants, which choose a host and not a model."""
_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}$")
_QUANT: Final = re.compile(
    r"[-._:](?P<quant>(?:ud-)?i?q\d(?:_[a-z0-9]+)*|tq\d_\d|bf16|f16|f32|fp16|mxfp4(?:_moe)?)$", re.IGNORECASE
)
"""How the weights of a GGUF file are rounded."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A name taken apart. `version` and `quant` are empty where the name leaves them open."""

    path: tuple[str, ...]
    """Vendor or folder first, the model's bare name last."""
    version: str
    quant: str


def same_model(asked: str, answered: str, aliases: Iterable[str] = ()) -> bool:
    """Whether `answered` names the model `asked`, or one of its `aliases`.

    What one of two names leaves out is taken to agree: a date or version, ``latest``, the vendor or the folder in
    front (also ``models/`` and a GGUF file's path), the rounding of a GGUF file's weights. What both state must be
    equal. Letter case, and whether a version is written ``4.5`` or ``4-5``, make no difference. An empty name is no
    model.
    """
    answer = _taken_apart(answered)
    return any(_agree(_taken_apart(name), answer) for name in (asked, *aliases))


def _agree(one: _Name, other: _Name) -> bool:
    shared = min(len(one.path), len(other.path))
    return (
        bool(one.path[-1])
        and one.path[-shared:] == other.path[-shared:]
        and (not one.version or not other.version or one.version == other.version)
        and (not one.quant or not other.quant or one.quant == other.quant)
    )


def _taken_apart(name: str) -> _Name:
    name = name.strip().lower().replace("\\", "/").removeprefix("models/")
    *folders, bare = name.split("/")
    quant = version = ""
    is_file = bare.endswith(".gguf")
    bare = _SHARD.sub("", bare.removesuffix(".gguf")) if is_file else _ROUTING.sub("", bare)
    if (found := _QUANT.search(bare)) and found.start():
        bare, quant = bare[: found.start()], found["quant"]
    bare = bare.removesuffix("-gguf")
    bare = _LATEST.sub("", bare)
    for pattern in (_DATED, _PREVIEW_DATED, _SHORT_DATED):
        if (found := pattern.search(bare)) and found.start():
            bare, version = bare[: found.start()], found["version"].replace("-", "")
            break
    bare = re.sub(r"(?<=\d)\.(?=\d)", "-", bare)
    # A file's folders say where it lies, not whose it is.
    return _Name((bare,) if is_file else (*folders, bare), version, quant)
