"""Which bytes are text, and how they are read."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.context.read import NotReadableError
from smista_mcp.context.text import decode
from smista_mcp.facts.types import Exclusion


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        (b"", "", ""),
        ("naïve 测试 🎉".encode(), "naïve 测试 🎉", ""),
        (codecs.BOM_UTF8 + b"a", "a", ""),
        (codecs.BOM_UTF16_LE + "é!".encode("utf-16-le"), "é!", "utf-16-le"),
        (codecs.BOM_UTF16_BE + "é!".encode("utf-16-be"), "é!", "utf-16-be"),
        (codecs.BOM_UTF32_LE + "é!".encode("utf-32-le"), "é!", "utf-32-le"),
        ("Müller kostet 5 €\n".encode("cp1252"), "Müller kostet 5 €\n", "read as Windows-1252"),
        (b"\x1b[31mred\x1b[0m\r\n\x0c", "\x1b[31mred\x1b[0m\r\n\x0c", ""),
    ],
)
def test_text_is_read_in_the_encoding_it_is_in(data: bytes, text: str, note: str) -> None:
    assert decode(data, cut=False) == (text, note)


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01\x00\x00",
        b"text with a \x00 in it",
        b"\x89PNG\r\n\x1a\n\xff\xfe\xfd",
        bytes(range(128, 256)),
        "日本語のテキストです".encode("shift_jis"),
        "这是一个测试文件".encode("gbk"),
        codecs.BOM_UTF16_LE + b"\x00\xd8",
        b"ab\x81cdefghijkl",
    ],
)
def test_what_is_not_text_is_binary(data: bytes) -> None:
    with pytest.raises(NotReadableError) as caught:
        decode(data, cut=False)
    assert caught.value.reason is Exclusion.BINARY


@given(st.text(max_size=50), st.integers(0, 200), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]))
def test_a_cut_leaves_off_at_most_the_broken_character(text: str, length: int, encoding: str) -> None:
    text = text.replace("\x00", "").encode("utf-8", "ignore").decode()
    mark = {"utf-8": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[encoding]
    data = mark + text.encode(encoding)
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF8)) or len(data[:length]) < len(mark):
        return
    read, _ = decode(data[:length], cut=True)
    assert text.startswith(read)
    assert len(data[:length]) - len(mark + read.encode(encoding)) < 4
