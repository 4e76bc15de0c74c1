"""``smista-mcp init``: a commented policy file for this workspace that fits what is available here."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from smista_mcp import places
from smista_mcp.catalog.types import Deployment
from smista_mcp.cli.arguments import add_json_flag, add_workspace_argument
from smista_mcp.cli.output import print_json
from smista_mcp.errors import StepError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to write over a file, the workspace, and ``--json``."""
    parser.add_argument("--force", action="store_true", help="write over a policy file that is there already")
    add_workspace_argument(parser)
    add_json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the file.

    Raises:
        StepError: there is one already, or it cannot be written.
    """
    target = places.workspace_policy(places.find_workspace(arguments.workspace))
    if target.exists() and not arguments.force:
        raise StepError(f"{target} is there already", hint="edit it, or write over it with --force")
    usable = asyncio.run(_usable(arguments.workspace))
    text = policy_for(usable)
    _write(target, text)
    if arguments.json:
        print_json({"file": str(target), "models": [one.id for one in usable], "policy": text})
    else:
        print(f"wrote {target}")
        if not any(not one.trial for one in usable):
            print("nothing but the trial model is here, so its rules are comments for now", file=sys.stderr)
        print('try it: smista-mcp preview "Plan the next release"', file=sys.stderr)
    return 0


def policy_for(usable: list[Deployment]) -> str:
    """The text of a policy that names the best, the cheapest good and the best local model of `usable`."""
    real = [one for one in usable if not one.trial]
    best = max(real, key=lambda one: (_quality(one), one.id), default=None)
    good = [one for one in real if _quality(one) >= _GOOD and one.price is not None]
    cheap = min(good, key=lambda one: (_price(one), -_quality(one), one.id), default=best)
    local = max((one for one in real if one.local), key=lambda one: (_quality(one), one.id), default=None)
    return "\n".join(
        [
            _HEAD,
            _rule(
                "plans, debugging and reviews go to the strongest model here",
                best,
                _EXAMPLE_BEST,
                'intent = ["plan", "debug", "review"]',
                other=cheap,
            ),
            _rule(
                "everyday work goes to the cheapest good model",
                cheap,
                _EXAMPLE_CHEAP,
                'intent = ["chat", "explain", "summarize", "document", "translate", "write"]',
                other=best,
            ),
            _rule(
                "sensitive code stays on this machine",
                local,
                _EXAMPLE_LOCAL,
                "priority = 5                        # lower goes first; 1000 where none is stated",
                'paths = ["src/auth/**", "secrets/**"]   # as in .gitignore',
                "local_only = true                   # refuse rather than send it anywhere else",
            ),
            _TAIL,
        ]
    )


_GOOD = 50.0
_EXAMPLE_BEST = "anthropic/claude-opus-5-5"
_EXAMPLE_CHEAP = "anthropic/claude-haiku-5-5"
_EXAMPLE_LOCAL = "ollama/qwen2.5-coder:7b"

_HEAD = """\
# Which model does which step in this workspace. Rules are tried from the top of each priority down; the first that
# matches and has a usable model decides. What no rule matches follows your own policy, then the built-in one.
# Check it with `smista-mcp check`, try it with `smista-mcp preview "..."`, list models with `smista-mcp models`.

[policy]
name = "this workspace"
"""

_TAIL = """\
[privacy]
# Files that are never sent to a model that does not run on this machine.
restricted_paths = [".env", "*.pem", "*.key"]
"""


def _rule(name: str, model: Deployment | None, example: str, *match: str, other: Deployment | None = None) -> str:
    """One rule; commented out where nothing here could serve it."""
    lines = ["[[routing.rules]]", f"name = {json.dumps(name)}", *match]
    lines.append(f"model = {json.dumps(model.id if model else example)}")
    if model is not None and other is not None and other.id != model.id:
        lines.append(f"fallbacks = [{json.dumps(other.id)}]")
    if model is not None:
        return "\n".join(lines) + "\n"
    return (
        "\n".join(
            [
                "# No model for this is available here now; uncomment it when there is one.",
                *("# " + line for line in lines),
            ]
        )
        + "\n"
    )


def _quality(one: Deployment) -> float:
    return one.quality_for("default") or 0.0


def _price(one: Deployment) -> object:
    return one.price.input + one.price.output if one.price else 0


async def _usable(workspace: Path) -> list[Deployment]:
    from smista_mcp.execution.engine import Engine

    # The policy that is there is about to be replaced, perhaps because it is broken.
    async with Engine.for_workspace(workspace, with_its_policy=False) as engine:
        conditions = await engine.conditions()
    return [one for one in conditions.catalog.deployments if one.id not in conditions.snapshot.unavailable]


def _write(target: Path, text: str) -> None:
    """Write all or nothing: a reader never sees half a policy."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(".toml.new")
        half.write_text(text, encoding="utf-8")
        half.replace(target)
    except OSError as error:
        raise StepError(f"cannot write {target}: {error.strerror}", hint="check the folder's permissions") from None
