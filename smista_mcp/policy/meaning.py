"""What a file's values mean, checked beyond their shape: references, patterns, secrets, keys that exclude each other.

Every check reads the raw data and passes over what has the wrong type (the schema reports that), so one pass finds
everything even in a file that is wrong in several ways.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from smista_mcp.policy import globs
from smista_mcp.policy.document import Document, Path, strings
from smista_mcp.policy.findings import Finding, Severity, nearest, shown
from smista_mcp.policy.known import HARMLESS_HEADERS, KNOWN_PROVIDERS, LOCAL_SERVERS
from smista_mcp.policy.secret_shapes import is_header_reference, is_reference, looks_secret
from smista_mcp.policy.types import BUILTIN_INTENTS, DEFAULT_PRIORITY, Layer, Place

KnownModel = Callable[[str], bool]
"""Whether the catalog knows the model ``provider/name``."""

_LONGEST_MODEL: Final = 256
_MATCH_KEYS: Final = ("skill", "paths", "intent", "labels")
_MOST_COMPARED: Final = 50
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


@dataclass(frozen=True, slots=True)
class World:
    """What a file may refer to: everything that any file of the same reading defines."""

    providers: frozenset[str]
    local_providers: frozenset[str]
    intents: frozenset[str]
    is_known_model: KnownModel | None = None


def world_of(documents: Iterable[tuple[Layer | None, Document]], is_known_model: KnownModel | None) -> World:
    """What the files define together.

    A workspace may not define providers; the names count all the same, so that one mistake is one error. That a
    provider is local counts only where it would be believed.
    """
    providers = set(KNOWN_PROVIDERS)
    local = set(LOCAL_SERVERS)
    intents = set(BUILTIN_INTENTS)
    for layer, document in documents:
        for name, table in _tables(document.data.get("providers")):
            providers.add(name)
            if table.get("local") is True and layer not in (Layer.WORKSPACE, Layer.BUILTIN):
                local.add(name)
        for _, rule in _entries(document.data, "classification"):
            if isinstance(rule.get("intent"), str):
                intents.add(rule["intent"])
    return World(frozenset(providers), frozenset(local), frozenset(intents), is_known_model)


def examine(document: Document, layer: Layer | None, world: World) -> Iterator[Finding]:
    """Everything to say about one file's meaning. `layer` is ``None`` where it is not known whose file it is."""
    checks = _Checks(document, layer, world)
    yield from checks.secrets()
    yield from checks.policy()
    yield from checks.default_route()
    yield from checks.rules()
    yield from checks.classification()
    yield from checks.privacy()
    yield from checks.overrides()
    yield from checks.providers()
    yield from checks.models()


def duplicate_names(documents: Iterable[Document]) -> Iterator[Finding]:
    """Rules of one layer's files that share a name."""
    first: dict[str, Place] = {}
    for document in documents:
        for path, rule in _entries(document.data, "routing"):
            name = rule.get("name")
            if not isinstance(name, str):
                continue
            place = document.place((*path, "name"))
            if name in first:
                message = f"Two rules are called {shown(name)}; the first is at {first[name]}."
                yield Finding("duplicate_rule_name", Severity.ERROR, place, message, "Give one of them another name.")
            else:
                first[name] = place


def ties(documents: Iterable[Document]) -> Iterator[Finding]:
    """Rules of one layer's files between which only their order in the file decides."""
    seen: dict[object, list[tuple[str, dict[str, set[str]], Place]]] = {}
    for document in documents:
        for path, rule in _entries(document.data, "routing"):
            stated = {key: values for key in _MATCH_KEYS if (values := {text for _, text in _texts(rule, key)})}
            priority = rule.get("priority", DEFAULT_PRIORITY)
            group = (str(priority), rule.get("overridable") is True, *stated)
            name = shown(rule.get("name", "another"))
            place = document.place(path)
            earlier = seen.setdefault(group, [])
            for other, matched, where in earlier[:_MOST_COMPARED]:
                if all(matched[key] & values for key, values in stated.items()):
                    message = f"This rule and {other} ({where}) can match the same step with the same priority."
                    message += " The one that stands first is tried first."
                    yield Finding(
                        "tie", Severity.WARNING, place, message, "Give the one that should win a lower priority."
                    )
                    break
            earlier.append((name, stated, place))


