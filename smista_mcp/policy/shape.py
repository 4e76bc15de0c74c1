"""Hold a file's data against the schema, and say every mismatch in words."""

from __future__ import annotations

import datetime
import functools
from typing import Any, Final

from pydantic_core import ValidationError

from smista_mcp.policy import schema
from smista_mcp.policy.document import Document, Path
from smista_mcp.policy.findings import MAX_FINDINGS, Finding, Severity, listed, nearest, shown

_EXPECTED: Final = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false, without quotes",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "is_instance_of": "an amount of money in quotes",
    "decimal_type": "an amount of money in quotes",
}


def hold(document: Document) -> tuple[dict[str, Any] | None, tuple[Finding, ...]]:
    """The file's tables, with the values that its texts stand for; or ``None`` and everything that is wrong."""
    try:
        return schema.validator().validate_python(document.data), ()
    except ValidationError as error:
        found = error.errors(include_url=False)
    findings = [_finding(document, one) for one in found[: MAX_FINDINGS + 1]]
    return None, tuple(findings)


def table_name(path: Path) -> str:
    """The table around `path` as it is written in a file: ``[[routing.rules]]``, ``[providers.acme]``."""
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return "a policy file"
    dotted = ".".join(name if name.replace("_", "").replace("-", "").isalnum() else f'"{name}"' for name in names)
    entry = isinstance(path[-1], int)
    return shown(f"[[{dotted}]]" if entry else f"[{dotted}]")


def _finding(document: Document, error: Any) -> Finding:
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    kind: str = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(document, path)
    if kind == "missing":
        return _missing_key(document, path)
    name, where = _name(path)
    if kind == "bad_value":
        context = error["ctx"]
        return _error(document, "bad_value", path, f"{name} in {where} {context['message']}.", context["fix"])
    if kind in _EXPECTED:
        message = f"{name} in {where} must be {_EXPECTED[kind]}, not {_kind(error['input'])}."
        return _error(document, "wrong_type", path, message, _example(path))
    limits = error.get("ctx", {})
    if "ge" in limits:
        message = f"{name} in {where} is less than {limits['ge']}."
    elif "le" in limits:
        message = f"{name} in {where} is more than {limits['le']}."
    else:
        message = f"{name} in {where} cannot be {_kind(error['input'])} like this one."
    return _error(document, "bad_value", path, message, _example(path))


def _error(document: Document, code: str, path: Path, message: str, fix: str) -> Finding:
    return Finding(code, Severity.ERROR, document.place(path), message, fix)


def _name(path: Path) -> tuple[str, str]:
    """The key that `path` is about, and the table it stands in."""
    if not path:
        return "The whole", "a policy file"
    keys = path[:-1] if isinstance(path[-1], int) and len(path) > 1 and _is_value(path[:-1]) else path
    if isinstance(keys[-1], int):
        return "An entry", table_name(keys)
    return shown(keys[-1]), table_name(keys[:-1])


def _is_value(path: Path) -> bool:
    key = _key(path)
    return key is not None and key.table is None


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    for kind, name in (
        (str, "a text"),
        (int, "a whole number"),
        (float, "a number"),
        (list, "a list"),
        (dict, "a table"),
        ((datetime.date, datetime.time), "a date or time"),
    ):
        if isinstance(value, kind):
            return name
    return "this"


def _key(path: Path) -> schema.Key | None:
    """The key at `path` or, within a value, that value's; ``None`` where the language has no such key."""
    table: schema.Table = schema.FILE
    key: schema.Key | None = None
    named = False  # the next part is a name that the author chose
    for part in path:
        if isinstance(part, int):
            continue
        if named:
            named = False
            continue
        key = table.key(part)
        if key is None or key.table is None:
            return key
        table, named = key.table, key.form is schema.Form.NAMED
    return key


def _table(path: Path) -> schema.Table:
    """The table whose keys stand at `path`."""
    key = _key(path)
    return key.table if key is not None and key.table is not None else schema.FILE


def _example(path: Path) -> str:
    key = _key(path)
    return f"Write for example: {key.example}" if key is not None else ""


def _unknown_key(document: Document, path: Path) -> Finding:
    written = str(path[-1])
    where = table_name(path[:-1])
    known = _table(path[:-1]).keys
    close = nearest(written, known)
    if close is not None:
        fix = f"Did you mean {shown(close)}?"
    elif elsewhere := _elsewhere().get(written):
        fix = f"`{written}` belongs into {' or '.join(elsewhere)}."
    else:
        fix = f"It may hold {listed(known)}."
    return _error(document, "unknown_key", path, f"Unknown key {shown(written)} in {where}.", fix)


@functools.cache
def _elsewhere() -> dict[str, list[str]]:
    """The tables in which each key is known, by key; a list of tables is known by its last name."""
    found: dict[str, list[str]] = {}
    for name, table in schema.tables():
        found.setdefault(name.strip("[]").rsplit(".", 1)[-1], []).append(f"`{name}`")
        for written, key in table.keys.items():
            if key.table is None:
                found.setdefault(written, []).append(f"`{name}`")
    return found


def _missing_key(document: Document, path: Path) -> Finding:
    message = f"{table_name(path[:-1])} has no {shown(path[-1])}."
    return _error(document, "missing_key", path[:-1], message, _example(path))
