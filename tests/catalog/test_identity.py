"""An alias or a dated version of a model is that model; anything else is another."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.catalog.identity import same_model

SAME = [
    ("gpt-5", "gpt-5-2025-08-07"),
    ("gpt-4o", "gpt-4o-2024-05-13"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-5", "openai/gpt-5"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-haiku-4-5", "claude-haiku-4-5@20251001"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"),
    ("mistral-large", "mistral-large-2411"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("gemini-2.5-pro", "models/gemini-2.5-pro"),
    ("gemini-2.0-flash", "gemini-2.0-flash-001"),
    ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-09-2025"),
    ("qwen2.5-coder", "qwen2.5-coder:latest"),
    ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1"),
    ("accounts/fireworks/models/kimi-k2", "kimi-k2"),
    ("SmolLM2-135M-Instruct", "/data/models/SmolLM2-135M-Instruct.Q4_K_M.gguf"),
    ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct-q4_k_m.gguf"),
    ("ggml-org/gemma-3-4b-it-GGUF:Q4_K_M", "gemma-3-4b-it-Q4_K_M.gguf"),
    ("big-00001-of-00003.gguf", "C:\\models\\big.gguf"),
]
OTHER = [
    ("gpt-5", "gpt-5-mini"),
    ("gpt-5", "gpt-5.1"),
    ("gpt-5", "gpt-5-codex"),
    ("gpt-4", "gpt-4o"),
    ("gpt-4", "gpt-4-turbo"),
    ("gpt-4-0613", "gpt-4-0125"),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    ("claude-haiku-4-5", "claude-sonnet-4-5"),
    ("claude-sonnet-4-5", "claude-sonnet-4-20250514"),
    ("claude-opus-4-5", "claude-opus-4-6"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("qwen2.5-coder:7b", "qwen2.5-coder:1.5b"),
    ("qwen2.5-coder", "qwen2.5-coder:7b"),
    ("gpt-oss:120b", "gpt-oss:120b-cloud"),
    ("llama-3-8b", "llama-3-70b"),
    ("acme/m", "other/m"),
    ("m-Q4_0.gguf", "m-Q8_0.gguf"),
    ("m", ""),
    ("", ""),
]


@pytest.mark.parametrize(("asked", "answered"), SAME)
def test_another_name_of_the_same_model(asked: str, answered: str) -> None:
    assert same_model(asked, answered)
    assert same_model(answered, asked)


@pytest.mark.parametrize(("asked", "answered"), OTHER)
def test_another_model(asked: str, answered: str) -> None:
    assert not same_model(asked, answered)
    assert not same_model(answered, asked)


def test_an_alias_is_the_same_model() -> None:
    assert same_model("gpt-5.6", "gpt-5.6-sol-2026-07-01", ["gpt-5.6-sol"])
    assert not same_model("gpt-5.6", "gpt-5.6-luna", ["gpt-5.6-sol"])


_names = st.from_regex(r"[a-z]{2,8}(-[a-z]{2,6})?-(1?\d|[1-9]\.\d)(-(mini|pro|nano|large))?", fullmatch=True)
_dates = st.dates(min_value=date(2020, 1, 1)).filter(lambda day: day.year < 2100)


@given(st.text(max_size=60), st.text(max_size=60))
def test_it_is_total_and_symmetric(one: str, other: str) -> None:
    assert same_model(one, other) == same_model(other, one)


@given(_names)
def test_a_name_is_itself(name: str) -> None:
    assert same_model(name, name)
    assert same_model(name, name.upper())


@given(_names, _dates, st.sampled_from(["-{:%Y-%m-%d}", "-{:%Y%m%d}", "@{:%Y%m%d}"]))
def test_a_dated_version_is_the_model(name: str, day: date, form: str) -> None:
    assert same_model(name, name + form.format(day))


@given(_names, _dates, _dates)
def test_two_different_dates_are_two_models(name: str, one: date, other: date) -> None:
    assert same_model(f"{name}-{one:%Y-%m-%d}", f"{name}@{other:%Y%m%d}") == (one == other)


@given(
    _names,
    st.sampled_from(["models/{}", "openai/{}", "a/b/{}", "{}-latest", "{}:latest", "{}.Q4_K_M.gguf", "/x/{}.gguf"]),
)
def test_a_prefix_a_tag_or_a_file_is_the_model(name: str, form: str) -> None:
    assert same_model(name, form.format(name))


@given(_names, _names, _dates)
def test_two_names_are_never_one_model_by_their_dates(one: str, other: str, day: date) -> None:
    same = one.replace(".", "-") == other.replace(".", "-")
    assert same_model(f"{one}-{day:%Y%m%d}", f"{other}-{day:%Y%m%d}") == same


@given(_names, st.sampled_from(["-mini", "-nano", "-turbo", "-codex", ".1", "-lite", "o", ":7b"]))
def test_a_name_with_something_more_is_another_model(name: str, more: str) -> None:
    assert not same_model(name, name + more)
