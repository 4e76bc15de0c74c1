"""The arguments that make up a step, shared by ``preview`` and ``delegate``."""

from __future__ import annotations

import argparse
import sys

from smista_mcp.cli.arguments import add_json_flag, add_workspace_argument
from smista_mcp.errors import StepError
from smista_mcp.facts.types import Step
from smista_mcp.policy.types import Effort


def add_step_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` everything that a step may state, and ``--json``."""
    parser.add_argument("task", help="what is to be done, in words; - reads it from standard input")
    parser.add_argument(
        "--path", action="append", default=[], metavar="PATH", help="a file, folder or glob to work on (repeat)"
    )
    parser.add_argument("--intent", help="the kind of work, e.g. review; guessed from the task where it is left out")
    parser.add_argument("--skill", help="the named skill that the step uses")
    parser.add_argument("--effort", choices=[effort.value for effort in Effort], help="how hard the model should think")
    parser.add_argument("--label", action="append", default=[], metavar="LABEL", help="a label that rules may match")
    parser.add_argument(
        "--data", action="append", default=[], metavar="CLASS", help="a class of data it holds, e.g. personal (repeat)"
    )
    parser.add_argument("--model", metavar="PROVIDER/MODEL", help="propose a model; the policy may refuse it")
    parser.add_argument("--context", default="", metavar="TEXT", help="material to pass along; - reads standard input")
    parser.add_argument("--max-output-tokens", type=int, metavar="N", help="most tokens of answer")
    add_workspace_argument(parser)
    add_json_flag(parser)


def step_from(arguments: argparse.Namespace) -> Step:
    """The step that the arguments state.

    Raises:
        StepError: both the task and the context are to be read from standard input, or what is there is no text.
    """
    if arguments.task == arguments.context == "-":
        raise StepError("the task and --context cannot both be read from standard input")
    return Step(
        task=_given() if arguments.task == "-" else arguments.task,
        intent=arguments.intent,
        paths=tuple(arguments.path),
        skill=arguments.skill,
        effort=Effort(arguments.effort) if arguments.effort else None,
        labels=tuple(arguments.label),
        model=arguments.model,
        context=_given() if arguments.context == "-" else arguments.context,
        max_output_tokens=arguments.max_output_tokens,
        data=tuple(arguments.data),
    )


def _given() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise StepError(
            f"what was given on standard input is not {error.encoding} text (byte {error.start})",
            hint="name a file with --path instead: it is read whatever its encoding",
        ) from None
