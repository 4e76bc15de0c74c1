"""What was read of the workspace for one step, and how it stands in a prompt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from smista_mcp.facts.paths import printable
from smista_mcp.facts.types import ContextPlan, IncludedFile, PathFact


@dataclass(frozen=True, slots=True)
class MaterialFile:
    """One file's text, as it was read once. `bytes` and `sha256` are of exactly what was read."""

    path: str
    text: str
    bytes: int
    tokens: int
    """Estimate."""
    sha256: str
    truncated: bool = False
    """Whether only its beginning is here."""
    note: str = ""

    def __repr__(self) -> str:
        return f"MaterialFile({self.path!r}, {self.bytes} bytes)"

    def included(self) -> IncludedFile:
        """This file as the context plan has it."""
        return IncludedFile(self.path, self.bytes, self.tokens, self.sha256, self.truncated, self.note)


@dataclass(frozen=True, slots=True)
class Material:
    """The files of a step, and the facts about its paths."""

    files: tuple[MaterialFile, ...] = ()
    """By path."""
    plan: ContextPlan = field(default_factory=ContextPlan)
    path_facts: tuple[PathFact, ...] = ()
    restricted: tuple[str, ...] = ()
    """Names of paths that are restricted: no remote deployment may have the step."""
    notes: tuple[str, ...] = ()
    """What a person should know about how files were read."""

    def render(self, context: str = "") -> str:
        """The material as it goes into a prompt: the caller's `context`, then the files, each between marks.

        The marks carry a word that occurs nowhere in the material, so no file can end its own section or begin
        another. ``""`` where there is nothing.
        """
        if not self.files and not context.strip():
            return ""
        word = _boundary([context, *(text for file in self.files for text in (file.text, file.path))])
        sections: list[str] = []
        if context.strip():
            sections.append(_section(f"<context-{word}>", context, f"</context-{word}>"))
        for file in self.files:
            opening = f"<file-{word} path={json.dumps(printable(file.path), ensure_ascii=False)}"
            opening += ' part="beginning only">' if file.truncated else ">"
            sections.append(_section(opening, file.text, f"</file-{word}>"))
        return "\n\n".join(sections)


def _section(opening: str, text: str, closing: str) -> str:
    return f"{opening}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{closing}"


def _boundary(texts: Sequence[str]) -> str:
    """A short word that is in none of `texts`, and the same one for the same texts."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    while True:
        word = digest.hexdigest()[:6]
        if not any(word in text for text in texts):
            return word
        digest.update(b"again")
