"""Policy files made for tests, in places of their own."""

from __future__ import annotations

import os
import re
from pathlib import Path

from smista_mcp.policy.findings import Finding
from smista_mcp.policy.layers import OrganisationPlace, PolicyPlaces

DESIGN_EXAMPLE = """\
[[routing.rules]]
name = "review payment code on this machine"
priority = 5
effort = "low"                      # low | medium | high | xhigh
intent = "review"                   # one, or a list
paths = ["src/payments/**"]         # gitignore-style
skill = "changelog"                 # a named skill
local_only = true
model = "ollama/qwen2.5-coder"      # provider/model; everything after the first slash is the model's name
fallbacks = ["openai/gpt-5.5-mini"]
"""

BUILTIN = """\
[policy]
name = "built-in"

[routing.default]
model = "embedded/smollm2"
"""

_MARK = re.compile(r"#! ([a-z_ ]+)$")


class Places:
    """A machine's places below one folder; a layer's file exists once it was written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.policies = PolicyPlaces(
            organisation=OrganisationPlace(root=root / "machine", owner=os.getuid(), parts=("etc", "smista")),
            workspace=root / "workspace" / ".smista" / "policy.toml",
            user=root / "home" / "policy.toml",
            builtin=root / "default.toml",
        )
        self.policies.builtin.write_text(BUILTIN)

    def organisation(self, text: str, name: str = "policy.toml") -> Path:
        """Write a file of the organisation's, as its administrator would."""
        path = self.policies.organisation.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for made in (path.parent, *path.parent.parents):
            if made.is_relative_to(self.root / "machine"):
                made.chmod(0o755)
        path.chmod(0o644)
        return path

    def workspace(self, text: str) -> Path:
        """Write the workspace's file."""
        return _written(self.policies.workspace, text)

    def user(self, text: str) -> Path:
        """Write the user's file."""
        return _written(self.policies.user, text)

    def builtin(self, text: str) -> Path:
        """Write the built-in file."""
        return _written(self.policies.builtin, text)


def _written(path: Path | None, text: str) -> Path:
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def marked(text: str) -> list[tuple[int, str]]:
    """What a sample says about itself: ``#! code`` (or several) at the end of the line that should be found."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if mark := _MARK.search(line):
            found.extend((number, code) for code in mark[1].split())
    return sorted(found)


def lines(findings: tuple[Finding, ...]) -> list[tuple[int, str]]:
    """The findings' lines and codes, in the form of `marked`."""
    return sorted((finding.place.line, finding.code) for finding in findings)
