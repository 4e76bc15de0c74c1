"""A pattern that is accepted can match something in a workspace, and matching it takes no time."""

from __future__ import annotations

import warnings

import pathspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.policy.globs import problem

GOOD = {
    "src/**": "src/a/b.py",
    "*.pem": "deep/down/key.pem",
    "docs/": "docs/a",
    "/build": "build/a",
    "/Makefile": "Makefile",
    ".env": "sub/.env",
    ".env.*": ".env.local",
    "**/secrets/**": "a/secrets/b",
    "a?c": "abc",
    "[a-c]x": "bx",
    "[!a-c]x": "dx",
    "src/**/test_*.py": "src/x/y/test_a.py",
    "größe/**": "größe/x",
    "a b/**": "a b/c",
    "\\#notes": "#notes",
    "\\!important": "!important",
    "{{cookiecutter.name}}/**": "{{cookiecutter.name}}/x",
    "**": "anything",
}


@pytest.mark.parametrize(("pattern", "path"), GOOD.items())
def test_what_people_write_is_accepted_and_matches(pattern: str, path: str) -> None:
    assert problem(pattern) is None
    assert pathspec.GitIgnoreSpec.from_lines([pattern]).match_file(path)


@pytest.mark.parametrize(
    "pattern",
    ["", " ", "/", "//", "..", ".", "./", "../a", "a/../b", "a/./b", "a//b", "/etc/x", "/Users", "C:/x", "c:\\x", "~",
     "\\\\server\\share", "a\\b", "[", "a[b", "[]", "[!]", "[b-a]", "[[:alpha:]]", "[a--b]", "a\\", "!", "!!a", "!../a",
     "#x", " a", "a ", "a\n", "a\tb", "*.{a,b}", "*a*a*a*a*a*", "**/**/**/**/**/a", "x" * 1025],
)  # fmt: skip
def test_what_can_never_match_or_take_for_ever_is_refused(pattern: str) -> None:
    found = problem(pattern)

    assert found is not None
    assert all(found)


def test_exceptions_are_for_lists_that_only_choose() -> None:
    assert problem("!src/vendor/**") is None
    assert problem("!src/vendor/**", exceptions=False) is not None


@given(st.text(alphabet="ab/*?[]!-^.\\{},#~: é", max_size=30) | st.text(max_size=12))
def test_whatever_is_accepted_compiles_without_a_warning(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if problem(pattern) is None:
            spec = pathspec.GitIgnoreSpec.from_lines([pattern])
            assert [one.include for one in spec.patterns] == [not pattern.startswith("!")]


def test_the_worst_pattern_that_is_accepted_is_matched_in_no_time() -> None:
    pattern = "**/**/**/**/" + "*a" * 4 + "b"
    assert problem(pattern) is None
    spec = pathspec.GitIgnoreSpec.from_lines([pattern])

    # Without the bound on stars this would not come back.
    assert not spec.match_file("/".join(["a" * 60] * 20))
