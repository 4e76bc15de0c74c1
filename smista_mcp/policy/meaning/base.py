"""What the checks of every table share: models, intents, patterns, conditions, and how findings are made."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from smista_mcp.policy import globs
from smista_mcp.policy.document import Document, Path
from smista_mcp.policy.findings import Finding, Severity, nearest, shown
from smista_mcp.policy.meaning.raw import texts
from smista_mcp.policy.meaning.world import World, is_seen
from smista_mcp.policy.schema import CONTROLLED, MOST_ENTRIES
from smista_mcp.policy.secret_shapes import looks_secret
from smista_mcp.policy.types import Layer

_LONGEST_MODEL: Final = 256
_VENDOR_BY_PREFIX: Final = {
    "claude": "anthropic",
    "deepseek": "deepseek",
    "gemini": "gemini",
    "gpt": "openai",
    "grok": "xai",
    "llama": "ollama",
    "mistral": "mistral",
    "o3": "openai",
    "o4": "openai",
    "qwen": "ollama",
    "smollm": "embedded",
}


class Checks:
    """The checks of one file. Tables have classes of their own, which build on this one."""

    def __init__(self, document: Document, layer: Layer | None, world: World) -> None:
        self._document = document
        self._data = document.data
        self._layer = layer
        self._world = world

    # -- conditions ---------------------------------------------------------------------------------------------

    def _conditions(self, path: Path, entry: dict[str, Any], *, exceptions: bool = True) -> Iterator[Finding]:
        """The match keys of an entry."""
        yield from self._intents_in(path, entry, "intent")
        yield from self._patterns_in(path, entry, "paths", exceptions=exceptions)
        yield from self._remotes_in(path, entry, "repo")
        least, most = entry.get("min_tokens"), entry.get("max_tokens")
        if isinstance(least, int) and isinstance(most, int) and least > most:
            message = "`min_tokens` is more than `max_tokens`, so no step can match."
            yield self._error("never_matches", (*path, "min_tokens"), message, "Swap the two, or drop one.")

    def _granting(self, path: Path, entry: dict[str, Any], what: str) -> Iterator[Finding]:
        """Conditions of something that grants: only what is bound counts."""
        yield from self._conditions(path, entry)
        for key in CONTROLLED:
            if key in entry:
                message = f"`{key}` is in the caller's hands, so {what} that asks for it can never hold."
                fix = "Ask for what configuration binds: labels, data, tier, tenant, team, workload or repo."
                yield self._error("never_grants", (*path, key), message, fix)

    def _remotes_in(self, path: Path, entry: dict[str, Any], key: str) -> Iterator[Finding]:
        for at, remote in texts(entry, key):
            if not remote.strip():
                continue
            plain = _plain_remote(remote)
            if remote != plain:
                message = f"{shown(remote)} is not the short form of a remote, so it can match nothing."
                yield self._error("bad_value", (*path, *at), message, f"Write {shown(plain or 'github.com/acme/*')}.")

    # -- values -------------------------------------------------------------------------------------------------

    def _models_in(self, path: Path, table: dict[str, Any], key: str, *, wildcard: bool = False) -> Iterator[Finding]:
        for at, model in texts(table, key):
            yield from self._model((*path, *at), model, wildcard=wildcard)

    def _model(
        self, path: Path, model: str, *, wildcard: bool = False, group: bool = True, defining: bool = False
    ) -> Iterator[Finding]:
        """One name of a model. `wildcard`: all of a provider's will do; `group`: so will a group's name."""
        provider, slash, name = model.partition("/")
        if not slash and group and model in self._world.groups:
            if not is_seen(self._world.groups, model, self._layer):
                yield self._unseen(path, f"The group {shown(model)}")
            return
        if not slash or not provider or not name:
            message = f"{shown(model)} is not a model's full name"
            message += ", and there is no such group." if group and not slash else "."
            yield self._error("model_reference", path, message, self._full_name(model, group=group))
            return
        if len(model) > _LONGEST_MODEL or not model.isprintable() or any(char.isspace() for char in model):
            message = "A model's name is one word of printable characters, without spaces."
            yield self._error("model_reference", path, message, 'Write "provider/model".')
            return
        star = wildcard and name.endswith("*")
        if "*" in (model[:-1] if star else model):
            where = "only at the very end" if wildcard else "only where several models may be named"
            yield self._error("model_reference", path, f"{shown(model)}: a `*` may stand {where}.", "Name one model.")
            return
        if provider not in self._world.providers:
            close = nearest(provider, self._world.providers)
            fix = f"Did you mean {shown(f'{close}/{name}')}? " if close else ""
            fix += f"A provider of your own needs a table {shown(f'[providers.{provider}]')} in your own policy."
            yield self._error("unknown_provider", path, f"Unknown provider {shown(provider)} in {shown(model)}.", fix)
            return
        known = self._world.is_known_model
        stated = model in self._world.stated_models
        if known is not None and not (star or defining or stated) and not known(model):
            message = f"The catalog does not know {shown(model)}: its price, window and abilities are unknown."
            fix = f'Check the spelling, or state the facts in [models."{model}"] of your own policy.'
            yield self._found("unknown_model", Severity.WARNING, path, message, fix if not looks_secret(model) else "")

    def _full_name(self, model: str, *, group: bool) -> str:
        bare = model.strip("/").lower()
        close = nearest(model, self._world.groups) if group and "/" not in model else None
        if close is not None:
            return f"Did you mean the group {shown(close)}?"
        if bare in self._world.providers:
            return f'Write the model after the provider: "{bare}/…".'
        for prefix, provider in _VENDOR_BY_PREFIX.items():
            if bare.startswith(prefix):
                return f"Write provider/model: {shown(f'{provider}/{bare}')}."
        return 'Write provider/model, for example "ollama/qwen2.5-coder".'

    def _unseen(self, path: Path, what: str) -> Finding:
        message = f"{what} is defined only in a file that is trusted less than this one, which could change it."
        return self._error("not_defined_here", path, message, "Define it here as well.")

    def _intents_in(self, path: Path, table: dict[str, Any], key: str) -> Iterator[Finding]:
        for at, intent in texts(table, key):
            yield from self._intent((*path, *at), intent)

    def _intent(self, path: Path, intent: str) -> Iterator[Finding]:
        if intent in self._world.intents:
            return
        close = nearest(intent, self._world.intents)
        fix = f"Did you mean {shown(close)}? " if close else ""
        fix += "An intent of your own is defined by a [[classification.rules]] entry."
        message = f"The intent {shown(intent)} is neither built in nor defined by a classification rule."
        yield self._found("unknown_intent", Severity.WARNING, path, message, fix)

    def _patterns_in(
        self, path: Path, table: dict[str, Any], key: str, *, exceptions: bool = True
    ) -> Iterator[Finding]:
        for position, (at, pattern) in enumerate(islice(texts(table, key), MOST_ENTRIES)):
            if position == 0 and exceptions and pattern.startswith("!"):
                message = f"The pattern {shown(pattern)} is an exception to nothing."
                yield self._error("bad_glob", (*path, *at), message, "Put what should match before it.")
            # What is no usable text at all is reported by the schema.
            usable = pattern.isprintable() and pattern == pattern.strip() != ""
            wrong = globs.problem(pattern, exceptions=exceptions) if usable else None
            if wrong is not None:
                yield self._error("bad_glob", (*path, *at), f"The pattern {shown(pattern)} {wrong[0]}.", wrong[1])

    # -- findings -----------------------------------------------------------------------------------------------

    def _found(self, code: str, severity: Severity, path: Path, message: str, fix: str) -> Finding:
        return Finding(code, severity, self._document.place(path), message, fix)

    def _error(self, code: str, path: Path, message: str, fix: str) -> Finding:
        return self._found(code, Severity.ERROR, path, message, fix)

    def _not_in_workspace(self, path: Path, why: str) -> Finding:
        return self._error("not_in_workspace", path, f"{why}.", "Move it to your own policy or the organisation's.")

    def _organisation_only(self, path: Path, what: str) -> Finding:
        message = f"{what} for the organisation only."
        if self._layer is None:
            return self._found("organisation_only", Severity.INFO, path, message, "Fine if this becomes its policy.")
        return self._error("organisation_only", path, message, "Remove it.")


def called(what: str, entry: dict[str, Any]) -> str:
    """An entry as a sentence may begin with it."""
    name = entry.get("name")
    return f"The {what} {shown(name)}" if isinstance(name, str) and name.strip() else f"A {what} without a name"


def _plain_remote(remote: str) -> str:
    """``host/owner/name`` for a remote as git writes it."""
    plain = remote.strip().partition("://")[2] or remote.strip()
    plain = plain.rpartition("@")[2]
    host, colon, rest = plain.partition(":")
    if colon and "/" not in host:
        port, slash, path = rest.partition("/")
        plain = f"{host}/{path}" if slash and port.isdigit() else f"{host}/{rest}"
    return plain.strip("/").removesuffix(".git")
