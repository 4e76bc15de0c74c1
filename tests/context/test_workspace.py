"""What of the workspace goes into a step, and what stays out, and why."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smista_mcp.context.workspace import ContextLimits, Material, read_context
from smista_mcp.errors import PolicyError
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Exclusion, Source
from tests.context.conftest import CANARY

Lay = Callable[[Mapping[str, str | bytes]], Path]


def included(material: Material) -> list[str]:
    return [file.path for file in material.files]


def left_out(material: Material) -> dict[str, Exclusion]:
    return {file.path: file.reason for file in material.plan.excluded}


def detail(material: Material, path: str) -> str:
    return next(file.detail for file in material.plan.excluded if file.path == path)


# --- reading


def test_what_is_named_is_read_once_and_accounted_for(lay: Lay) -> None:
    text = "def f():\n    return 1\n"
    root = lay({"src/a.py": text, "b.md": "# b"})
    material = read_context(root, ["src/a.py", "b.md", "./src/a.py", "src/../b.md"])
    assert included(material) == ["b.md", "src/a.py"]
    file = material.files[1]
    assert (file.text, file.bytes, file.sha256) == (text, len(text), hashlib.sha256(text.encode()).hexdigest())
    assert file.tokens > 0
    assert [(one.path, one.bytes, one.sha256) for one in material.plan.included] == [
        (one.path, one.bytes, one.sha256) for one in material.files
    ]
    assert material.restricted == ()
    assert text.rstrip() in material.render()


def test_nothing_named_reads_nothing(workspace: Path) -> None:
    assert read_context(workspace, []) == Material()


def test_the_order_of_paths_makes_no_difference(lay: Lay) -> None:
    root = lay({"a": "1", "b/c": "2", "b/d": "3", "secret/x": "4"})
    (root / "l").symlink_to("b/c")
    paths = ["l", "b", "a", "secret/x", "gone", "../x", "b/*"]
    first = read_context(root, paths, restricted=["secret/**"])
    assert first == read_context(root, paths[::-1], restricted=["secret/**"])
    assert first == read_context(root, [*paths, *paths], restricted=["secret/**"])


def test_directories_and_globs_are_searched(lay: Lay) -> None:
    root = lay({"src/a.py": "", "src/deep/b.py": "", "src/c.txt": "", "top.py": "", ".hidden/d.py": ""})
    assert included(read_context(root, ["src"])) == ["src/a.py", "src/c.txt", "src/deep/b.py"]
    assert included(read_context(root, ["src/**/*.py"])) == ["src/a.py", "src/deep/b.py"]
    assert included(read_context(root, ["*.py"])) == ["top.py"]
    assert included(read_context(root, ["**/*.py"])) == [".hidden/d.py", "src/a.py", "src/deep/b.py", "top.py"]
    assert included(read_context(root, ["./src/[ab].py"])) == ["src/a.py"]
    assert included(read_context(root, [str(root / "src" / "*.py")])) == ["src/a.py"]
    assert included(read_context(root, ["src\\*.py"])) == ["src/a.py"]
    assert len(read_context(root, ["."]).files) == 5


def test_a_name_that_looks_like_a_glob_and_exists_is_a_name(lay: Lay) -> None:
    root = lay({"app/[id]/page.tsx": "here", "app/i/page.tsx": "not this"})
    assert included(read_context(root, ["app/[id]/page.tsx"])) == ["app/[id]/page.tsx"]


def test_facts_name_what_was_declared_and_what_was_found(lay: Lay) -> None:
    root = lay({"src/auth/a.py": "", "src/b.py": ""})
    facts = {fact.declared: fact for fact in read_context(root, ["src", "new.py"]).path_facts}
    assert facts["src"].names == ("src/",)
    assert facts["src/auth/a.py"].source is Source.OBSERVED
    assert facts["new.py"].source is Source.ASSERTED
    assert PathPatterns(["src/auth/**"]).matches(facts["src/auth/a.py"].names)
    assert [fact.declared for fact in read_context(root, ["."]).path_facts] == ["src/auth/a.py", "src/b.py"]


# --- what stays out


def test_a_missing_file_is_named_with_those_that_come_near(lay: Lay) -> None:
    root = lay(
        {"src/parser.py": "", "docs/guide.md": "", "secret/parser.py": "", ".gitignore": "gone/", "gone/parser.py": ""}
    )
    material = read_context(root, ["parser.py", "src/praser.py", "zzz"], restricted=["secret/**"])
    assert left_out(material) == dict.fromkeys(["parser.py", "src/praser.py", "zzz"], Exclusion.MISSING)
    assert detail(material, "parser.py") == "no such file; did you mean src/parser.py?"
    assert "src/parser.py" in detail(material, "src/praser.py")
    assert detail(material, "zzz") == "no such file"


def test_globs_and_directories_without_files_are_missing(lay: Lay) -> None:
    root = lay({"a": ""})
    (root / "empty").mkdir()
    material = read_context(root, ["*.rs", "empty"])
    assert left_out(material) == {"*.rs": Exclusion.MISSING, "empty/": Exclusion.MISSING}


def test_ignored_files_are_left_out_of_a_search_and_read_if_named(lay: Lay) -> None:
    root = lay({".gitignore": "build/\n*.log\n", "build/out.js": "b", "a.log": "l", "a.py": "p"})
    searched = read_context(root, ["."])
    assert included(searched) == [".gitignore", "a.py"]
    assert left_out(searched) == {"build/": Exclusion.IGNORED, "a.log": Exclusion.IGNORED}
    assert detail(searched, "build/") == ".gitignore:1 build/"
    named = read_context(root, ["a.log", "build/out.js"])
    assert included(named) == ["a.log", "build/out.js"]
    assert "ignored by git (.gitignore:2 *.log), read because it was named" in named.plan.included[0].note
    assert len(named.notes) == 2
    assert included(read_context(root, ["build"])) == ["build/out.js"]


def test_gits_own_files_are_never_read(lay: Lay, workspace: Path) -> None:
    lay({".git/config": "token", "sub/.git/config": "token", "sub/a": "a", ".GIT/x": "x"})
    (workspace / "link").symlink_to(".git/config")
    material = read_context(workspace, [".", ".git/config", ".git", "sub/.git/config", "link", ".GIT/x", ".git/*"])
    assert included(material) == ["sub/a"]
    assert set(left_out(material).values()) <= {Exclusion.IGNORED, Exclusion.MISSING}


def test_binary_and_special_files_are_left_out_with_the_reason(lay: Lay) -> None:
    root = lay({"a.bin": b"\x00\x01", "b.txt": b"fine", "c.txt": "ü".encode("cp1252") + b" plus enough ascii"})
    os.mkfifo(root / "pipe")
    material = read_context(root, ["a.bin", "b.txt", "c.txt", "pipe", "."])
    assert included(material) == ["b.txt", "c.txt"]
    assert left_out(material) == {"a.bin": Exclusion.BINARY, "pipe": Exclusion.UNREADABLE}
    assert material.notes == ("c.txt: read as Windows-1252",)


def test_a_large_file_is_cut_if_named_and_left_out_if_found(lay: Lay) -> None:
    root = lay({"d/large": "é" * 1000, "d/small": "s"})
    limits = ContextLimits(file_bytes=101)
    named = read_context(root, ["d/large"], limits=limits).files[0]
    assert (named.text, named.bytes, named.truncated) == ("é" * 50, 101, True)
    assert "the first 101 bytes of 2,000 bytes" in named.note
    found = read_context(root, ["d"], limits=limits)
    assert included(found) == ["d/small"]
    assert left_out(found) == {"d/large": Exclusion.TOO_LARGE}


def test_the_whole_is_bounded_and_what_is_named_comes_first(lay: Lay) -> None:
    root = lay({f"d/{number}": "x" * 40 for number in range(9)} | {"z": "z" * 60})
    material = read_context(root, ["d", "z"], limits=ContextLimits(total_bytes=150))
    assert included(material) == ["d/0", "d/1", "z"]
    assert sum(file.bytes for file in material.files) <= 150
    assert set(left_out(material).values()) == {Exclusion.OVER_LIMIT}
    few = read_context(root, ["d", "z"], limits=ContextLimits(files=2))
    assert included(few) == ["d/0", "z"]


def test_a_search_is_bounded_in_names_depth_and_what_it_reports(lay: Lay) -> None:
    root = lay({f"n/{number:03}.log": "" for number in range(50)} | {".gitignore": "*.log", "a/b/c/d/e": "deep"})
    few = read_context(root, ["n"], limits=ContextLimits(reported=5))
    assert len(few.plan.excluded) == 6
    assert few.plan.excluded[-1].detail == "and 45 more left out"
    assert left_out(read_context(root, ["n"], limits=ContextLimits(entries=3)))["…"] is Exclusion.OVER_LIMIT
    shallow = read_context(root, ["a"], limits=ContextLimits(depth=2))
    assert left_out(shallow)["a/b/c/d/"] is Exclusion.OVER_LIMIT


# --- outside


@pytest.mark.parametrize(
    "path",
    [
        "../outside/canary.txt",
        "/etc/hostname",
        "link",
        "folder/canary.txt",
        "folder/deep",
        "folder",
        "../outside",
        "~/x",
        "../*",
        "/etc/*",
    ],
)
def test_what_lies_outside_is_not_read_and_counts_as_restricted(lay: Lay, workspace: Path, path: str) -> None:
    lay({"a": "a"})
    (workspace / "link").symlink_to("../outside/canary.txt")
    (workspace / "folder").symlink_to("../outside")
    material = read_context(workspace, [path, "a"])
    assert included(material) == ["a"]
    assert left_out(material) == {path: Exclusion.OUTSIDE}
    assert material.restricted == (path,)
    assert any(not fact.canonical for fact in material.path_facts)


def test_links_inside_are_followed_to_files_and_known_by_both_names(lay: Lay, workspace: Path) -> None:
    lay({"real/a.py": "a", "other/b.py": "b"})
    (workspace / "alias.py").symlink_to("real/a.py")
    (workspace / "dir").symlink_to("other")
    (workspace / "loop").symlink_to(".")
    (workspace / "broken").symlink_to("nowhere")
    material = read_context(workspace, ["."])
    assert sorted(file.text for file in material.files) == ["a", "b"]
    assert left_out(material)["dir"] is Exclusion.IGNORED
    assert left_out(material)["broken"] is Exclusion.UNREADABLE
    assert material.restricted == ()
    assert included(read_context(workspace, ["dir"])) == ["dir/b.py"]
    assert included(read_context(workspace, ["dir/*.py"])) == ["dir/b.py"]


def test_a_workspace_that_is_gone_reads_nothing_and_restricts_all(tmp_path: Path) -> None:
    material = read_context(tmp_path / "gone", ["a"])
    assert (material.files, material.restricted) == ((), ("a",))


# --- restricted


def test_a_restricted_file_is_left_out_of_a_search(lay: Lay) -> None:
    root = lay({"src/a.py": "a", "src/Secrets/key": "k", "x.pem": "p"})
    material = read_context(root, [".", "src/**", "*.pem"], restricted=["src/secrets/**", "*.PEM"])
    assert included(material) == ["src/a.py"]
    assert left_out(material) == {"src/Secrets/key": Exclusion.RESTRICTED, "x.pem": Exclusion.RESTRICTED}
    assert detail(material, "x.pem") == "name it explicitly to let a local model read it"
    assert material.restricted == ()


def test_a_restricted_file_that_is_named_is_read_and_restricts_the_step(lay: Lay) -> None:
    root = lay({"src/a.py": "a", "secrets/key": "k"})
    (root / "innocent").symlink_to("secrets/key")
    for named in ("secrets/key", "./secrets/key", "innocent", "SECRETS/../secrets/key"):
        material = read_context(root, [named, "src"], restricted=["Secrets/**"])
        assert "k" in [file.text for file in material.files], named
        assert len(material.restricted) == 1, named


def test_a_restricted_file_that_is_missing_restricts_all_the_same(lay: Lay) -> None:
    material = read_context(lay({"a": ""}), ["secrets/gone"], restricted=["secrets/**"])
    assert material.restricted == ("secrets/gone",)


def test_a_link_found_in_a_search_does_not_lead_to_what_is_restricted(lay: Lay, workspace: Path) -> None:
    lay({"public/a": "a", "secrets/key": "k"})
    (workspace / "public" / "link").symlink_to("../secrets/key")
    (workspace / "public" / "folder").symlink_to("../secrets")
    material = read_context(workspace, ["public", "public/*"], restricted=["secrets/**"])
    assert included(material) == ["public/a"]
    assert left_out(material)["public/link"] is Exclusion.RESTRICTED


def test_a_linked_folder_is_searched_under_the_names_of_what_it_leads_to(lay: Lay, workspace: Path) -> None:
    lay({"secrets/key": "k"})
    (workspace / "innocent").symlink_to("secrets")
    material = read_context(workspace, ["innocent", "innocent/*"], restricted=["secrets/**"])
    assert included(material) == []
    assert left_out(material)["innocent/key"] is Exclusion.RESTRICTED


def test_a_restricted_pattern_that_cannot_be_read_stops_everything(lay: Lay) -> None:
    with pytest.raises(PolicyError):
        read_context(lay({"a": ""}), ["a"], restricted=["a\\"])


# --- all together


_NAMES = st.sampled_from(["a", "B", "é", "x.py", "secrets", "key"])
_SPELLINGS = st.sampled_from(["{}", "./{}", "q/../{}", "{}/", "../workspace/{}", "{}/.", "//{}"])
_TARGETS = st.sampled_from(
    ["../outside", "../outside/canary.txt", "a", "secrets", "..", "/", "key", "x.py/a", "../workspace/secrets"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.lists(_NAMES, min_size=1, max_size=3), min_size=1, max_size=6),
    links=st.lists(st.tuples(st.lists(_NAMES, min_size=1, max_size=2), _TARGETS), max_size=4),
    asked=st.lists(st.tuples(_SPELLINGS, st.lists(_NAMES, max_size=3)), min_size=1, max_size=4),
    glob=st.sampled_from([None, "**/*", "*", "secrets/*", "../*/*", "**/key"]),
    decomposed=st.booleans(),
)
def test_whatever_is_asked_nothing_outside_is_read_and_nothing_restricted_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[str]],
    links: list[tuple[list[str], str]],
    asked: list[tuple[str, list[str]]],
    glob: str | None,
    decomposed: bool,
) -> None:
    base = tmp_path_factory.mktemp("case")
    root = base / "workspace"
    (base / "outside").mkdir()
    root.mkdir()
    (base / "outside" / "canary.txt").write_text(CANARY)
    (base / "outside" / "key").write_text(CANARY)
    for parts in files:
        try:
            root.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
            root.joinpath(*parts).write_text("SECRET" if "secrets" in parts or parts[-1] == "key" else "open")
        except OSError:
            continue
    for parts, target in links:
        try:
            root.joinpath(*parts).symlink_to(target)
        except OSError:
            continue
    paths = [spelling.format("/".join(parts)) for spelling, parts in asked]
    paths = [unicodedata.normalize("NFD", path) for path in paths] if decomposed else paths
    material = read_context(root, paths + ([glob] if glob else []), restricted=["SECRETS", "**/key"])
    assert CANARY not in "".join(file.text for file in material.files)
    if any(file.text == "SECRET" for file in material.files):
        assert material.restricted
    listed = set(included(material))
    assert not listed & {path for path, reason in left_out(material).items() if reason is not Exclusion.IGNORED}
    assert material == read_context(root, paths + ([glob] if glob else []), restricted=["SECRETS", "**/key"])
