"""The reference of ``docs/policy.md``, made from the schema: ``python -m tests.policy.reference`` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

from smista_mcp.policy import schema

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "policy.md"
_SECTION = re.compile(r"(?<=<!-- reference -->\n).*?(?=<!-- /reference -->)", re.DOTALL)


def reference() -> str:
    """One table for each table of the language."""
    parts: list[str] = []
    for heading, table in schema.tables():
        rows = [
            f"| `{name}` | {key.description} | `{key.example}` |"
            for name, key in (table.keys or {"<name>": table.each}).items()
            if key is not None and (key.table is None or key.form is schema.Form.ONE and "=" in key.example)
        ]
        if rows:
            parts += [
                f"### `{heading}`",
                "",
                table.description,
                "",
                "| key | what for | for example |",
                "|---|---|---|",
            ]
            parts += [*rows, ""]
    return "\n".join(["", *parts, ""])


def with_reference(text: str) -> str:
    """`text` with its reference section as the schema has it."""
    return _SECTION.sub(lambda _: reference(), text)


if __name__ == "__main__":
    DOCUMENT.write_text(with_reference(DOCUMENT.read_text()))
