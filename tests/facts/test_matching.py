"""Path patterns mean what they mean to git, and catch a path under any of its names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from smista_mcp.errors import PolicyError
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.paths import names_of


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("src/auth/**", "src/auth/a.py", True),
        ("src/auth/**", "src/auth/deep/er/a.py", True),
        ("src/auth/**", "src/auth/", True),
        ("src/auth/**", "src/authority/a.py", False),
        ("src/auth/**", "x/src/auth/a.py", False),
        ("src/auth/", "src/auth/a.py", True),
        ("*.pem", "deep/er/key.pem", True),
        ("/*.pem", "deep/key.pem", False),
        ("secrets", "a/secrets/b", True),
        ("**/secrets/**", "a/b/secrets/c", True),
        ("./src/**", "src/a", True),
        ("# comment", "# comment", False),
        ("", "a", False),
    ],
)
def test_patterns_are_those_of_gitignore(pattern: str, name: str, matches: bool) -> None:
    assert PathPatterns([pattern]).matches((name,)) is matches


def test_any_name_of_a_path_is_enough() -> None:
    patterns = PathPatterns(["secrets/**"])
    assert patterns.matches(("public/link", "secrets/key"))
    assert not patterns.matches(("public/link", "public/key"))
    assert not patterns.matches(())


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("Secrets/**", "secrets/x"), ("secrets/**", "SECRETS/X"), ("*.PEM", "a/Key.pem"), ("STRASSE/*", "straße/a")],
)
def test_restricting_patterns_are_blind_to_case(pattern: str, path: str) -> None:
    assert PathPatterns([pattern], fold_case=True).matches(names_of(path))


def test_patterns_and_names_meet_in_composed_form() -> None:
    assert PathPatterns(["re\u0301sume\u0301/*"]).matches(names_of("résumé/a"))
    assert PathPatterns(["résumé/*"]).matches(names_of("re\u0301sume\u0301/a"))


def test_a_later_exception_takes_a_path_out_again() -> None:
    patterns = PathPatterns(["secrets/*", "!secrets/public"])
    assert patterns.matches(("secrets/key",))
    assert not patterns.matches(("secrets/public",))


def test_no_patterns_match_nothing() -> None:
    assert not PathPatterns([])
    assert not PathPatterns([], fold_case=True).matches(("a",))


@pytest.mark.parametrize("bad", ["a\\", "!", "[z-a]"])
def test_a_pattern_that_cannot_be_read_is_named(bad: str) -> None:
    with pytest.raises(PolicyError, match="cannot be read") as caught:
        PathPatterns(["fine/**", bad])
    assert repr(bad) in str(caught.value)
    assert caught.value.hint


_PART = st.text("ab*?_", min_size=1, max_size=3)
_PATTERN = st.builds(
    lambda lead, parts, tail: lead + "/".join(parts) + tail,
    st.sampled_from(["", "/", "**/"]),
    st.lists(_PART, min_size=1, max_size=3),
    st.sampled_from(["", "/", "/**"]),
)
_NAME = st.lists(st.text("ab_", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(st.lists(_PATTERN, max_size=4), _NAME)
def test_the_short_way_says_what_the_library_says(patterns: list[str], name: str) -> None:
    assert PathPatterns(patterns).matches((name,)) is GitIgnoreSpec.from_lines(patterns).match_file(name)
