"""From a file's bytes to its text, or to the reason why it has none."""

from __future__ import annotations

import codecs
from typing import Final

from smista_mcp.context.read import NotReadableError
from smista_mcp.facts.types import Exclusion

_MARKS: Final = (
    # UTF-32's little-endian mark begins with UTF-16's, so it is asked first.
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MOST_HIGH_BYTES: Final = 0.3
"""In a Western 8-bit text accented letters are the exception; where more than this share of the bytes lies beyond
ASCII it is another encoding, and reading it as Western would give nonsense."""
_CONTROLS: Final = bytes({*range(0x20), 0x7F} - set(b"\t\n\r\f\v\x1b"))


def decode(data: bytes, *, cut: bool) -> tuple[str, str]:
    """The text of `data` and a note on how it was read (``""`` for plain UTF-8).

    UTF-8, UTF-16 and UTF-32 with their marks, UTF-8 without one; else Windows-1252 where the bytes look like it. `cut`
    says that the bytes are the beginning of more: a character broken at the end is left off.

    Raises:
        NotReadableError: binary, or in an encoding that is not known here.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return _incrementally(data[len(mark) :], encoding, cut=cut), "" if encoding == "utf-8" else encoding
            except UnicodeDecodeError as error:
                raise NotReadableError(Exclusion.BINARY, f"marked as {encoding} but not valid") from error
    if b"\x00" in data:
        raise NotReadableError(Exclusion.BINARY, "binary")
    try:
        return _incrementally(data, "utf-8", cut=cut), ""
    except UnicodeDecodeError:
        pass
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    if data.translate(None, _CONTROLS) != data or high > _MOST_HIGH_BYTES * len(data):
        raise NotReadableError(Exclusion.BINARY, "neither UTF-8 nor any other encoding known here; convert it to UTF-8")
    try:
        return data.decode("cp1252"), "read as Windows-1252"
    except UnicodeDecodeError as error:
        raise NotReadableError(Exclusion.BINARY, "not UTF-8; convert it to UTF-8") from error


def _incrementally(data: bytes, encoding: str, *, cut: bool) -> str:
    return codecs.getincrementaldecoder(encoding)().decode(data, final=not cut)
