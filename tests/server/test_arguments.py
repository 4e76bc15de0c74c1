"""Everything that a tool takes reaches the step."""

from __future__ import annotations

import pytest

from smista_mcp.errors import StepError
from smista_mcp.facts.types import Step
from smista_mcp.policy.types import Effort
from smista_mcp.server import surface
from smista_mcp.server.arguments import step_from

COMMON = {
    "task": "Do it",
    "intent": "review",
    "paths": ["a.py"],
    "skill": "changelog",
    "effort": "low",
    "labels": ["pci"],
    "data": ["personal", "regulated"],
    "model": "a/b",
}
STEP = Step("Do it", "review", ("a.py",), "changelog", Effort.LOW, ("pci",), "a/b", data=("personal", "regulated"))


def test_of_both_tools() -> None:
    assert step_from(surface.PREVIEW, COMMON) == STEP
    delegated = step_from(surface.DELEGATE, {**COMMON, "context": "more", "max_output_tokens": 7})
    assert delegated == Step(*(getattr(STEP, name) for name in STEP.__slots__[:7]), "more", 7, STEP.data)


def test_one_class_of_data_needs_no_list_and_anything_else_is_refused() -> None:
    assert step_from(surface.PREVIEW, {"task": "x", "data": "personal"}).data == ("personal",)
    with pytest.raises(StepError, match="`data` must be a list of strings"):
        step_from(surface.PREVIEW, {"task": "x", "data": [1]})
