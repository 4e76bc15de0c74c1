"""A policy file as TOML: its values, and the line on which every key stands.

``tomllib`` decides what the file says; tree-sitter only finds out where it says it. Anything may arrive here (a
workspace's file comes with a cloned repository), so size and nesting are bounded before either of them starts, and
whatever cannot be read is a finding with a line.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.secret_shapes import looks_secret, masked
from smista_mcp.policy.types import Place

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_BYTES: Final = 1 << 20
"""Largest policy file, in bytes."""
MAX_DEPTH: Final = 16
"""Deepest nesting of brackets, and most parts of one dotted key."""

Path = tuple[str | int, ...]
"""Where a value stands in the data: keys, and positions in lists."""

_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"""'
    r"|'''.*?'''"
    r'|"(?:[^"\\\n]|\\[^\n])*+"'
    r"|'[^'\n]*+'"
    r"|\#[^\n]*+"
    r"|(?P<mark>[\[\]{}.,=\n])",
    re.DOTALL,
)
_AT_LINE: Final = re.compile(r"\s*\(at line (\d+), column (\d+)\)\s*$")
_AT_END: Final = re.compile(r"\s*\(at end of document\)\s*$")


@dataclass(frozen=True, slots=True)
class Document:
    """One file: what it says (`data`), where, and what is wrong with it as TOML.

    `data` is empty where `findings` holds an error.
    """

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def place(self, path: Path = ()) -> Place:
        """Where `path` stands: its own line, else the line of the nearest thing around it, else the first."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return Place(self.file, line)
        return Place(self.file, 1)


@functools.lru_cache(maxsize=16)
def parse(content: bytes, file: str) -> Document:
    """Read `content`, naming it `file` in findings. Never raises, whatever the bytes.

    The result is shared between callers with the same content, who must not change it.
    """
    if len(content) > MAX_BYTES:
        return _refused(file, 0, "too_large", f"The file is larger than {MAX_BYTES // 1024} KiB.", "Make it smaller.")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _refused(file, line, "encoding", "The file is not UTF-8 text.", "Save it as UTF-8.")
    too_deep = _too_deep(text)
    if too_deep:
        advice = "Policies need no more than a few levels: write it flatter."
        return _refused(file, too_deep, "too_deep", f"Nested deeper than {MAX_DEPTH} levels.", advice)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _syntax(file, text, str(error))
    except (ValueError, RecursionError):  # a number of thousands of digits
        return _refused(file, 0, "syntax", "The file holds a value that cannot be read.", "Look for absurd numbers.")
    lines, comments = _positions(text)
    return Document(file, data, lines, tuple(_secret_comments(file, comments)))


def strings(data: object) -> Iterator[tuple[Path, str]]:
    """Every text in `data`, keys included, with the path of the value or of the key's own value."""
    waiting: list[tuple[Path, object]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield (*path, key), key
                waiting.append(((*path, key), inner))
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))


def _refused(file: str, line: int, code: str, message: str, fix: str) -> Document:
    return Document(file, findings=(Finding(code, Severity.ERROR, Place(file, line), message, fix),))


def _syntax(file: str, text: str, said: str) -> Document:
    line, column = text.rstrip().count("\n") + 1, 0
    if found := _AT_LINE.search(said):
        line, column = int(found[1]), int(found[2])
    said = masked(_AT_END.sub("", _AT_LINE.sub("", said)))
    if "Invalid value" in said:
        fix = 'Put text in double quotes: key = "text". Yes and no are written true and false.'
    elif "Expected '='" in said or "Invalid statement" in said:
        fix = 'Every line is a comment (#), a table ([name]) or key = value, e.g. effort = "low".'
    elif "Cannot declare" in said or "Cannot overwrite" in said or "uplicate" in said:
        fix = "Every key and table stands once; lists of rules are written [[routing.rules]], with two brackets."
    elif "Unclosed" in said or "Unterminated" in said or "Illegal character" in said:
        fix = "Close what was opened: quotes, brackets."
    else:
        fix = "See https://toml.io for how TOML is written."
    where = f" (column {column})" if column else " (the file ends too early)"
    return _refused(file, line, "syntax", f"This is not TOML: {said[:200]}{where}.", fix)


