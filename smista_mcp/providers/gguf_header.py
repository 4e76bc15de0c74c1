"""Reading the one thing that matters before a GGUF is loaded: how many tokens it was made for.

The format is llama.cpp's (``docs/gguf.md`` of ``ggml-org/ggml``): magic, version, two counts, then keys with typed
values, little-endian, of which the sizes that are wanted stand before the long lists of the tokenizer.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

_MAGIC: Final = b"GGUF"
_STRING, _ARRAY = 8, 9
_NUMBERS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""The ``struct`` letter of each type of number."""
_LONGEST: Final = 1 << 20
"""Bytes of the longest string that is read: anything longer is no header of ours."""


def context_length(gguf: Path) -> int | None:
    """The context window, in tokens, that the model was trained for; ``None`` where the header does not say.

    Raises:
        ValueError: it is no GGUF, or a damaged one.
        OSError: it cannot be read.
    """
    with gguf.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ValueError(f"{gguf} is no GGUF file")
        version, _, keys = _unpack(file, "I"), _unpack(file, "Q"), _unpack(file, "Q")
        if not isinstance(version, int) or version < 2:
            raise ValueError(f"{gguf} is of an old kind of GGUF")
        assert isinstance(keys, int)
        for _ in range(keys):
            key = _string(file)
            kind = _unpack(file, "I")
            if kind == _ARRAY:
                return None
            value = _string(file) if kind == _STRING else _unpack(file, _letter(kind))
            if key.endswith(b".context_length") and isinstance(value, int) and value > 1:
                return value
    return None


def _letter(kind: object) -> str:
    if isinstance(kind, int) and kind in _NUMBERS:
        return _NUMBERS[kind]
    raise ValueError(f"a GGUF has no values of type {kind}")


def _string(file: BinaryIO) -> bytes:
    length = _unpack(file, "Q")
    if not isinstance(length, int) or length > _LONGEST:
        raise ValueError("a string of the header has an impossible length")
    return _read(file, length)


def _unpack(file: BinaryIO, letter: str) -> object:
    form = "<" + letter
    return struct.unpack(form, _read(file, struct.calcsize(form)))[0]


def _read(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise ValueError("the header ends too early")
    return data
