"""What is told of a local model from its size and its name."""

from __future__ import annotations

import pytest

from smista_mcp.catalog.sizes import answers_tasks, billions, estimate


@pytest.mark.parametrize(
    ("name", "parameters", "size"),
    [
        ("qwen2.5-coder:7b", "", 7.0),
        ("qwen2.5-coder", "7.6B", 7.6),
        ("smollm2:135m", "134.52M", 0.13452),
        ("Qwen/Qwen3-30B-A3B", "", 30.0),
        ("mixtral:8x7b", "", 56.0),
        ("gemma3n:e4b", "", 4.0),
        ("meta-llama-3.1-8b-instruct", "", 8.0),
        ("gpt-oss:120b-cloud", "116.8B", 116.8),
        ("deepseek-r1:1.5b", "", 1.5),
        ("kimi-k3", "1.1T", 1100.0),
        ("llama3.2", "", None),
        ("model-q4_b", "", None),
        ("phi-4", "", None),
    ],
)
def test_sizes_are_read_from_what_is_stated_or_from_the_name(name: str, parameters: str, size: float | None) -> None:
    found = billions(name, parameters)
    assert found == (None if size is None else pytest.approx(size))


def test_a_larger_model_is_never_taken_to_be_worse() -> None:
    figures = [estimate("m", f"{size}B").quality["default"] for size in (0.1, 0.5, 1, 3, 7, 14, 32, 70, 235, 1000)]
    assert figures == sorted(figures)
    assert figures[0] < figures[-1] < 70  # the balanced models of the vendors stay above


def test_a_model_for_code_is_better_at_code_than_at_the_rest() -> None:
    quality = estimate("qwen2.5-coder:7b").quality
    assert quality["edit"] == quality["review"] > quality["default"]
    assert set(estimate("qwen3:8b").quality) == {"default"}


def test_every_estimate_says_what_it_rests_on() -> None:
    assert estimate("m", "7B").source == "estimated from its size"
    assert estimate("m:7b").source == "estimated from the size in its name"
    assert "not known" in estimate("mystery").source


@pytest.mark.parametrize(
    ("name", "capabilities", "does"),
    [
        ("nomic-embed-text", (), False),
        ("bge-m3:latest", (), False),
        ("bge-large", (), False),
        ("all-minilm", (), False),
        ("text-embedding-nomic", (), False),
        ("embeddinggemma:300m", ("embedding",), False),
        ("llama-guard3:8b", (), False),
        ("both", ("embedding", "completion"), True),
        ("qwen3:8b", ("completion", "tools"), True),
        ("llama3.2", (), True),
    ],
)
def test_models_that_embed_or_judge_are_told_apart(name: str, capabilities: tuple[str, ...], does: bool) -> None:
    assert answers_tasks(name, frozenset(capabilities)) is does