def _too_deep(text: str) -> int:
    """The line on which nesting passes `MAX_DEPTH`, or 0. Linear in the text; knows strings and comments."""
    depth = dots = 0
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if mark is None:
            continue
        if mark == ".":
            dots += 1
        else:
            dots = 0
            if mark in "[{":
                depth += 1
            elif mark in "]}":
                depth = max(0, depth - 1)
        if depth > MAX_DEPTH or dots > MAX_DEPTH:
            return text.count("\n", 0, token.start()) + 1
    return 0


def _secret_comments(file: str, comments: list[tuple[int, str]]) -> Iterator[Finding]:
    for line, text in comments:
        if looks_secret(text):
            message = "A comment holds what looks like a secret."
            fix = "Remove it, and replace the key at its provider: whoever has the file has the key."
            yield Finding("literal_secret", Severity.ERROR, Place(file, line), message, fix)


def _positions(text: str) -> tuple[dict[Path, int], list[tuple[int, str]]]:
    """The line of every key and list entry, and every comment with its line."""
    import tree_sitter
    import tree_sitter_toml

    language = tree_sitter.Language(tree_sitter_toml.language())
    root = tree_sitter.Parser(language).parse(text.encode()).root_node
    walk = _Walk()
    for node in root.children:
        walk.top(node)
    return walk.lines, walk.comments


class _Walk:
    """One pass over the syntax tree, keeping the table that the next keys belong to."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.comments: list[tuple[int, str]] = []
        self._table: Path = ()
        self._counts: dict[Path, int] = {}

    def top(self, node: Node) -> None:
        """A table, an entry of a list of tables, a pair or a comment at the top of the file."""
        if node.type in ("table", "table_array_element"):
            keys = next((child for child in node.children if child.type in _KEYS), None)
            if keys is not None:
                self._enter(_key_parts(keys), node.start_point[0] + 1, entry=node.type == "table_array_element")
        self._inside(node, self._table)

    def _enter(self, keys: tuple[str, ...], line: int, *, entry: bool) -> None:
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if entry and position == len(keys) - 1:
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
        self.lines.setdefault(path, line)
        self._table = path

    def _inside(self, node: Node, prefix: Path) -> None:
        waiting: list[tuple[Node, Path]] = [(node, prefix)]
        while waiting:
            at, path = waiting.pop()
            line = at.start_point[0] + 1
            if at.type == "comment":
                self.comments.append((line, at.text.decode() if at.text else ""))
            elif at.type == "pair":
                named = [child for child in at.children if child.is_named]
                if not named or named[0].type not in _KEYS:
                    continue
                for key in _key_parts(named[0]):
                    path = (*path, key)
                    self.lines.setdefault(path, line)
                waiting.extend((child, path) for child in reversed(named[1:]))
            elif at.type == "array":
                waiting.extend(reversed(list(self._entries(at, path))))
            else:
                waiting.extend((child, path) for child in reversed(at.children) if child.is_named)

    def _entries(self, array: Node, path: Path) -> Iterator[tuple[Node, Path]]:
        index = 0
        for child in array.children:
            if child.type == "comment":
                yield child, path
            elif child.is_named:
                self.lines.setdefault((*path, index), child.start_point[0] + 1)
                yield child, (*path, index)
                index += 1


_KEYS: Final = ("bare_key", "quoted_key", "dotted_key")


def _key_parts(node: Node) -> tuple[str, ...]:
    parts: list[str] = []
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if at.type == "dotted_key":
            waiting.extend(child for child in reversed(at.children) if child.is_named)
            continue
        written = (at.text or b"").decode()
        parts.append(written if at.type == "bare_key" else _unquoted(written))
    return tuple(parts)


def _unquoted(written: str) -> str:
    try:
        return next(iter(tomllib.loads(f"{written} = 0")))
    except tomllib.TOMLDecodeError:  # what tree-sitter takes for a key and TOML does not: the file has said so already
        return written
