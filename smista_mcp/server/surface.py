"""What a host agent sees of this server: its name, its instructions and its tools, as plain data.

The single source for the answers given before the SDK is loaded (`smista_mcp.server.front`) and for the SDK's own
server (`smista_mcp.server.app`). Nothing here imports anything heavy.

Every word below is paid for in each host's context: a host may show its model nothing but the tool names and the
first 250 characters or so of the instructions, so those say what this is for, when to use it, and name the tool.
"""

from __future__ import annotations

from typing import Any, Final

from smista_mcp import __version__

NAME: Final = "smista"
TITLE: Final = "Smista"

DELEGATE: Final = "delegate_step"
PREVIEW: Final = "route_preview"

META_KEY: Final = "smista/decision"
"""The result's ``_meta`` member that holds the whole decision as data. No host shows it to its model."""

INSTRUCTIONS: Final = (
    "Call delegate_step to hand a self-contained sub-task (review, summarize, explain, document, write tests, "
    "small edits) to the model that written policy picks: cheaper, local or stronger. The answer comes back with "
    "the reason for the route. "
    "route_preview shows the route without running anything. Name the files a step needs in `paths`; the server "
    "reads them, so do not paste them. Apply what comes back yourself: nothing in the workspace is changed."
)

_TEXT: Final = {"type": "string"}
_LIST: Final = {"type": "array", "items": {"type": "string"}}
_EFFORT: Final = {"type": "string", "enum": ["low", "medium", "high", "xhigh"]}


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


TOOLS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": DELEGATE,
        "title": "Delegate a step",
        "description": (
            "Run one self-contained step on the model that policy chooses. Returns its answer, then which model "
            "ran it, under which rule and why, the cost and the decision id. That model sees only what is given "
            "here: no conversation, no tools. It changes no files."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "task": _said(_TEXT, "What to do, complete in itself"),
                "intent": _said(
                    _TEXT, "Kind of work: review, edit, debug, test, explain, summarize, … (else inferred)"
                ),
                "paths": _said(_LIST, "Workspace files or folders the step needs; read by the server"),
                "skill": _said(_TEXT, "Named skill the step uses"),
                "effort": _EFFORT,
                "labels": _said(_LIST, "Labels that policy rules may match"),
                "data": _said(_LIST, "Classes of data it holds, e.g. personal"),
                "model": _said(_TEXT, "Proposed provider/model; policy may overrule"),
                "context": _said(_TEXT, "Other material the step needs"),
                "max_output_tokens": {"type": "integer", "minimum": 1},
            },
            "required": ["task"],
            "additionalProperties": False,
        },
        "annotations": {
            "readOnlyHint": False,
            "destructiveHint": False,
            "idempotentHint": False,
            "openWorldHint": True,
        },
    },
    {
        "name": PREVIEW,
        "title": "Preview a route",
        "description": (
            "Show which model delegate_step would use for these arguments, and why, without calling any model."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "task": _TEXT,
                "intent": _TEXT,
                "paths": _LIST,
                "skill": _TEXT,
                "effort": _EFFORT,
                "labels": _LIST,
                "data": _LIST,
                "model": _TEXT,
            },
            "required": ["task"],
            "additionalProperties": False,
        },
        "annotations": {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
    },
)

SERVER_INFO: Final[dict[str, Any]] = {"name": NAME, "title": TITLE, "version": __version__}
