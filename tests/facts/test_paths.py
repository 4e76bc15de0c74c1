"""Every spelling of a path comes down to names that the same patterns catch; what does not, is marked."""

from __future__ import annotations

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.paths import Kind, canonicalise, locate, names_of, printable, windows_oddity
from smista_mcp.facts.types import Source


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    for name in ("src/auth/login.py", "src/Häuser/a.txt", "docs/read me.md", "Secrets/Key.pem", "app/[id]/page.tsx"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text("canary")
    return root


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        ("src/auth/login.py", ("src/auth/login.py",)),
        ("./src/auth/login.py", ("src/auth/login.py",)),
        ("src//auth/./login.py", ("src/auth/login.py",)),
        ("docs/../src/auth/login.py", ("src/auth/login.py",)),
        ("nowhere/../src/auth/login.py", ("src/auth/login.py",)),
        ("../ws/src/auth/login.py", ("src/auth/login.py",)),
        ("src\\auth\\login.py", ("src/auth/login.py",)),
        ("Secrets/Key.pem", ("Secrets/Key.pem", "secrets/key.pem")),
        ("src/auth", ("src/auth/",)),
        ("src/auth/", ("src/auth/",)),
        ("src/new/module.py", ("src/new/module.py",)),
        ("src/new/", ("src/new/",)),
        ("app/[id]/page.tsx", ("app/[id]/page.tsx",)),
        (".", ("./",)),
    ],
)
def test_a_path_has_one_name_however_it_is_written(workspace: Path, declared: str, names: tuple[str, ...]) -> None:
    fact = canonicalise(workspace, declared)
    assert fact.canonical
    assert fact.names == names
    assert fact.declared == declared


def test_an_absolute_path_below_the_root_is_a_relative_one(workspace: Path) -> None:
    assert canonicalise(workspace, str(workspace / "src/auth/login.py")).names == ("src/auth/login.py",)
    other_name = workspace.parent / "alias"
    other_name.symlink_to(workspace)
    assert canonicalise(workspace, str(other_name / "src/auth/login.py")).names == ("src/auth/login.py",)
    assert canonicalise(other_name, str(workspace / "src/auth/login.py")).names == ("src/auth/login.py",)


def test_a_link_is_known_by_its_name_and_by_what_it_leads_to(workspace: Path) -> None:
    (workspace / "public").symlink_to("Secrets")
    found = locate(workspace, "public/Key.pem")
    assert found.fact.names == ("public/Key.pem", "Secrets/Key.pem", "public/key.pem", "secrets/key.pem")
    assert (found.real, found.lexical, found.kind) == ("Secrets/Key.pem", "public/Key.pem", Kind.FILE)


def test_up_from_behind_a_link_is_where_the_system_goes_and_where_it_looks_to_go(workspace: Path) -> None:
    (workspace / "short").symlink_to("src/auth")
    found = locate(workspace, "short/../Häuser/a.txt")
    assert found.fact.names[:2] == ("Häuser/a.txt", "src/Häuser/a.txt")
    assert found.kind is Kind.FILE


def test_composed_and_decomposed_names_are_one(workspace: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "src/Häuser/a.txt")
    assert decomposed != "src/Häuser/a.txt"
    found = locate(workspace, decomposed)
    assert found.fact.names == canonicalise(workspace, "src/Häuser/a.txt").names
    assert found.kind is Kind.FILE


def outside_link(root: Path) -> str:
    (root / "out").symlink_to("../outside/canary")
    return "out"


def outside_folder(root: Path) -> str:
    (root / "out").symlink_to("../outside")
    return "out/canary"


def up_behind_link(root: Path) -> str:
    (root / "deep").symlink_to("../outside")
    return "deep/../outside/canary"


@pytest.mark.parametrize(
    "declare",
    [
        lambda root: "../outside/canary",
        lambda root: "src/../../outside/canary",
        lambda root: "..",
        lambda root: "/etc/passwd",
        lambda root: str(root) + "-next-door/x",
        lambda root: "C:\\Windows\\win.ini",
        lambda root: "c:/x",
        lambda root: "\\\\server\\share\\x",
        lambda root: "~/.ssh/id_rsa",
        lambda root: "~root/x",
        lambda root: "..\\outside\\canary",
        outside_link,
        outside_folder,
        up_behind_link,
    ],
)
def test_what_lies_outside_is_not_canonical(workspace: Path, declare: Callable[[Path], str]) -> None:
    found = locate(workspace, declare(workspace))
    assert not found.fact.canonical
    assert found.outside
    assert found.kind is Kind.UNUSABLE
    assert found.real == ""
    assert found.fact.source is Source.ASSERTED


