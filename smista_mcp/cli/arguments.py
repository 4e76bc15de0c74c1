"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path


def add_json_flag(parser: ArgumentParser) -> None:
    """Give `parser` the ``--json`` flag that every command has."""
    parser.add_argument("--json", action="store_true", help="print JSON (its shape is in docs/commands.md)")


def add_workspace_argument(parser: ArgumentParser) -> None:
    """Give `parser` the folder it works in."""
    parser.add_argument(
        "--workspace", type=_folder, default=Path(), metavar="DIR", help="work as if started in DIR (default: here)"
    )


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ArgumentTypeError(f"{text} is no folder")
    return path
