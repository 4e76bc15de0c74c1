"""The policy itself, identity, repositories, and the policy's own tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from smista_mcp.policy.document import Path
from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.meaning.base import Checks, called
from smista_mcp.policy.meaning.raw import entries, table, texts
from smista_mcp.policy.types import Layer

_ABSOLUTE: Final = re.compile(r"/|~(?:/|$)|[A-Za-z]:[\\/]|\\\\")
_BINDS: Final = ("labels", "data", "tier", "tenant", "team", "workload")


class BindingChecks(Checks):
    """The tables that bind facts, and those that speak of the policy itself."""

    def all(self) -> Iterator[Finding]:
        """Everything to say about them."""
        if table(self._data, "policy").get("required") is True and self._layer not in (None, Layer.ORGANISATION):
            message = "`required` says nothing here: only the organisation's policy binds everyone."
            yield self._found("organisation_only", Severity.WARNING, ("policy", "required"), message, "Leave it out.")
        for key in ("remote", "expires"):
            if key in table(self._data, "policy") and self._layer not in (None, Layer.ORGANISATION):
                message = f"`{key}` is for the organisation's own file only."
                yield self._error("organisation_only", ("policy", key), message, "Remove it.")
        url = table(table(self._data, "policy"), "remote").get("url")
        if isinstance(url, str) and not _may_be_fetched(url):
            message = "A remote policy is fetched by https only (http only from this machine itself)."
            yield self._error("bad_value", ("policy", "remote", "url"), message, "Write an address with https://.")
        if "identity" in self._data and self._layer is Layer.WORKSPACE:
            yield self._not_in_workspace(("identity",), "A repository may not say who works in it")
        for path, entry in entries(self._data, "repositories"):
            yield from self._repository(path, entry)
        for path, entry in entries(self._data, "tests"):
            yield from self._test(path, entry)

    def _repository(self, path: Path, entry: dict[str, Any]) -> Iterator[Finding]:
        if self._layer is Layer.WORKSPACE:
            yield self._not_in_workspace(path, "A repository may not say what is bound to it")
        if "remote" not in entry and "path" not in entry:
            message = "This entry says neither by its `remote` nor by its `path` which repository it means."
            yield self._error("without_repository", path, message, 'Write for example: remote = "github.com/acme/*"')
        if not any(key in entry for key in _BINDS):
            message = "This entry binds nothing to its repository."
            yield self._error("without_binding", path, message, 'Write for example: labels = ["regulated"]')
        yield from self._remotes_in(path, entry, "remote")
        for at, folder in texts(entry, "path"):
            if folder.strip() and (not _ABSOLUTE.match(folder) or ".." in re.split(r"[\\/]", folder)):
                message = f"{shown(folder)} is not an absolute folder."
                yield self._error("bad_value", (*path, *at), message, "Write for example `~/work/acme/*`.")

    def _test(self, path: Path, entry: dict[str, Any]) -> Iterator[Finding]:
        given, expect = table(entry, "given"), table(entry, "expect")
        yield from self._intents_in((*path, "given"), given, "intent")
        yield from self._models_in((*path, "given"), given, "available", wildcard=True)
        for at, model in texts(given, "model"):
            yield from self._model((*path, "given", *at), model, group=False)
        for at, model in texts(expect, "model"):
            yield from self._model((*path, "expect", *at), model, group=False)
        for key in ("not_model", "eligible", "not_eligible"):
            yield from self._models_in((*path, "expect"), expect, key, wildcard=True)
        if entry.get("expect") == {}:
            message = f"{called('test', entry)} expects nothing."
            yield self._error("test_without_expectation", (*path, "expect"), message, "Write for example: local = true")


def _may_be_fetched(url: str) -> bool:
    from smista_mcp.policy.remote import may_be_fetched  # which few policies need

    return may_be_fetched(url)