@pytest.mark.parametrize("declared", ["", "  ", "a\x00b", "a" * 5000, "src/\udcff.py", "x" * 300])
def test_odd_paths_are_not_canonical_and_do_not_raise(workspace: Path, declared: str) -> None:
    found = locate(workspace, declared)
    assert not found.fact.canonical
    assert found.problem


def test_broken_and_circular_links_are_not_canonical(workspace: Path) -> None:
    (workspace / "broken").symlink_to("nowhere")
    (workspace / "round").symlink_to("round")
    (workspace / "folder").symlink_to("gone")
    for declared in ("broken", "round", "folder/x.py", "round/x"):
        found = locate(workspace, declared)
        assert not found.fact.canonical, declared
        assert "leads nowhere" in found.problem


def test_a_workspace_that_is_not_there_makes_nothing_canonical(tmp_path: Path) -> None:
    assert not canonicalise(tmp_path / "gone", "a").canonical


def test_what_exists_is_observed_and_what_does_not_is_only_said(workspace: Path) -> None:
    assert canonicalise(workspace, "src/auth/login.py").source is Source.OBSERVED
    assert canonicalise(workspace, "src/auth/nope.py").source is Source.ASSERTED
    assert locate(workspace, "src/auth/login.py/nope").kind is Kind.MISSING


def test_pipes_and_sockets_are_told_apart(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(workspace / "s"))
        assert locate(workspace, "s").kind is Kind.SPECIAL
    assert locate(workspace, "pipe").kind is Kind.SPECIAL


def test_names_that_only_look_like_elsewhere_are_themselves(workspace: Path) -> None:
    for name in ("~lock.odt#", "c:odd", "back\\slash"):
        (workspace / name).write_text("x")
        assert locate(workspace, name).kind is Kind.FILE, name
    assert canonicalise(workspace, "back\\slash").names == ("back\\slash", "back/slash")


@pytest.mark.parametrize(
    ("path", "odd"),
    [
        ("a/b.txt", False),
        ("a/b.txt::$DATA", True),
        ("a/b.txt.", True),
        ("a /b", True),
        ("con", True),
        ("x/NUL.txt", True),
        ("console/a", False),
        ("../a", False),
        (".github/a", False),
    ],
)
def test_windows_own_second_names_are_known(path: str, odd: bool) -> None:
    assert bool(windows_oddity(path)) is odd


def test_what_is_shown_keeps_to_one_line() -> None:
    assert printable("a\nb\x1b[31m\udcff") == "a\\nb\\x1b[31m\\udcff"
    assert printable("häuser/测试.py") == "häuser/测试.py"


_PARTS = ("a", "Ab", "é", "straße", "x y")
_FILES = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=4)
_ALIASES = ("dot", "up", "missing-up", "nfd", "double", "absolute", "backslash", "link", "link-folder")
_CASES = st.sampled_from(["lower", "upper", "title"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=_FILES, alias=st.sampled_from(_ALIASES), pattern_case=_CASES, depth=st.integers(0, 3))
def test_every_alias_of_a_path_is_caught_by_what_catches_the_path(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], alias: str, pattern_case: str, depth: int
) -> None:
    root = tmp_path_factory.mktemp("ws")
    plain = "/".join([*parts, "file"])
    (root / plain).parent.mkdir(parents=True)
    (root / plain).write_text("x")
    declared = {
        "dot": f"./{plain}",
        "up": f"{parts[0]}/../{plain}",
        "missing-up": f"gone/../{plain}",
        "nfd": unicodedata.normalize("NFD", plain),
        "double": plain.replace("/", "//"),
        "absolute": str(root / plain),
        "backslash": plain.replace("/", "\\"),
        "link": "zz-link",
        "link-folder": "zz-folder/file",
    }[alias]
    (root / "zz-link").symlink_to(plain)
    (root / "zz-folder").symlink_to("/".join(parts))
    prefix = "/".join(parts[: min(depth, len(parts))])
    cased = {"lower": prefix.lower(), "upper": prefix.upper(), "title": prefix.title()}[pattern_case]
    pattern = PathPatterns([f"{cased}/**" if prefix else "file"], fold_case=True)
    same_case = PathPatterns([f"{prefix}/**" if prefix else "file"])
    direct, other = canonicalise(root, plain), canonicalise(root, declared)
    assert direct.canonical
    assert other.canonical
    assert same_case.matches(direct.names)
    assert same_case.matches(other.names)
    assert pattern.matches(direct.names)
    assert pattern.matches(other.names)


def test_names_come_without_repetition_and_folded_last() -> None:
    assert names_of("A/b", "a/b") == ("A/b", "a/b")
    assert names_of("A", "B") == ("A", "B", "a", "b")
    assert names_of("", directory=True) == ("./",)
