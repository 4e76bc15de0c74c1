"""Hold a file's data against the schema, and say every mismatch in words."""

from __future__ import annotations

import datetime
import functools
from typing import Any, Final

from pydantic import ValidationError

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
    "is_instance_of": "a text in quotes",
    "decimal_type": "an amount of money in quotes",
}


def hold(document: Document) -> tuple[schema.FileTable | None, tuple[Finding, ...]]:
    """The file as tables, or ``None`` with everything that keeps it from being one."""
    try:
        return schema.FileTable.model_validate(document.data), ()
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
    keys = path[:-1] if isinstance(path[-1], int) and _info(path[:-1]) is not None and len(path) > 1 else path
    if isinstance(keys[-1], int):
        return "An entry", table_name(keys)
    return shown(keys[-1]), table_name(keys[:-1])


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


def _info(path: Path) -> Any:
    """pydantic's description of the key at `path`, or ``None`` where the schema has no such key."""
    table: type[schema.Table] | None = schema.FileTable
    info: Any = None
    named = False  # the next part is a name that the author chose, or a position
    for part in path:
        if isinstance(part, int):
            continue
        if named:
            named = False
            continue
        if table is None:
            return None
        info = schema.keys_of(table).get(part)
        if info is None:
            return None
        table = schema.table_of(info.annotation)
        named = "dict[" in str(info.annotation)
    return info


def _table(path: Path) -> type[schema.Table]:
    """The table whose keys stand at `path`."""
    info = _info(path)
    found = schema.table_of(info.annotation) if info is not None else None
    return found or schema.FileTable


def _example(path: Path) -> str:
    info = _info(path)
    return f"Write for example: {info.examples[0]}" if info is not None and info.examples else ""


def _unknown_key(document: Document, path: Path) -> Finding:
    written = str(path[-1])
    where = table_name(path[:-1])
    known = schema.keys_of(_table(path[:-1]))
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
        for written in schema.keys_of(table):
            if schema.table_of(schema.keys_of(table)[written].annotation) is None:
                found.setdefault(written, []).append(f"`{name}`")
    return found


def _missing_key(document: Document, path: Path) -> Finding:
    message = f"{table_name(path[:-1])} has no {shown(path[-1])}."
    return _error(document, "missing_key", path[:-1], message, _example(path))
