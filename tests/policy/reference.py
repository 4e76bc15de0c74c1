"""The reference of ``docs/policy.md``, made from the schema: ``python -m tests.policy.reference`` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

from smista_mcp.policy import schema

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "policy.md"
_SECTION = re.compile(r"(?<=<!-- reference -->\n).*?(?=<!-- /reference -->)", re.DOTALL)


_HEAD = ["| key | what for | for example |", "|---|---|---|"]


def reference() -> str:
    """One table for each table of the language; the conditions, which many tables share, only once."""
    parts = ["### Conditions", "", "The keys that say when an entry applies, wherever there are conditions.", ""]
    parts += [*_HEAD, *(_row(name, key) for name, key in schema.MATCH.items()), ""]
    for heading, table in schema.tables():
        rows = [_row(name, key) for name, key in table.keys.items() if _is_written_out(name, key)]
        if table.each is not None:
            rows.append(_row("…", table.each))
        if any(_shared(name, key) for name, key in table.keys.items()):
            rows.append("| … | All conditions. | |")
        if rows and not heading.endswith((".tools]", "expect.permissions]")):
            parts += [f"### `{heading}`", "", table.description, "", *_HEAD, *rows, ""]
    return "\n".join(["", *parts, ""])


def _is_written_out(name: str, key: schema.Key) -> bool:
    inline = key.form is schema.Form.ONE and "=" in key.example
    return (key.table is None or inline) and not _shared(name, key)


def _shared(name: str, key: schema.Key) -> bool:
    return schema.MATCH.get(name) is key


def _row(name: str, key: schema.Key) -> str:
    return f"| `{name}` | {key.description} | `{key.example}` |"


def with_reference(text: str) -> str:
    """`text` with its reference section as the schema has it."""
    return _SECTION.sub(lambda _: reference(), text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_reference(DOCUMENT.read_text()))
