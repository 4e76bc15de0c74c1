"""git's configuration syntax, read without git: sections, values, and nothing that would lead to another file. Pure.

The syntax is that of git's own manual (``git help config``, "Syntax"): names of sections and keys are case-blind,
subsections are not; values may be quoted in part, continued on the next line and followed by a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_HEADER: Final = re.compile(r'\[[ \t]*([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\.)*)")?[ \t]*\]')
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_ESCAPES: Final = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"'}


class Entry(NamedTuple):
    """One ``key = value``: ``[remote "origin"] url = …`` is ``("remote", "origin", "url", "…")``."""

    section: str
    """Lower case."""
    subsection: str
    key: str
    """Lower case."""
    value: str


def parse(text: str) -> Iterator[Entry]:
    """The entries of `text`, in order. Takes time in proportion to its length.

    Raises:
        ValueError: the text is not in git's syntax; the entries before that point were given.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    position, section, subsection = 0, "", ""
    while position < len(text):
        char = text[position]
        if char.isspace():
            position += 1
        elif char in "#;":
            position = _line_end(text, position)
        elif char == "[":
            header = _HEADER.match(text, position)
            if header is None:
                raise ValueError("a section's header is not as it should be")
            section, dot, dotted = header[1].lower().partition(".")
            subsection = re.sub(r"\\(.)", r"\1", header[2]) if header[2] is not None else dotted if dot else ""
            position = header.end()
        else:
            key = _KEY.match(text, position)
            if key is None or not section:
                raise ValueError("neither a section nor a key")
            value, position = _value(text, key.end())
            yield Entry(section, subsection, key[0].lower(), value)


def _line_end(text: str, position: int) -> int:
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def _value(text: str, position: int) -> tuple[str, int]:
    """The value after a key, and where it ends. A key that stands alone means ``true``."""
    while position < len(text) and text[position] in " \t":
        position += 1
    if position == len(text) or text[position] in "\n#;":
        return "true", _line_end(text, position)
    if text[position] != "=":
        raise ValueError("a key without =")
    position += 1
    made: list[str] = []
    kept = 0
    """How much of `made` stays when white space at the end is dropped."""
    quoted = False
    while position < len(text) and text[position] != "\n":
        char = text[position]
        position += 1
        if char == "\\":
            escaped = text[position : position + 1]
            position += 1
            if escaped == "\n":
                continue
            if escaped not in _ESCAPES:
                raise ValueError("an escape that git does not know")
            made.append(_ESCAPES[escaped])
            kept = len(made)
        elif char == '"':
            quoted = not quoted
            kept = len(made)
        elif char in "#;" and not quoted:
            position = _line_end(text, position)
        elif made or quoted or not char.isspace():
            made.append(char)
            if quoted or not char.isspace():
                kept = len(made)
    if quoted:
        raise ValueError("a quotation that does not end")
    return "".join(made[:kept]), position