class _Checks:
    """The checks of one file."""

    def __init__(self, document: Document, layer: Layer | None, world: World) -> None:
        self._document = document
        self._data = document.data
        self._layer = layer
        self._world = world

    # -- secrets ------------------------------------------------------------------------------------------------

    def secrets(self) -> Iterator[Finding]:
        """Texts anywhere in the file that have the shape of a key."""
        for path, text in strings(self._data):
            if looks_secret(text) and not self._is_secret_key(path):
                yield self._literal_secret(path, "What stands here looks like a secret.")

    def _is_secret_key(self, path: Path) -> bool:
        # These are reported by `providers`, in better words.
        return len(path) >= 3 and path[0] == "providers" and path[2] in ("api_key", "headers", "base_url")

    def _literal_secret(self, path: Path, message: str, fix: str = "") -> Finding:
        advice = "Write where it is kept: ${env:NAME}, ${keyring:NAME} or ${file:PATH}; and replace the key itself."
        return self._error("literal_secret", path, message, fix or advice)

    # -- tables -------------------------------------------------------------------------------------------------

    def policy(self) -> Iterator[Finding]:
        """``[policy]``."""
        table = _table(self._data, "policy")
        if table.get("required") is True and self._layer not in (None, Layer.ORGANISATION):
            message = "`required` says nothing here: only the organisation's policy binds everyone."
            yield self._found("organisation_only", Severity.WARNING, ("policy", "required"), message, "Leave it out.")

    def default_route(self) -> Iterator[Finding]:
        """``[routing.default]``."""
        yield from self._route(("routing", "default"), _table(_table(self._data, "routing"), "default"))

    def rules(self) -> Iterator[Finding]:
        """``[[routing.rules]]``."""
        for path, rule in _entries(self._data, "routing"):
            yield from self._route(path, rule)
            yield from self._target(path, rule)
            yield from self._models_in(path, rule, "from", wildcard=True)
            yield from self._intents_in(path, rule, "intent")
            yield from self._patterns_in(path, rule, "paths")
            yield from self._local_only(path, rule)
            if "overridable" in rule and self._layer is not Layer.ORGANISATION:
                yield self._overridable((*path, "overridable"))

    def _route(self, path: Path, table: dict[str, Any]) -> Iterator[Finding]:
        yield from self._models_in(path, table, "model")
        yield from self._models_in(path, table, "fallbacks")
        seen: set[str] = set()
        for at, fallback in _texts(table, "fallbacks"):
            if fallback == table.get("model"):
                message = f"{shown(fallback)} is its own fallback."
                yield self._error("fallback_to_itself", (*path, *at), message, "Name another model, or remove it.")
            elif fallback in seen:
                message = f"The fallback {shown(fallback)} stands here twice."
                yield self._found("duplicate_fallback", Severity.WARNING, (*path, *at), message, "Remove one of them.")
            seen.add(fallback)

    def _target(self, path: Path, rule: dict[str, Any]) -> Iterator[Finding]:
        if "model" not in rule and "pick" not in rule:
            message = f"{_called(rule)} says neither which `model` to use nor how to `pick` one."
            yield self._error("rule_target", path, message, 'Write for example: model = "ollama/qwen2.5-coder"')
        elif "model" in rule and "pick" in rule:
            message = f"{_called(rule)} has both a `model` and a `pick`."
            yield self._error("rule_target", (*path, "pick"), message, "Keep one of the two.")
        for key in ("from", "min_quality"):
            if key in rule and "pick" not in rule:
                message = f"`{key}` only means something together with `pick`."
                yield self._error("without_pick", (*path, key), message, 'Remove it, or write pick = "cheapest".')

    def _local_only(self, path: Path, rule: dict[str, Any]) -> Iterator[Finding]:
        if rule.get("local_only") is not True:
            return
        for key in ("model", "fallbacks"):
            for at, model in _texts(rule, key):
                provider = model.partition("/")[0]
                if provider in KNOWN_PROVIDERS and provider not in self._world.local_providers:
                    message = f"{shown(model)} is remote, so under `local_only` it is never used."
                    fix = "Name a model that runs here, or remove `local_only`."
                    if key == "fallbacks":
                        fix = "That may be meant; else name a model that runs here."
                    yield self._found("never_local", Severity.WARNING, (*path, *at), message, fix)
        if "paths" in rule and any(key in rule for key in ("intent", "skill", "labels")):
            message = "`local_only` holds for the steps of this rule, not for everything that touches its paths."
            fix = "To keep files here whatever the step, name them in `[privacy] restricted_paths`."
            yield self._found("local_only_scope", Severity.INFO, (*path, "local_only"), message, fix)

    def _overridable(self, path: Path) -> Finding:
        message = "`overridable` is for the organisation's rules only."
        if self._layer is None:
            return self._found("organisation_only", Severity.INFO, path, message, "Fine if this becomes its policy.")
        return self._error("organisation_only", path, message, "Remove it.")

    def classification(self) -> Iterator[Finding]:
        """``[classification]``."""
        yield from self._intents_in(("classification",), _table(self._data, "classification"), "default_intent")
        for path, rule in _entries(self._data, "classification"):
            yield from self._patterns_in(path, rule, "paths")
            if not any(key in rule for key in ("keywords", "paths")) and rule.get("requires_any_context") is not True:
                message = "This classification rule has neither `keywords` nor `paths`, so every step would match."
                fix = 'Write for example: keywords = ["threat model"]. For a default use `default_intent`.'
                yield self._error("rule_without_condition", path, message, fix)

    def privacy(self) -> Iterator[Finding]:
        """``[privacy]``."""
        yield from self._patterns_in(("privacy",), _table(self._data, "privacy"), "restricted_paths", exceptions=False)

    def overrides(self) -> Iterator[Finding]:
        """``[overrides]``."""
        yield from self._models_in(("overrides",), _table(self._data, "overrides"), "models", wildcard=True)

    def providers(self) -> Iterator[Finding]:
        """``[providers.<id>]``."""
        for name, table in _tables(self._data.get("providers")):
            path: Path = ("providers", name)
            if self._layer is Layer.WORKSPACE:
                yield self._not_in_workspace(path, "A repository may not say how a provider is reached")
            if not name or not all(char.isascii() and (char.isalnum() or char in "-_.") for char in name):
                message = f"{shown(name)} is no name for a provider."
                yield self._error("bad_value", path, message, "Use letters, digits, `-`, `_` and `.` only.")
            yield from self._provider(path, name, table)

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

    def models(self) -> Iterator[Finding]:
        """``[models."provider/model"]``."""
        for name, table in _tables(self._data.get("models")):
            path: Path = ("models", name)
            if self._layer is Layer.WORKSPACE:
                yield self._not_in_workspace(path, "A repository may not say what is true of a model")
            yield from self._model(path, name, wildcard=False, defining=True)
            quality = table.get("quality")
            for intent in quality if isinstance(quality, dict) else ():
                if intent != "default":
                    yield from self._intent((*path, "quality", intent), intent)

    def _not_in_workspace(self, path: Path, why: str) -> Finding:
        return self._error("not_in_workspace", path, f"{why}.", "Move it to your own policy or the organisation's.")

    # -- values -------------------------------------------------------------------------------------------------

    def _models_in(self, path: Path, table: dict[str, Any], key: str, *, wildcard: bool = False) -> Iterator[Finding]:
        for at, model in _texts(table, key):
            yield from self._model((*path, *at), model, wildcard=wildcard)

    def _model(self, path: Path, model: str, *, wildcard: bool, defining: bool = False) -> Iterator[Finding]:
        provider, slash, name = model.partition("/")
        star = name.endswith("*") if wildcard else False
        if not slash or not provider or not name:
            yield self._error(
                "model_reference", path, f"{shown(model)} is not a model's full name.", self._full_name(model)
            )
            return
        if len(model) > _LONGEST_MODEL or not model.isprintable() or any(char.isspace() for char in model):
            message = "A model's name is one word of printable characters, without spaces."
            yield self._error("model_reference", path, message, 'Write "provider/model".')
            return
        if "*" in (name[:-1] if star else model):
            where = "only at the very end" if wildcard else "only in `from` and in `[overrides] models`"
            message = f"{shown(model)}: a `*` may stand {where}."
            yield self._error("model_reference", path, message, "Name one model.")
            return
        if provider not in self._world.providers:
            close = nearest(provider, self._world.providers)
            fix = f"Did you mean {shown(f'{close}/{name}')}? " if close else ""
            fix += f"A provider of your own needs a table {shown(f'[providers.{provider}]')} in your own policy."
            yield self._error("unknown_provider", path, f"Unknown provider {shown(provider)} in {shown(model)}.", fix)
            return
        known = self._world.is_known_model
        if known is not None and not star and not defining and not known(model):
            message = f"The catalog does not know {shown(model)}: its price, window and abilities are unknown."
            fix = f'Check the spelling, or state the facts in [models."{model}"] of your own policy.'
            yield self._found("unknown_model", Severity.WARNING, path, message, fix if not looks_secret(model) else "")

    def _full_name(self, model: str) -> str:
        bare = model.strip("/").lower()
        if bare in self._world.providers:
            return f'Write the model after the provider: "{bare}/…".'
        for prefix, provider in _VENDOR_BY_PREFIX.items():
            if bare.startswith(prefix):
                return f"Write provider/model: {shown(f'{provider}/{bare}')}."
        return 'Write provider/model, for example "ollama/qwen2.5-coder".'

    def _intents_in(self, path: Path, table: dict[str, Any], key: str) -> Iterator[Finding]:
        for at, intent in _texts(table, key):
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
        for position, (at, pattern) in enumerate(_texts(table, key)):
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


def _called(rule: dict[str, Any]) -> str:
    name = rule.get("name")
    return f"The rule {shown(name)}" if isinstance(name, str) and name.strip() else "A rule without a name"


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


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield from ((name, table) for name, table in value.items() if isinstance(table, dict))


def _entries(data: dict[str, Any], table: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The entries of ``[[<table>.rules]]`` with their paths."""
    rules = _table(data, table).get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            yield (table, "rules", index), rule


def _texts(table: dict[str, Any], key: str) -> Iterator[tuple[Path, str]]:
    """The texts of a key that holds one or a list, each with its path below the table."""
    value = table.get(key)
    if isinstance(value, str):
        yield (key,), value
    elif isinstance(value, list):
        yield from (((key, index), text) for index, text in enumerate(value) if isinstance(text, str))
