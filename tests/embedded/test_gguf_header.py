"""What a GGUF's header says, or that it is none; never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.providers.gguf_header import context_length
from tests.llama import tiny_gguf


def test_the_window_is_read(tmp_path: Path) -> None:
    assert context_length(tiny_gguf(tmp_path / "a.gguf", context=1234)) == 1234


@given(cut=st.integers(0, 400), changes=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=3))
def test_a_damaged_header_is_an_error_or_a_number(
    tmp_path_factory: pytest.TempPathFactory, cut: int, changes: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = folder / "whole.gguf"
    if not whole.exists():
        tiny_gguf(whole)
    data = bytearray(whole.read_bytes()[:cut])
    for place, byte in changes:
        if place < len(data):
            data[place] = byte
    damaged = folder / "damaged.gguf"
    damaged.write_bytes(data)
    try:
        found = context_length(damaged)
    except ValueError:
        return
    assert found is None or found > 1
