"""Ignore files mean here what they mean to git, which is asked itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smista_mcp.context.ignore import Ignored, parse_ignore, wildcards
from smista_mcp.context.read import open_tree
from smista_mcp.context.workspace import read_context

Lay = Callable[[Mapping[str, str | bytes]], Path]

_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
}


def git(root: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *arguments], cwd=root, input=stdin, env=_ENVIRONMENT, capture_output=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def ignored_by_git(root: Path, names: list[str]) -> set[str]:
    found = git(root, "check-ignore", "--no-index", "-z", "--stdin", stdin=b"\0".join(os.fsencode(n) for n in names))
    return {os.fsdecode(name) for name in found.split(b"\0") if name}


def ignored_by_us(root: Path, names: list[str]) -> set[str]:
    with open_tree(root) as tree:
        ignored = Ignored(tree)
        return {name for name in names if ignored.by_git(name, directory=(root / name).is_dir())}


_NAMES = ("a", "b", "ab", "a.py", "b.pyc", "A", "foo", "a[b", "x y", "a\\b", "#a", "!b", "é")
_FOLDERS = ("a", "b", "foo", "ab", "x y", "é")
# Not ``a**``: git cuts off the letters before the first wildcard, and then takes the stars for a whole part.
_PART = st.one_of(
    st.sampled_from(_NAMES),
    st.sampled_from(
        ["*", "**", "?", "*.py", "*.py?", "a*", "*a*", "[ab]", "[!a]", "[^a]*", "[a-c].py", "foo*", "[]a]", "[a"]
    ),
    st.sampled_from(
        [
            "\\#a",
            "\\!b",
            "a\\\\b",
            "a\\[b",
            "[[:alpha:]]",
            "[[:upper:]]",
            "[[:nope:]]",
            "x\\ y",
            "***",
            "[b-a]",
            "a\\",
        ]
    ),
)
_LINE = st.builds(
    lambda negated, lead, parts, tail, spaces: ("!" if negated else "") + lead + "/".join(parts) + tail + spaces,
    st.booleans() | st.just(False),
    st.sampled_from(["", "", "/", "**/"]),
    st.lists(_PART, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**", "/*"]),
    st.sampled_from(["", "", "", "  ", "\\ ", "\r"]),
)
_IGNORE = st.lists(_LINE | st.sampled_from(["", "#a", "# comment", "!", "/", "\\"]), max_size=5).map("\n".join)
_TREE = st.lists(
    st.tuples(st.lists(st.sampled_from(_FOLDERS), max_size=3), st.sampled_from(_NAMES)), min_size=1, max_size=8
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    tree=_TREE,
    top=_IGNORE,
    nested=st.dictionaries(st.sampled_from(["a", "foo", "a/b"]), _IGNORE, max_size=2),
    exclude=_IGNORE,
)
@example(tree=[(["a"], "b"), (["a"], "foo")], top="a/*\n!a/b", nested={}, exclude="")
@example(tree=[(["a", "b"], "foo")], top="a/\n!a/b/foo", nested={"a": "!b"}, exclude="")
@example(tree=[(["a"], "a.py")], top="*.py", nested={"a": "!a.py"}, exclude="")
@example(tree=[([], "a.py")], top="!a.py", nested={}, exclude="*.py")
def test_git_says_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    tree: list[tuple[list[str], str]],
    top: str,
    nested: dict[str, str],
    exclude: str,
) -> None:
    root = tmp_path_factory.mktemp("repo")
    git(root, "init", "-q")
    for folders, name in tree:
        folder = root.joinpath(*folders)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / name).exists():
                (folder / name).write_text("x")
        except (FileExistsError, NotADirectoryError):
            continue  # a file stands where this one wants a directory
    for place, text in {"": top, **nested}.items():
        if (root / place).is_dir():
            (root / place / ".gitignore").write_bytes(text.encode())
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "exclude").write_bytes(exclude.encode())
    names = sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if ".git" not in path.relative_to(root).parts
    )
    assert ignored_by_us(root, names) == ignored_by_git(root, names)


def test_a_mark_at_the_beginning_and_odd_bytes_do_no_harm(lay: Lay) -> None:
    root = lay({".gitignore": b"\xef\xbb\xbf*.log\n\xff\xfe\n*.tmp\n", "a.log": "x", "b.tmp": "x", "c": "x"})
    assert ignored_by_us(root, ["a.log", "b.tmp", "c"]) == {"a.log", "b.tmp"}


@pytest.mark.parametrize(
    "pattern", ["a*" * 60 + "b", "*a" * 100, "**/a/" * 40 + "b", "[" * 400, "*" * 500, "a*" * 200, "?*" * 100 + "z"]
)
def test_no_pattern_of_a_stranger_takes_long(pattern: str) -> None:
    # It takes milliseconds, or years.
    name = "/".join(["a" * 200] * 15)
    for regex in (wildcards(pattern), wildcards(pattern, anywhere=True)):
        if regex is not None:
            regex.fullmatch(name)
            regex.fullmatch("/".join(["a"] * 60))
    for one in parse_ignore(pattern.encode()):
        one.regex.fullmatch("a" * 255)


def test_a_reason_names_file_line_and_pattern(lay: Lay) -> None:
    root = lay({"src/.gitignore": "# made\n\n*.gen.py\n", "src/a.gen.py": "x"})
    with open_tree(root) as tree:
        assert Ignored(tree).by_git("src/a.gen.py", directory=False) == "src/.gitignore:3 *.gen.py"


# --- .smistaignore


def test_smistaignore_keeps_out_even_what_is_named(lay: Lay) -> None:
    root = lay({".smistaignore": "*.key\n/private/\n", "a.key": "k", "private/x": "p", "src/private/x": "fine"})
    material = read_context(root, ["a.key", "private/x", "private", "src/private/x"])
    assert [file.path for file in material.files] == ["src/private/x"]
    assert {(file.path, file.detail) for file in material.plan.excluded} == {
        ("a.key", ".smistaignore:1 *.key"),
        ("private/x", ".smistaignore:2 /private/"),
        ("private/", ".smistaignore:2 /private/"),
    }


def test_smistaignore_is_blind_to_case_and_to_how_accents_are_composed(lay: Lay) -> None:
    root = lay({".smistaignore": "Geheim/\nre\u0301sume\u0301.txt\n", "geheim/x": "s", "résumé.txt": "s", "ok": "o"})
    assert [file.path for file in read_context(root, ["geheim/x", "résumé.txt", "ok"]).files] == ["ok"]


def test_smistaignore_judges_a_link_by_both_its_names(lay: Lay) -> None:
    root = lay({".smistaignore": "private/\nlink-b\n", "private/x": "s", "open": "o"})
    (root / "link-a").symlink_to("private/x")
    (root / "link-b").symlink_to("open")
    (root / "folder").symlink_to("private")
    assert read_context(root, ["link-a", "link-b", "folder/x", "folder", "."]).files[0].path == ".smistaignore"
    assert [file.path for file in read_context(root, ["link-a", "link-b", "folder/x", "."]).files] == [
        ".smistaignore",
        "open",
    ]


def test_an_exception_in_smistaignore_does_not_undo_gitignore(lay: Lay) -> None:
    root = lay({".gitignore": "*.log\n", ".smistaignore": "!*.log\n", "a.log": "x"})
    assert "a.log" not in [file.path for file in read_context(root, ["."]).files]


def test_a_smistaignore_that_cannot_be_read_keeps_everything_below_out(lay: Lay) -> None:
    root = lay({"src/a.py": "a", "src/deep/b.py": "b", "top.py": "t"})
    (root / "src" / ".smistaignore").symlink_to("../../outside/.smistaignore")
    material = read_context(root, ["src/a.py", "src/deep/b.py", "top.py"])
    assert [file.path for file in material.files] == ["top.py"]
    assert {file.detail for file in material.plan.excluded} == {"src/.smistaignore cannot be read"}


def test_a_smistaignore_behind_a_linked_folder_is_judged_where_it_is(lay: Lay) -> None:
    root = lay({"real/.smistaignore": "secret\n", "real/secret": "s", "real/open": "o"})
    (root / "alias").symlink_to("real")
    assert [file.path for file in read_context(root, ["alias/open", "alias/secret"]).files] == ["alias/open"]


def test_a_linked_gitignore_is_not_followed_as_git_does_not(lay: Lay, workspace: Path) -> None:
    lay({"a.log": "x", "rules": "*.log"})
    (workspace / ".gitignore").symlink_to("rules")
    assert ignored_by_us(workspace, ["a.log"]) == set()
