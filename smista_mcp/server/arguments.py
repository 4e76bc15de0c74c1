"""From a tool's arguments to a step, held against the very schema that the host was shown."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from smista_mcp.errors import StepError
from smista_mcp.facts.types import Step
from smista_mcp.policy.types import Effort
from smista_mcp.server import surface

_SCHEMAS = {tool["name"]: tool["inputSchema"] for tool in surface.TOOLS}


def step_from(tool: str, arguments: Mapping[str, Any]) -> Step:
    """The step that a call of `tool` states. An argument that is ``null`` counts as left out.

    Raises:
        StepError: an argument is unknown, missing or of the wrong type; all such are named at once.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    schema = _SCHEMAS[tool]
    known: dict[str, dict[str, Any]] = schema["properties"]
    problems = [_unknown(name, known) for name in given if name not in known]
    problems += [f"`{name}` is missing" for name in schema["required"] if name not in given]
    problems += [
        f"`{name}` must be {expected}"
        for name, value in given.items()
        if name in known and (expected := _mismatch(value, known[name]))
    ]
    if problems:
        raise StepError("; ".join(problems), hint=f"{tool} takes: {', '.join(known)}")
    return Step(
        task=given["task"],
        intent=given.get("intent"),
        paths=_texts(given.get("paths")),
        skill=given.get("skill"),
        effort=Effort(given["effort"]) if "effort" in given else None,
        labels=_texts(given.get("labels")),
        model=given.get("model"),
        context=given.get("context", ""),
        max_output_tokens=given.get("max_output_tokens"),
        data=_texts(given.get("data")),
    )


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"`{name}` is not an argument" + (f", did you mean `{near[0]}`?" if near else "")


def _mismatch(value: object, schema: Mapping[str, Any]) -> str | None:
    """What `value` should have been, or ``None`` where it fits. A single text passes for a list of one."""
    match schema["type"]:
        case "string":
            if not isinstance(value, str):
                return "a string"
            if "enum" in schema and value not in schema["enum"]:
                return "one of " + ", ".join(schema["enum"])
        case "array":
            texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
            if not texts and not isinstance(value, str):
                return "a list of strings"
        case "integer":
            if type(value) is not int or value < schema.get("minimum", value):
                return f"a whole number of at least {schema['minimum']}"
    return None


def _texts(value: list[str] | str | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
