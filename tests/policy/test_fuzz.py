"""Whatever stands in a file, reading it ends in a policy or in findings, and never lets an unknown key pass."""

from __future__ import annotations

import copy
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smista_mcp.errors import PolicyError
from smista_mcp.policy import schema
from smista_mcp.policy.check import check_files, check_places
from smista_mcp.policy.document import parse
from smista_mcp.policy.findings import has_errors
from smista_mcp.policy.layers import OrganisationPlace, PolicyPlaces, load_policy
from tests.policy.files import BUILTIN, DESIGN_EXAMPLE
from tests.policy.test_digest import FILE
from tests.policy.test_findings import SAMPLES
from tests.policy.toml import written

QUICK = settings(max_examples=80, deadline=None)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def loads(folder: Path, content: bytes, layer: str) -> bool:
    """Whether a file is accepted in a layer. Anything but a policy or a `PolicyError` fails the test."""
    (folder / "default.toml").write_text(BUILTIN)
    path = folder / "policy.toml"
    path.write_bytes(content)
    path.chmod(0o644)
    folder.chmod(0o755)
    organisation = OrganisationPlace(root=folder, owner=os.getuid(), parts=())
    nobody = OrganisationPlace(root=folder / "none")
    places = PolicyPlaces(
        organisation=organisation if layer == "organisation" else nobody,
        workspace=path if layer == "workspace" else None,
        user=path if layer == "user" else None,
        builtin=folder / "default.toml",
    )
    findings = check_files([path], is_known_model=lambda _: False)
    together = check_places(places)
    assert len({finding.place.file for finding in findings}) <= 1
    count = content.count(b"\n") + 1
    assert all(0 <= finding.place.line <= count for finding in findings)
    if has_errors(together):
        with pytest.raises(PolicyError) as caught:
            load_policy(places)
        assert caught.value.as_dict()["findings"]
        return False
    assert not has_errors(load_policy(places).findings)
    return True


LAYERS = st.sampled_from(["organisation", "workspace", "user"])
VALUES = st.recursive(
    st.none().map(lambda _: "x")
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["ollama/a", "openai/*", "src/**", "review", "cheapest", "${env:A}", "http://[", "../x", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    sorted({written for _, table in schema.tables() for written in table.keys} | {"", "a.b", "ollama/a"})
) | st.text(max_size=5)
TABLES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES | st.lists(VALUES), max_size=4), max_size=4)


@QUICK
@given(st.binary(max_size=200), LAYERS)
@example(b"\xef\xbb\xbf", "user")
@example(b"\x00", "user")
@example(b'a."', "user")
@example(b'"""', "user")
@example(b"[" * 5000, "user")
@example(b"a=1e999999999", "user")
@example(b"'\\u0000' = 1", "workspace")
@example("['🦀'.\"\\U0001F980\"]".encode(), "user")
def test_any_bytes(folder: Path, content: bytes, layer: str) -> None:
    loads(folder, content, layer)


@QUICK
@given(st.text(alphabet="ab[]{}=.,\"'#\n\\ 1", max_size=60), LAYERS)
def test_any_text_that_looks_like_toml(folder: Path, text: str, layer: str) -> None:
    loads(folder, text.encode(), layer)


@QUICK
@given(TABLES, st.randoms(use_true_random=False), LAYERS)
def test_any_toml_whatever_its_keys_hold(folder: Path, data: dict[str, Any], chance: Any, layer: str) -> None:
    loads(folder, written(data, chance).encode(errors="replace"), layer)


@QUICK
@given(st.sampled_from([DESIGN_EXAMPLE, *SAMPLES.values()]), st.data(), LAYERS)
def test_any_small_damage_to_a_file(folder: Path, text: str, draw: st.DataObject, layer: str) -> None:
    content = bytearray(text.encode())
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(content) - 1))
        kind = draw.draw(st.sampled_from(["drop", "change", "repeat", "cut"]))
        if kind == "drop":
            del content[at]
        elif kind == "change":
            content[at] = draw.draw(st.integers(0, 255))
        elif kind == "repeat":
            content[at:at] = content[max(0, at - 20) : at]
        else:
            del content[at : at + 15]
        if not content:
            break
    loads(folder, bytes(content), layer)


def places_in(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every table of which the language decides what keys it has."""
    if isinstance(data, dict):
        free = path in (("providers",), ("models",), ("groups",), ("regions",), ("privacy", "detect"))
        free = free or path[-1:] in (("headers",), ("quality",), ("min_quality",))
        if not free:
            yield path
        for key, value in data.items():
            yield from places_in(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from places_in(value, (*path, index))


@QUICK
@given(FILE, st.text(alphabet="abcdefghij_", min_size=1, max_size=12), VALUES, st.data())
def test_no_unknown_key_is_accepted_anywhere(
    folder: Path, data: dict[str, Any], key: str, value: Any, draw: st.DataObject
) -> None:
    key = f"x_{key}"
    data = copy.deepcopy(data)  # parts of it are the same objects in every example
    assert loads(folder, written(data).encode(), "user")
    place = draw.draw(st.sampled_from(list(places_in(data))))
    table: Any = data
    for part in place:
        table = table[part]
    table[key] = value
    text = written(data).encode(errors="replace")

    assert not loads(folder, text, "user")
    found = check_files([folder / "policy.toml"])
    lines = [number for number, line in enumerate(text.decode().split("\n"), 1) if re.search(rf"\b{key}\b", line)]
    assert any(finding.code == "unknown_key" and finding.place.line in lines for finding in found)


@QUICK
@given(TABLES, st.randoms(use_true_random=False))
def test_every_key_has_the_line_on_which_it_stands(data: dict[str, Any], chance: Any) -> None:
    content = written(data, chance).encode(errors="replace")
    document = parse(content, "a.toml")
    if document.findings:
        return
    text = content.decode().replace("\r\n", "\n").split("\n")
    said = tomllib.loads(content.decode())

    def walk(value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                line = text[document.lines[(*path, key)] - 1]
                spelled = line.replace('"', "").replace("'", "")
                plain = key.isascii() and key.replace("_", "").isalnum()
                assert not plain or key in spelled or "\\u" in line, (path, key, line)
                walk(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                assert (*path, index) in document.lines, (path, index)
                walk(inner, (*path, index))

    walk(said, ())
