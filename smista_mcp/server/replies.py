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

from typing import Final

import mcp_types as types

from smista_mcp.errors import PolicyError, RefusedError, SmistaError
from smista_mcp.execution.engine import Delegation
from smista_mcp.execution.present import decision_text, delegation_json, error_json, reason_text
from smista_mcp.policy.types import JsonDict
from smista_mcp.routing.decision import Candidate, Decision, ReasonCode
from smista_mcp.routing.record import decision_json
from smista_mcp.server.results import cut, fit, result
from smista_mcp.server.spill import Spill

REPLY_BYTES: Final = 10_000
"""Most UTF-8 bytes of text in a reply. The least of the hosts' limits, seen in Codex with plain function tools, is
12,000 for all that it shows of a result."""

_REASON_BYTES: Final = 3_000
_ERROR_BYTES: Final = 4_000
_SHOWN_FINDINGS: Final = 10


def preview_reply(decision: Decision) -> types.CallToolResult:
    """The decision, readable; as data in ``_meta``."""
    record = decision_json(decision)
    return result([fit(_readable(record), REPLY_BYTES)], meta=record)


def _readable(record: JsonDict) -> str:
    """The decision in words, without the many models that nobody has set up here: those are only counted."""
    candidates = record["candidates"]
    telling = [one for one in candidates if any(why["code"] != ReasonCode.UNAVAILABLE for why in one["reasons"])]
    telling += [one for one in candidates if one["eligible"]]
    text = decision_text({**record, "candidates": telling})
    absent = len(candidates) - len(telling)
    return f"{text}\nNot available here, for want of a key or a running server: {absent} more" if absent else text


def delegation_reply(delegation: Delegation, spill: Spill) -> types.CallToolResult:
    """The answer verbatim, then the reason. An answer too long for a reply stands whole in a file."""
    reason = fit(reason_text(delegation), _REASON_BYTES)
    record = delegation_json(delegation)
    answer = record.pop("answer")
    room = REPLY_BYTES - len(reason.encode(errors="replace"))
    shown = answer
    if len(answer.encode(errors="replace")) > room:
        file = spill.write(delegation.run.id, answer)
        if file is None:
            place = "The rest could not be kept: neither the workspace nor the state folder can be written."
        else:
            record["answer_file"] = str(file)
            place = f"Read the whole answer in {file}"
        notice = f"The answer above is cut: it has {len(answer)} characters. {place}"
        shown = cut(answer, room - len(notice.encode(errors="replace")) - 1)
        reason = f"{notice}\n{reason}"
    return result([shown, reason], meta=record)


def _only_absent(candidate: Candidate) -> bool:
    return all(reason.code is ReasonCode.UNAVAILABLE for reason in candidate.reasons)


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
        lines.append(_readable(whole))
        shown["not_eligible"] = [
            f"{one.deployment}: {'; '.join(reason.text for reason in one.reasons)}"
            for one in sorted(error.decision.candidates, key=_only_absent)
            if not one.eligible
        ][:_SHOWN_FINDINGS]
    structured: JsonDict = {"error": shown}
    structured |= {key: whole[key] for key in ("decision_id", "run_id") if key in whole}
    return result([fit("\n".join(lines), _ERROR_BYTES)], meta=whole, structured=structured)
