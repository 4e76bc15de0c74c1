"""Providers and models: how they are reached and what is said to be true of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from smista_mcp.policy.document import Path, strings
from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.known import HARMLESS_HEADERS, KNOWN_PROVIDERS
from smista_mcp.policy.meaning.base import Checks
from smista_mcp.policy.meaning.raw import tables
from smista_mcp.policy.secret_shapes import is_header_reference, is_reference, looks_secret
from smista_mcp.policy.types import Layer

_TO_BE_SHOWN: Final = (
    "processing_countries",
    "storage_countries",
    "serving_scope",
    "operator_country",
    "zero_retention",
    "trains_on_data",
    "certifications",
)
"""Facts that guardrails about jurisdiction rest on: somebody will ask who says so."""


class SettingsChecks(Checks):
    """Secrets anywhere in the file, ``[providers]`` and ``[models]``."""

    def all(self) -> Iterator[Finding]:
        """Everything to say about them."""
        yield from self._secrets()
        for name, provider in tables(self._data, "providers"):
            path: Path = ("providers", name)
            if self._layer is Layer.WORKSPACE:
                yield self._not_in_workspace(path, "A repository may not say how a provider is reached")
            if not name or not all(char.isascii() and (char.isalnum() or char in "-_.") for char in name):
                message = f"{shown(name)} is no name for a provider."
                yield self._error("bad_value", path, message, "Use letters, digits, `-`, `_` and `.` only.")
            yield from self._provider(path, name, provider)
            yield from self._evidence(path, provider)
        for name, model in tables(self._data, "models"):
            yield from self._settings_of(("models", name), name, model)

    def _settings_of(self, path: Path, name: str, model: dict[str, Any]) -> Iterator[Finding]:
        if self._layer is Layer.WORKSPACE:
            yield self._not_in_workspace(path, "A repository may not say what is true of a model")
        yield from self._model(path, name, group=False, defining=True)
        quality = model.get("quality")
        for intent in quality if isinstance(quality, dict) else ():
            if intent != "default":
                yield from self._intent((*path, "quality", intent), intent)
        yield from self._evidence(path, model)

    def _evidence(self, path: Path, facts: dict[str, Any]) -> Iterator[Finding]:
        if facts.get("local") is True or ("evidence_url" in facts and "evidence_date" in facts):
            return
        stated = next((key for key in _TO_BE_SHOWN if key in facts), None)
        if stated is not None:
            missing = " and ".join(f"`{key}`" for key in ("evidence_url", "evidence_date") if key not in facts)
            message = f"`{stated}` is stated without {missing}: nobody can see where that is known from."
            fix = 'Write for example: evidence_url = "https://acme.example/trust" and evidence_date = "2026-05-01".'
            yield self._found("no_evidence", Severity.WARNING, (*path, stated), message, fix)

    # -- secrets ------------------------------------------------------------------------------------------------

    def _secrets(self) -> Iterator[Finding]:
        for path, text in strings(self._data):
            if looks_secret(text) and not self._is_secret_key(path):
                yield self._literal_secret(path, "What stands here looks like a secret.")

    def _is_secret_key(self, path: Path) -> bool:
        # These are reported by `_provider`, in better words.
        return len(path) >= 3 and path[0] == "providers" and path[2] in ("api_key", "headers", "base_url")

    def _literal_secret(self, path: Path, message: str, fix: str = "") -> Finding:
        advice = "Write where it is kept: ${env:NAME}, ${keyring:NAME} or ${file:PATH}; and replace the key itself."
        return self._error("literal_secret", path, message, fix or advice)

    def _provider(self, path: Path, name: str, table: dict[str, Any]) -> Iterator[Finding]:
        api_key = table.get("api_key")
        if isinstance(api_key, str) and (not is_reference(api_key) or looks_secret(api_key)):
            yield self._literal_secret((*path, "api_key"), f"The `api_key` of {shown(name)} is written out.")
        headers = table.get("headers")
        for header, value in headers.items() if isinstance(headers, dict) else ():
            if not header or not all(char.isascii() and (char.isalnum() or char in "-_.") for char in header):
                message = f"{shown(header)} is no name for a header."
                yield self._error("bad_value", (*path, "headers", header), message, "Use letters, digits and `-`.")
            if not isinstance(value, str):
                continue
            allowed = is_header_reference(value) or header.lower() in HARMLESS_HEADERS
            if not allowed or looks_secret(value) or looks_secret(header):
                message = f"The value of the header {shown(header)} is written out, and it may be secret."
                yield self._literal_secret((*path, "headers", header), message)
        base_url = table.get("base_url")
        if isinstance(base_url, str):
            yield from self._base_url((*path, "base_url"), base_url)
        kind = table.get("type", KNOWN_PROVIDERS.get(name))
        if "model_path" in table and isinstance(kind, str) and kind != "embedded":
            message = "`model_path` only means something for the embedded model."
            yield self._found("no_effect", Severity.WARNING, (*path, "model_path"), message, "Remove it.")
        if table.get("local") is True and self._layer is Layer.BUILTIN:
            message = "`local` is believed only from the organisation and the user."
            yield self._found("no_effect", Severity.WARNING, (*path, "local"), message, "Remove it.")

    def _base_url(self, path: Path, url: str) -> Iterator[Finding]:
        example = 'Write for example: base_url = "https://llm.acme.example/v1"'
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            yield self._error("bad_value", path, "`base_url` is not a web address.", example)
            return
        asked = [name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
        if parts.username is not None or looks_secret(url) or any(_names_secret(name) for name in asked):
            message = "The `base_url` holds a password or a key."
            yield self._literal_secret(path, message, "Write the address alone, and use `api_key` for the key.")
        elif parts.scheme not in ("http", "https") or not host:
            yield self._error(
                "bad_value", path, "`base_url` must begin with https:// or http:// and name a host.", example
            )
        elif parts.query or parts.fragment:
            yield self._error("bad_value", path, "`base_url` must end before any `?` or `#`.", example)
        elif parts.scheme == "http" and not _near(host):
            message = "`base_url` is not encrypted: everything sent there can be read on the way."
            yield self._found("unencrypted", Severity.WARNING, path, message, "Write https:// if the server has it.")


def _names_secret(name: str) -> bool:
    return any(word in name for word in ("key", "token", "secret", "password", "passwd", "auth", "sig"))


def _near(host: str) -> bool:
    """Whether an address is on this machine or in a private network, as far as its name shows."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host:
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
