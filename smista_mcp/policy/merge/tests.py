"""The policies' own tests, of all layers."""

from __future__ import annotations

from collections.abc import Iterable

from smista_mcp.policy.merge.files import Entry, File, entries
from smista_mcp.policy.merge.routing import modes
from smista_mcp.policy.types import Expected, Given, PolicyTest


def tests(files: Iterable[File]) -> tuple[PolicyTest, ...]:
    """``[[tests]]``, most trusted first."""
    return tuple(map(_test, entries(files, "tests")))


def _test(entry: Entry) -> PolicyTest:
    expect = dict(entry.table["expect"])
    permissions = modes(expect, "permissions")
    expect.pop("permissions", None)
    return PolicyTest(
        name=entry.table["name"],
        layer=entry.layer,
        order=entry.order,
        place=entry.place,
        given=Given(**entry.table.get("given", {})),
        expect=Expected(**expect, permissions=permissions),
    )
