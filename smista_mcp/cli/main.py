"""Entry point of ``smista-mcp``: finds the command, runs it, and turns what it raises into a message and exit code.

Hosts and hooks start this program often, so a command's module is imported only when that command is given, and
what it needs only when it runs.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from smista_mcp import __version__
from smista_mcp.cli.output import report_error
from smista_mcp.errors import SmistaError

_COMMANDS: Final = {
    "serve": "run the MCP server over standard input and output (a host agent starts this)",
    "delegate": "run one step and print the answer",
    "preview": "show where a step would go and why, without running it",
    "check": "check policy files",
    "policy": "test, compare, replay, show and explain what a policy does",
    "explain": "show a recorded decision and how it was carried out",
    "models": "list the models known here and whether they can be used",
    "init": "write a policy file for this workspace that fits what is available",
}

_EXIT_CODES: Final = """\
exit codes:
  0 done    1 `check` found errors, `policy test` failures, `policy replay` differences
  2 wrong use, or a step that cannot be used    3 policy
  4 refused by policy    5 no deployment answered    7 ledger    130 interrupted"""

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells count it."""

BROKEN_PIPE: Final = 141
"""128 + SIGPIPE."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the words after the program's name; by default those it was started with.

    Returns:
        The exit code (see ``--help``).
    """
    words = sys.argv[1:] if argv is None else argv
    parser = _parser(next((word for word in words if word in _COMMANDS), None))
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help()
        return 2
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # What a terminal cannot show is shown as an escape, never as a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has seen enough (`| head`). What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        print(f"smista-mcp: {error}", file=sys.stderr)
        return 1
    except SmistaError as error:
        report_error(error, as_json=getattr(arguments, "json", False))
        return error.exit_code
    except KeyboardInterrupt:
        print("smista-mcp: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser; only the wanted command's arguments are filled in."""
    parser = argparse.ArgumentParser(
        prog="smista-mcp",
        description="Route sub-tasks to models by written policy, run them there, and say why.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"smista-mcp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, purpose in _COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name == wanted:
            module = import_module(f"smista_mcp.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
