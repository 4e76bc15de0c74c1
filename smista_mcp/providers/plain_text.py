"""Markdown and HTML as the words that are in them: what a very small model can make something of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markdown_it.token import Token

_CODE_LINE: Final = re.compile(
    r"[{};]\s*$|[=(\[]\s*$|\)\s*(->.*)?:\s*$"
    r"|^//|^/\*|^(async |def |class |import |from \S+ import|return\b|raise\b|elif |except\b|func |fn |const "
    r"|let |var |public |private |static |package |using |#include|@\w+)"
    r"|^\w[\w.\[\]\"']*\s*[:+\-*/]?=\s"
)
_CODE_SHARE: Final = 0.3
"""From which share of lines that look like code a text is taken for code, whose marks are no markup."""
_ADDRESS: Final = re.compile(r"\s?<?\b(?:https?|mailto):[^\s>)]+?(?=[.,;:!?]*(?:[\s>)]|$))>?")
_NOTE_MARK: Final = re.compile(r"^\[!\w+\]\s*")
"""GitHub's ``[!NOTE]`` and its like."""
_RST_TARGET: Final = re.compile(r"(?<=\w)_+(?=\W|$)")
_MENTION: Final = re.compile(r"(?<!\S)@(?=\w)")
_SILENT: Final = frozenset({"script", "style", "svg", "template"})
_SPACES: Final = re.compile(r"\s+")


def plain_text(text: str) -> str:
    """The words of `text`, one paragraph, heading, list item or table row a line.

    Links become their text; images and badges, code blocks, addresses, comments and tags are left out, and so are
    reStructuredText's directives. Text that looks like program code is returned as it is, and so is text of which
    nothing would be left.
    """
    if looks_like_code(text):
        return text
    return "\n".join(_lines(text)) or text


def looks_like_code(text: str) -> bool:
    """Whether so many lines are shaped like a program's that marks in it are no markup."""
    lines = [line for line in _outermost(text) if line.strip()]
    return bool(lines) and sum(bool(_CODE_LINE.search(line)) for line in lines) >= _CODE_SHARE * len(lines)


def _outermost(text: str) -> Iterator[str]:
    """The lines that are neither indented nor in a fence: prose often has code in it, and shows it so."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and not line.startswith((" ", "\t")):
            yield line


def _lines(text: str) -> Iterator[str]:
    from markdown_it import MarkdownIt

    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline":
            line = _words(token.children or ())
        elif token.type == "html_block":
            line = _unmarked(token.content)
        else:
            continue
        line = _RST_TARGET.sub("", _NOTE_MARK.sub("", _ADDRESS.sub("", line)))
        line = _SPACES.sub(" ", _MENTION.sub("", line)).strip(" #")
        if any(char.isalnum() for char in line) and not line.startswith(".. "):
            yield line


def _words(tokens: Iterable[Token]) -> str:
    spoken = {"text", "code_inline"}
    return "".join(
        token.content if token.type in spoken else " " if token.type in ("softbreak", "hardbreak") else ""
        for token in tokens
    )


def _unmarked(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.heard)


class _Reader(HTMLParser):
    """Hears the text of HTML, except what is never shown."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.heard.append(data)
