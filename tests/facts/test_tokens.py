"""The estimate of tokens: cheap, steady, and not far below what tokenizers count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.facts.tokens import estimate_tokens

SENTENCE = "The scheduler picks the next job from the queue and marks it as running before the worker starts."
CODE = """def merge(left: list[int], right: list[int]) -> list[int]:
    result: list[int] = []
    while left and right:
        result.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return result + left + right
"""


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        # Counts of the o200k vocabulary.
        (SENTENCE, 19),
        (CODE, 62),
        ("请把下面这段话翻译成英文，并保持原来的语气。", 17),
        ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 43),
    ],
)
def test_the_estimate_is_near_a_real_count_and_rather_above(text: str, counted: int) -> None:
    assert counted * 0.95 <= estimate_tokens(text) <= counted * 2


def test_nothing_is_nothing_and_anything_is_something() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens(" ") == 1


@given(st.text(max_size=300), st.text(max_size=300))
def test_more_text_is_never_fewer_tokens(first: str, second: str) -> None:
    assert estimate_tokens(first + "\n" + second) >= max(estimate_tokens(first), estimate_tokens(second))


@given(st.text(max_size=200))
def test_the_estimate_grows_with_the_text_and_not_faster(text: str) -> None:
    once = estimate_tokens(text + "\n")
    assert estimate_tokens((text + "\n") * 50) <= 50 * once
