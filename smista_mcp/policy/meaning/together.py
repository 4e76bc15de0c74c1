"""What can be wrong only between entries: names that are used twice, rules that tie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from smista_mcp.policy.document import Document
from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.meaning.raw import entries, texts
from smista_mcp.policy.schema import MATCH
from smista_mcp.policy.types import DEFAULT_PRIORITY, Place

_MOST_COMPARED: Final = 50
_TOKENS: Final = ("min_tokens", "max_tokens")
_NAMED: Final = {
    ("routing", "rules"): ("rules", "duplicate_rule_name"),
    ("guardrails",): ("guardrails", "duplicate_name"),
    ("guarantees",): ("guarantees", "duplicate_name"),
    ("budgets",): ("budgets", "duplicate_name"),
    ("tests",): ("tests", "duplicate_name"),
}


def duplicate_names(documents: Iterable[Document]) -> Iterator[Finding]:
    """Entries of one layer's files that share a name with another of their kind."""
    every = tuple(documents)
    for keys, (what, code) in _NAMED.items():
        first: dict[str, Place] = {}
        for document in every:
            for path, entry in entries(document.data, *keys):
                name = entry.get("name")
                if not isinstance(name, str):
                    continue
                place = document.place((*path, "name"))
                if name in first:
                    message = f"Two {what} are called {shown(name)}; the first is at {first[name]}."
                    yield Finding(code, Severity.ERROR, place, message, "Give one of them another name.")
                else:
                    first[name] = place


def ties(documents: Iterable[Document]) -> Iterator[Finding]:
    """Rules of one layer's files between which only their order in the file decides."""
    seen: dict[object, list[tuple[str, dict[str, set[str]], tuple[float, float], Place]]] = {}
    for document in documents:
        for path, rule in entries(document.data, "routing", "rules"):
            stated = {key: values for key in MATCH if (values := {text for _, text in texts(rule, key)})}
            sizes = _sizes(rule)
            priority = rule.get("priority", DEFAULT_PRIORITY)
            counted = [key for key in _TOKENS if key in rule]
            group = (str(priority), rule.get("overridable") is True, *stated, *counted)
            name = shown(rule.get("name", "another"))
            place = document.place(path)
            earlier = seen.setdefault(group, [])
            for other, matched, (least, most), where in earlier[:_MOST_COMPARED]:
                overlap = max(least, sizes[0]) <= min(most, sizes[1])
                if overlap and all(matched[key] & values for key, values in stated.items()):
                    message = f"This rule and {other} ({where}) can match the same step with the same priority."
                    message += " The one that stands first is tried first."
                    fix = "Give the one that should win a lower priority."
                    yield Finding("tie", Severity.WARNING, place, message, fix)
                    break
            earlier.append((name, stated, sizes, place))


def _sizes(rule: dict[str, Any]) -> tuple[float, float]:
    least, most = rule.get("min_tokens"), rule.get("max_tokens")
    return (least if isinstance(least, int) else 0, most if isinstance(most, int) else float("inf"))
