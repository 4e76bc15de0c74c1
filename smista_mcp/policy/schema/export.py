"""The language as a JSON Schema, by which editors complete a policy and mark mistakes while it is written.

It is draft 4 in all but name, which is what editors of TOML understand. It knows keys and the form of values; what they
mean together is for ``smista-mcp check``.
"""

from __future__ import annotations

from smista_mcp.policy.schema import FILE
from smista_mcp.policy.schema.language import Form, Key, Table
from smista_mcp.policy.schema.values import MOST_ENTRIES, Json, json_of

NAME = "policy.schema.json"
"""The file that is shipped beside the sample policies."""


def json_schema() -> Json:
    """The schema of a whole policy file."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "smista-mcp policy", **_table(FILE)}


def _table(table: Table) -> Json:
    described: Json = {"type": "object", "description": table.description}
    if table.each is not None:
        return {**described, "additionalProperties": _key(table.each)}
    required = [name for name, key in table.keys.items() if key.required]
    return {
        **described,
        "additionalProperties": False,
        "properties": {name: _key(key) for name, key in table.keys.items()},
        **({"required": required} if required else {}),
    }


def _key(key: Key) -> Json:
    described = {"description": f"{key.description}\n\nFor example: {key.example}"}
    if key.holds is not None:
        return {**json_of(key.holds), **described}
    assert key.table is not None, "a key holds a value or a table"
    inner = _table(key.table)
    if key.form is Form.LIST:
        return {"type": "array", "maxItems": MOST_ENTRIES, "items": inner, **described}
    if key.form is Form.NAMED:
        return {"type": "object", "additionalProperties": inner, **described}
    return {**inner, **described}
