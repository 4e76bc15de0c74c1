"""The JSON Schema that is shipped: ``python -m tests.policy.json_schema`` writes it anew."""

from __future__ import annotations

import json

from smista_mcp.places import shipped_policies
from smista_mcp.policy.schema.export import NAME, json_schema

FILE = shipped_policies() / NAME


def text() -> str:
    """The file as it has to be."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
