"""Everything that a step may state can be said on the command line."""

from __future__ import annotations

import argparse

from smista_mcp.cli.step import add_step_arguments, step_from
from smista_mcp.facts.types import Step


def test_labels_and_classes_of_data_can_be_given_again_and_again() -> None:
    parser = argparse.ArgumentParser()
    add_step_arguments(parser)
    said = parser.parse_args(["Do it", "--label", "a", "--data", "personal", "--label", "b", "--data", "regulated"])
    assert step_from(said) == Step("Do it", labels=("a", "b"), data=("personal", "regulated"))
    assert step_from(parser.parse_args(["Do it"])) == Step("Do it")
