"""What a call comes back with: text for the model in the host, data for programs.

Which channel reaches whom was established in the hosts themselves (docs/hosts.md):

- Text content reaches the model as it is. The answer stands alone in the first block, so that nothing has to be cut
  off it; the reason is the second.
- Where a result has structured content, a host may show that *instead of* the text, as JSON with escaped newlines;
  so a reply that succeeded has none. On errors one host shows only the text and another only the structured part;
  so an error says what matters in both.
- The result's ``_meta`` is shown to no model: there the whole decision stands as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types

from smista_mcp.errors import PolicyError, RefusedError, SmistaError
from smista_mcp.execution.engine import Delegation
from smista_mcp.execution.present import decision_text, delegation_json, error_json, reason_text
from smista_mcp.policy.types import JsonDict
from smista_mcp.routing.decision import Decision
from smista_mcp.routing.record import decision_json
from smista_mcp.server.spill import Spill
from smista_mcp.server.surface import META_KEY

REPLY_BYTES: Final = 10_000
"""Most UTF-8 bytes of text in a reply. The least of the hosts' limits, seen in Codex with plain function tools, is
12,000 for all that it shows of a result."""

_REASON_BYTES: Final = 3_000
_ERROR_BYTES: Final = 4_000
_SHOWN_FINDINGS: Final = 10


def preview_reply(decision: Decision) -> types.CallToolResult:
    """The decision, readable; as data in ``_meta``."""
    record = decision_json(decision)
    return _result([fit(decision_text(record), REPLY_BYTES)], meta=record)


def delegation_reply(delegation: Delegation, spill: Spill) -> types.CallToolResult:
    """The answer verbatim, then the reason. An answer too long for a reply stands whole in a file."""
    reason = fit(reason_text(delegation), _REASON_BYTES)
    record = delegation_json(delegation)
    answer = record.pop("answer")
    room = REPLY_BYTES - len(reason.encode(errors="replace"))
    shown = fit(answer, room)
    if shown != answer:
        file = spill.write(delegation.run.id, answer)
        if file is None:
            place = "The rest could not be kept: neither the workspace nor the state folder can be written."
        else:
            record["answer_file"] = str(file)
            place = f"Read the whole answer in {file}"
        notice = f"The answer above is cut: it has {len(answer)} characters. {place}"
        shown = _cut(answer, room - len(notice.encode(errors="replace")) - 1)
        reason = f"{notice}\n{reason}"
    return _result([shown, reason], meta=record)


def error_reply(error: SmistaError) -> types.CallToolResult:
    """What went wrong and what to do about it, in words and as data."""
    whole = error_json(error)
    shown: JsonDict = {**whole["error"]}
    lines = [f"Not done: {error} [{error.code}]"]
    if error.hint:
        lines.append(error.hint)
    if isinstance(error, PolicyError):
        shown["findings"] = shown.get("findings", [])[:_SHOWN_FINDINGS]
        lines += [str(finding) for finding in error.findings]
    if isinstance(error, RefusedError) and isinstance(error.decision, Decision):
        lines.append(decision_text(whole))
        shown["not_eligible"] = [
            f"{one.deployment}: {'; '.join(reason.text for reason in one.reasons)}"
            for one in error.decision.candidates
            if not one.eligible
        ][:_SHOWN_FINDINGS]
    structured: JsonDict = {"error": shown}
    structured |= {key: whole[key] for key in ("decision_id", "run_id") if key in whole}
    return _result([fit("\n".join(lines), _ERROR_BYTES)], meta=whole, structured=structured)


def crash_reply(error: Exception) -> types.CallToolResult:
    """For a fault of our own: what the model can do, and where the rest is written."""
    message = (
        f"smista-mcp met a fault of its own ({type(error).__name__}); the step was not completed. "
        "Do this step yourself, or try once more. The server's standard error, in the host's MCP log, has the details."
    )
    body = {"error": {"code": "internal", "message": message}}
    return _result([message], meta=body, structured=body)


def fit(text: str, limit: int) -> str:
    """`text`, or as many of its first lines as fit into `limit` bytes with a word about the rest."""
    if len(text.encode(errors="replace")) <= limit:
        return text
    head = _cut(text, limit - 60)
    lines = head.count("\n")
    return f"{head}\n… ({text.count(chr(10)) - lines} more lines)"


def _cut(text: str, limit: int) -> str:
    """As much of the beginning of `text` as fits into `limit` bytes, up to a line's end where there is one near."""
    head = text.encode(errors="replace")[: max(limit, 0)].decode(errors="ignore")
    line_end = head.rfind("\n")
    return head[:line_end] if line_end > len(head) // 2 else head


def _result(
    texts: list[str], *, meta: Mapping[str, Any], structured: Mapping[str, Any] | None = None
) -> types.CallToolResult:
    result: JsonDict = {
        "content": [{"type": "text", "text": text} for text in texts],
        "_meta": {META_KEY: meta},
    }
    if structured is not None:
        result |= {"structuredContent": structured, "isError": True}
    return types.CallToolResult.model_validate(_sendable(result))


def _sendable(value: Any) -> Any:
    """`value` with lone surrogates (file names that are not UTF-8, cut emoji) replaced: no wire carries them."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_sendable(key): _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sendable(inner) for inner in value]
    return value
