"""How a call's material and its task become one user message, for every dialect alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smista_mcp.providers.types import Call


def compose_prompt(call: Call) -> str:
    """The text of the user's message: the material, a blank line, then the task.

    The task stands last because models follow best what they read last, and because material that stays the same
    from call to call then forms a prefix that vendors cache.
    """
    if not call.material:
        return call.prompt
    return f"{call.material.rstrip()}\n\n{call.prompt}"
