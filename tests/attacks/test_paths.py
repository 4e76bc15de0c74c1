"""Attacks on paths: to have a restricted file read under a name that no pattern was written for.

The organisation restricts ``secrets/**``; the canary stands in ``secrets/key``. A local model may have the file, so an
attack has failed where the canary is not at the remote server, whatever else happens.
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smista_mcp.facts.types import Step
from tests.attacks.ground import CANARY, Ground

RESTRICTED = '[privacy]\nrestricted_paths = ["secrets/**", "*.pem"]\n'
GUARDED = """
[[guardrails]]
name = "keep secrets here"
paths = ["secrets/**", "*.pem"]
require = { local = true }
"""

pytestmark = pytest.mark.parametrize("protected", [RESTRICTED, GUARDED], ids=["restricted", "guardrail"])


@pytest.fixture
def laid(ground: Ground, protected: str) -> Ground:
    ground.organisation(protected)
    ground.put("secrets/key")
    ground.put("src/a.py", "print()\n")
    return ground


async def test_the_ground_is_real_without_protection_the_canary_gets_out(ground: Ground, protected: str) -> None:
    ground.put("secrets/key")
    await ground.attack(Step("Summarize", paths=("secrets/key",)))
    assert ground.cloud.canary


async def test_naming_the_file_as_it_is(laid: Ground) -> None:
    done = await laid.attack(Step("Summarize", paths=("secrets/key",)))
    assert done is not None
    assert done.decision.selected is not None
    assert done.decision.selected.deployment == "ollama/small"
    assert not laid.cloud.canary
    assert laid.ollama.canary


SPELLINGS = {
    "dot": "./secrets/key",
    "dot dot": "src/../secrets/key",
    "dot dot out and in": "../work/secrets/key",
    "double slash": "secrets//key",
    "dot inside": "secrets/./key",
    "trailing slash": "secrets/key/",
    "backslash": "secrets\\key",
    "mixed slashes": ".\\secrets/key",
    "absolute": "{workspace}/secrets/key",
    "absolute with dots": "{workspace}/src/../secrets/key",
    "absolute from root twice": "/{workspace}/secrets/key",
    "proc": "/proc/self/cwd/secrets/key",
    "drive letter": "C:\\work\\secrets\\key",
    "drive relative": "C:secrets\\key",
    "file url": "file://{workspace}/secrets/key",
    "unc": "\\\\localhost\\c$\\work\\secrets\\key",
    "device": "\\\\?\\C:\\secrets\\key",
    "stream": "secrets/key::$DATA",
    "home": "~/work/secrets/key",
    "upper case": "SECRETS/KEY",
    "mixed case": "Secrets/key",
    "full width": "ｓｅｃｒｅｔｓ/ｋｅｙ",
    "full width slash": "secrets／key",
    "full width dots": "．．/work/secrets/key",
    "zero width": "secrets\u200b/key",
    "combining": "se\u0301crets/key",
    "long s": "\u017fecret\u017f/key",
    "kelvin": "secrets/\u212aey",
    "nul": "secrets/key\x00.py",
    "newline": "secrets/key\n",
    "trailing space": "secrets/key ",
    "trailing dot": "secrets/key.",
    "percent": "secrets%2fkey",
    "directory": "secrets",
    "directory and slash": "secrets/",
    "everything": ".",
    "glob": "secrets/*",
    "deep glob": "**/key",
    "question marks": "secret?/k?y",
    "class": "[s]ecrets/key",
    "glob over everything": "**",
    "absolute glob": "{workspace}/secrets/*",
    "glob outside": "../work/secrets/*",
    "glob with dots": "src/../secrets/*",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
async def test_another_spelling_of_the_file(laid: Ground, spelling: str) -> None:
    path = spelling.format(workspace=laid.workspace)
    await laid.attack(Step("Summarize", paths=(path, "src/a.py")))
    assert not laid.cloud.canary


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_policy", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
async def test_composed_and_decomposed_letters(
    ground: Ground, protected: str, on_disk: str, in_policy: str, asked: str
) -> None:
    def name(form: str) -> str:
        return unicodedata.normalize(form, "geheimnißé")  # type: ignore[arg-type]

    ground.organisation(protected.replace('"secrets/**"', f'"{name(in_policy)}/**"'))
    ground.put(f"{name(on_disk)}/key")
    await ground.attack(Step("Summarize", paths=(f"{name(asked)}/key",)))
    await ground.attack(Step("Summarize", paths=(name(asked).upper(), ".")))
    assert not ground.cloud.canary


@pytest.mark.parametrize("written", ["Secrets/**", "SECRETS/**", "sEcReTs/Key"])
async def test_a_policy_written_in_another_case_than_the_disk(ground: Ground, protected: str, written: str) -> None:
    ground.organisation(protected.replace("secrets/**", written))
    ground.put("secrets/key")
    for path in ("secrets/key", "SECRETS/key", "secrets", "**/key"):
        await ground.attack(Step("Summarize", paths=(path,)))
    assert not ground.cloud.canary


# --- links


def _link_file(workspace: Path) -> str:
    (workspace / "notes.txt").symlink_to("secrets/key")
    return "notes.txt"


def _link_folder(workspace: Path) -> str:
    (workspace / "public").symlink_to("secrets")
    return "public/key"


def _link_folder_searched(workspace: Path) -> str:
    (workspace / "public").symlink_to("secrets")
    return "public"


def _link_folder_by_glob(workspace: Path) -> str:
    (workspace / "public").symlink_to("secrets")
    return "public/*"


def _chain(workspace: Path) -> str:
    (workspace / "one").symlink_to("two")
    (workspace / "two").symlink_to("src/three")
    (workspace / "src" / "three").symlink_to("../secrets/key")
    return "one"


def _absolute(workspace: Path) -> str:
    (workspace / "notes.txt").symlink_to(workspace / "secrets" / "key")
    return "notes.txt"


def _through_a_folder_and_back(workspace: Path) -> str:
    (workspace / "deep").symlink_to("secrets")
    return "deep/../secrets/key"


def _to_itself(workspace: Path) -> str:
    (workspace / "self").symlink_to(".")
    return "self/self/secrets/key"


def _to_the_workspace_from_outside(workspace: Path) -> str:
    (workspace.parent / "alias").symlink_to("work")
    return str(workspace.parent / "alias" / "secrets" / "key")


def _found_in_a_search(workspace: Path) -> str:
    (workspace / "src" / "b.py").symlink_to("../secrets/key")
    return "src"


LINKS = [
    _link_file, _link_folder, _link_folder_searched, _link_folder_by_glob, _chain, _absolute,
    _through_a_folder_and_back, _to_itself, _to_the_workspace_from_outside, _found_in_a_search,
]  # fmt: skip


@pytest.mark.parametrize("lay", LINKS, ids=[one.__name__.strip("_") for one in LINKS])
async def test_a_link_to_the_file_or_its_folder(laid: Ground, lay: Callable[[Path], str]) -> None:
    await laid.attack(Step("Summarize", paths=(lay(laid.workspace), "src/a.py")))
    assert not laid.cloud.canary


OUTSIDE = {
    "relative": "../outside/key",
    "absolute": "{outside}/key",
    "link": "link",
    "link to the folder": "folder/key",
    "search": ".",
    "folder": "folder",
    "glob": "folder/*",
    "glob of links": "*",
}


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE)
async def test_a_file_outside_the_workspace(laid: Ground, path: str) -> None:
    outside = laid.workspace.parent / "outside"
    outside.mkdir()
    (outside / "key").write_text("outside " + CANARY)
    (laid.workspace / "link").symlink_to(outside / "key")
    (laid.workspace / "folder").symlink_to(outside)
    await laid.attack(Step("Summarize", paths=(path.format(outside=outside),)))
    assert not laid.cloud.canary
    assert b"outside " + CANARY.encode() not in laid.ollama.received


# --- what is not declared


@pytest.mark.parametrize("path", [".", "src", "src/", "src/*", "**/*.pem", "src/**", "*/*.pem"])
async def test_a_folder_or_glob_that_holds_it_unnamed(laid: Ground, path: str) -> None:
    laid.put("src/deep/server.pem")
    laid.put("src/cert.pem")
    await laid.attack(Step("Summarize", paths=(path,)))
    assert not laid.cloud.canary


async def test_a_step_that_names_only_harmless_files_beside_it(laid: Ground) -> None:
    await laid.attack(Step("Summarize", paths=("src/a.py",)))
    assert laid.cloud.calls, "what is harmless still goes to the remote model"
    assert not laid.cloud.canary


# --- hard links: what a name cannot show


async def test_a_hard_link_is_the_same_as_a_copy_and_goes_by_its_own_name(laid: Ground) -> None:
    """Stated in docs/security.md: whoever can make a hard link could as well copy the file."""
    os.link(laid.workspace / "secrets" / "key", laid.workspace / "copy.txt")
    await laid.attack(Step("Summarize", paths=("copy.txt",)))
    assert laid.cloud.canary


async def test_a_hard_link_with_a_restricted_name_is_restricted(laid: Ground) -> None:
    os.link(laid.workspace / "secrets" / "key", laid.workspace / "server.pem")
    await laid.attack(Step("Summarize", paths=("server.pem",)))
    assert not laid.cloud.canary


# --- swapping between the check and the reading


@contextmanager
def _swapping(*turns: Callable[[], None]) -> Iterator[None]:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            for turn in turns:
                turn()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_swapping_a_file_for_a_link_while_steps_run(laid: Ground) -> None:
    fresh, turning = laid.workspace / "fresh", laid.put("turning", "nothing here")

    def to_file() -> None:
        fresh.write_text("nothing here")
        fresh.replace(turning)

    def to_link() -> None:
        fresh.symlink_to("secrets/key")
        fresh.replace(turning)

    with _swapping(to_link, to_file):
        for _ in range(25):
            await laid.attack(Step("Summarize", paths=("turning", "src/a.py")))
    assert not laid.cloud.canary


async def test_swapping_a_folder_for_a_link_while_steps_run(laid: Ground) -> None:
    folder, parked, turning = (laid.workspace / name for name in ("folder", "parked", "turning"))
    folder.mkdir()
    (folder / "key").write_text("nothing here")
    folder.rename(turning)

    def to_link() -> None:
        turning.rename(parked)
        turning.symlink_to("secrets")

    def to_folder() -> None:
        turning.unlink()
        parked.rename(turning)

    with _swapping(to_link, to_folder):
        for path in ("turning/key", "turning", "turning/*", ".") * 6:
            await laid.attack(Step("Summarize", paths=(path, "src/a.py")))
    assert not laid.cloud.canary


async def test_swapping_a_file_for_a_link_out_of_the_workspace(laid: Ground) -> None:
    outside = laid.workspace.parent / "outside-key"
    outside.write_text("outside " + CANARY)
    turning = laid.put("turning", "nothing here")

    def to_link() -> None:
        fresh = laid.workspace / "fresh"
        fresh.symlink_to(outside)
        fresh.replace(turning)

    def to_file() -> None:
        fresh = laid.workspace / "fresh"
        fresh.write_text("nothing here")
        fresh.replace(turning)

    with _swapping(to_link, to_file):
        for _ in range(25):
            await laid.attack(Step("Summarize", paths=("turning", "src/a.py")))
    assert not laid.cloud.canary
    assert not laid.ollama.canary
