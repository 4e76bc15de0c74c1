"""From the files of all layers to one `Policy`: who wins where they speak of the same thing.

==================  ===================================================================================
rules               organisation, workspace, the organisation's overridable ones, user, built-in
default routes      all, most trusted first
restricted paths    the union
overrides           every layer must allow them; of model lists the intersection
permissions         the strictest that organisation and user state, else the built-in one; the workspace
                    may only tighten that
providers, models   key by key, the more trusted layer wins; a workspace defines none
``local``           believed from organisation and user only
==================  ===================================================================================

Where two files of one layer contradict each other there is no order to go by, so that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from smista_mcp.policy.digest import digest
from smista_mcp.policy.findings import Finding, Severity, listed, shown
from smista_mcp.policy.known import KNOWN_PROVIDERS, PROVIDER_TYPES, model_matches
from smista_mcp.policy.schema import MATCH
from smista_mcp.policy.types import (
    DEFAULT_PRIORITY,
    ClassificationRule,
    DefaultRoute,
    Layer,
    Match,
    ModelSettings,
    Overrides,
    Permission,
    Place,
    Policy,
    ProviderSettings,
    Rule,
    Target,
    Tool,
)

if TYPE_CHECKING:
    from smista_mcp.policy.layers import ReadFile

_STRICTNESS: Final = tuple(Permission)


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is right in itself."""

    layer: Layer
    source: ReadFile
    tables: Mapping[str, Any]

    def table(self, name: str) -> Mapping[str, Any]:
        """One of its tables; empty where it has none."""
        found: Mapping[str, Any] = self.tables.get(name, {})
        return found

    def place(self, *path: str | int) -> Place:
        return self.source.document.place(path)


def merge(files: Iterable[ReadFile]) -> tuple[Policy, tuple[Finding, ...]]:
    """The policy that `files` come to, and what is wrong only once they are seen together.

    All files have a layer and no errors of their own; they come most trusted first. Where the findings hold an
    error, the policy must not be used.
    """
    known = [
        _File(file.layer, file, file.tables) for file in files if file.layer is not None and file.tables is not None
    ]
    known.sort(key=lambda file: file.layer)
    findings: list[Finding] = []
    providers = _providers(known, findings)
    default_intents = _stated(known, findings, "classification", "default_intent")
    policy = Policy(
        name=_first(_policy_key(known, "name")) or "built-in",
        digest="",
        rules=_rules(known),
        defaults=_defaults(known, findings),
        classification=_classification(known),
        default_intent=_first(default_intents),
        restricted_paths=_restricted_paths(known),
        providers=providers,
        models=_models(known, findings),
        overrides=_overrides(known),
        permissions=_permissions(known),
        layers=tuple((file.layer, file.source.document.file) for file in known),
        owner=_first(_policy_key(known, "owner")),
        serial=_first(_policy_key(known, "serial")),
    )
    return replace(policy, digest=digest(policy)), tuple(findings)


def _first(values: Iterable[Any]) -> Any:
    return next(iter(values), None)


def _policy_key(files: list[_File], key: str) -> Iterator[Any]:
    for file in files:
        if (value := file.table("policy").get(key)) is not None:
            yield value


def _conflict(file: _File, path: tuple[str | int, ...], what: str, other: Place) -> Finding:
    message = f"{what} is already set in another file of the same layer, at {other}, and differently."
    return Finding("conflict", Severity.ERROR, file.place(*path), message, "Keep one of the two.")


def _stated(files: list[_File], findings: list[Finding], table: str, key: str) -> list[Any]:
    """What each layer says about one key, most trusted first."""
    found: dict[Layer, tuple[Any, Place]] = {}
    for file in files:
        value = file.table(table).get(key)
        if value is None:
            continue
        if file.layer in found and found[file.layer][0] != value:
            findings.append(_conflict(file, (table, key), f"`{key}`", found[file.layer][1]))
        found.setdefault(file.layer, (value, file.place(table, key)))
    return [value for value, _ in found.values()]


# -- rules ------------------------------------------------------------------------------------------------------------


def _rules(files: list[_File]) -> tuple[Rule, ...]:
    orders: dict[Layer, int] = {}
    rules: list[Rule] = []
    for file in files:
        for index, table in enumerate(file.table("routing").get("rules", ())):
            order = orders.get(file.layer, 0)
            orders[file.layer] = order + 1
            rules.append(_rule(table, file.layer, order, file.place("routing", "rules", index)))
    return tuple(sorted(rules, key=lambda rule: (_rank(rule), rule.priority)))


def _rank(rule: Rule) -> float:
    """The layer as it counts among rules: an overridable one comes right after the workspace's."""
    overridden = rule.layer is Layer.ORGANISATION and rule.overridable
    return Layer.WORKSPACE + 0.5 if overridden else float(rule.layer)


def _rule(table: Mapping[str, Any], layer: Layer, order: int, place: Place) -> Rule:
    return Rule(
        name=table["name"],
        layer=layer,
        order=order,
        match=_match(table),
        target=Target(
            model=table.get("model"),
            pick=table.get("pick"),
            sources=table.get("from", ()),
            min_quality=table.get("min_quality"),
        ),
        place=place,
        priority=table.get("priority", DEFAULT_PRIORITY),
        fallbacks=table.get("fallbacks", ()),
        effort=table.get("effort"),
        local_only=table.get("local_only", False),
        requires=table.get("requires", ()),
        overridable=table.get("overridable", False),
    )


def _match(table: Mapping[str, Any]) -> Match:
    return Match(**{key: table[key] for key in MATCH if key in table})


def _defaults(files: list[_File], findings: list[Finding]) -> tuple[DefaultRoute, ...]:
    found: dict[Layer, DefaultRoute] = {}
    for file in files:
        table = file.table("routing").get("default")
        if table is None:
            continue
        route = DefaultRoute(
            layer=file.layer,
            place=file.place("routing", "default"),
            model=table["model"],
            fallbacks=table.get("fallbacks", ()),
            effort=table.get("effort"),
        )
        first = found.setdefault(file.layer, route)
        if replace(first, place=route.place) != route:
            findings.append(_conflict(file, ("routing", "default"), "`[routing.default]`", first.place))
    return tuple(found.values())


def _classification(files: list[_File]) -> tuple[ClassificationRule, ...]:
    orders: dict[Layer, int] = {}
    rules: list[ClassificationRule] = []
    for file in files:
        for index, table in enumerate(file.table("classification").get("rules", ())):
            order = orders.get(file.layer, 0)
            orders[file.layer] = order + 1
            rules.append(_classification_rule(table, file.layer, order, file.place("classification", "rules", index)))
    return tuple(sorted(rules, key=lambda rule: (rule.layer, rule.priority)))


def _classification_rule(table: Mapping[str, Any], layer: Layer, order: int, place: Place) -> ClassificationRule:
    return ClassificationRule(
        intent=table["intent"],
        layer=layer,
        order=order,
        place=place,
        priority=table.get("priority", DEFAULT_PRIORITY),
        keywords=table.get("keywords", ()),
        paths=table.get("paths", ()),
        requires_any_context=table.get("requires_any_context", False),
    )


# -- what may be done -------------------------------------------------------------------------------------------------


def _restricted_paths(files: list[_File]) -> tuple[str, ...]:
    paths = (path for file in files for path in file.table("privacy").get("restricted_paths", ()))
    return tuple(dict.fromkeys(paths))


def _overrides(files: list[_File]) -> Overrides:
    allow = True
    models: tuple[str, ...] | None = None
    for file in files:
        table = file.table("overrides")
        allow = allow and table.get("allow", True)
        if "models" in table:
            models = table["models"] if models is None else _both(models, table["models"])
    return Overrides(allow=allow, models=None if models is None else tuple(sorted(set(models))))


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns for the models that match both lists: of each pair the narrower one, if either is."""
    return tuple(
        narrow
        for one in some
        for other in others
        for narrow, wide in ((one, other), (other, one))
        if model_matches(wide, narrow)
    )


def _permissions(files: list[_File]) -> Mapping[Tool, Permission]:
    return MappingProxyType({tool: _permission(files, tool) for tool in Tool})


def _permission(files: list[_File], tool: Tool) -> Permission:
    said: dict[Layer, Permission] = {}
    for file in files:
        mode = file.table("tools").get("permissions", {}).get(tool.value)
        if mode is not None:
            said[file.layer] = _strictest(mode, said.get(file.layer, mode))
    trusted = [said[layer] for layer in (Layer.ORGANISATION, Layer.USER) if layer in said]
    # What nobody speaks of is denied.
    base = _strictest(*trusted) if trusted else said.get(Layer.BUILTIN, Permission.DENY)
    # A workspace's file arrives with whatever was cloned: it tightens and never loosens.
    return _strictest(base, said.get(Layer.WORKSPACE, base))


def _strictest(*modes: Permission) -> Permission:
    return max(modes, key=_STRICTNESS.index)


# -- providers and models ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    """One key's value, and who said so where."""

    value: Any
    layer: Layer
    place: Place


def _merged(
    files: list[_File], findings: list[Finding], table: str, believed: Callable[[Layer, str], bool]
) -> dict[str, dict[str, _Said]]:
    """``[<table>.<name>]`` of all layers but the workspace's, key by key, the more trusted layer first."""
    merged: dict[str, dict[str, _Said]] = {}
    for file in files:
        if file.layer is Layer.WORKSPACE:
            continue
        for name, entry in file.table(table).items():
            into = merged.setdefault(name, {})
            into.setdefault("", _Said(None, file.layer, file.place(table, name)))
            for path, value in _keys(entry):
                if not believed(file.layer, path[0]):
                    continue
                said = _Said(value, file.layer, file.place(table, name, *path))
                key = ".".join(part.lower() if path[0] == "headers" else part for part in path)
                first = into.setdefault(key, said)
                if first.layer is file.layer and first.value != value:
                    findings.append(_conflict(file, (table, name, *path), shown(".".join(path)), first.place))
    return merged


def _keys(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What one table states; a table within it counts key by key."""
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from (((key, inner), one) for inner, one in value.items())
        else:
            yield (key,), value


def _inner(keys: dict[str, _Said], key: str) -> Mapping[str, Any]:
    prefix = f"{key}."
    return MappingProxyType({at.removeprefix(prefix): keys[at].value for at in sorted(keys) if at.startswith(prefix)})


def _value(keys: dict[str, _Said], key: str) -> Any:
    return keys[key].value if key in keys else None


def _top(keys: dict[str, _Said]) -> Layer:
    return min(said.layer for said in keys.values())


def _providers(files: list[_File], findings: list[Finding]) -> Mapping[str, ProviderSettings]:
    def believed(layer: Layer, key: str) -> bool:
        return key != "local" or layer in (Layer.ORGANISATION, Layer.USER)

    providers: dict[str, ProviderSettings] = {}
    for name, keys in sorted(_merged(files, findings, "providers", believed).items()):
        place = keys[""].place
        kind = _value(keys, "type") or KNOWN_PROVIDERS.get(name)
        if kind is None:
            findings.append(provider_without_type(name, place))
            continue
        if kind == "openai-compatible" and name not in KNOWN_PROVIDERS and "base_url" not in keys:
            message = f"The provider {shown(name)} has no `base_url`, and there is no address to assume."
            example = 'Write for example: base_url = "https://llm.acme.example/v1"'
            findings.append(Finding("missing_key", Severity.ERROR, place, message, example))
        providers[name] = ProviderSettings(
            id=name,
            type=kind,
            layer=_top(keys),
            base_url=_value(keys, "base_url"),
            base_url_layer=keys["base_url"].layer if "base_url" in keys else None,
            api_key=_value(keys, "api_key"),
            local=_value(keys, "local"),
            region=_value(keys, "region"),
            headers=_inner(keys, "headers"),
            enabled=_value(keys, "enabled") is not False,
            model_path=_value(keys, "model_path"),
            place=place,
        )
    return MappingProxyType(providers)


def provider_without_type(name: str, place: Place) -> Finding:
    """The finding for a provider that is not well known and whose kind nobody says."""
    message = f"The provider {shown(name)} is not a well-known one, so it needs a `type`."
    return Finding("missing_key", Severity.ERROR, place, message, f"Write `type` = {listed(PROVIDER_TYPES)}.")


def _models(files: list[_File], findings: list[Finding]) -> Mapping[str, ModelSettings]:
    models: dict[str, ModelSettings] = {}
    for name, keys in sorted(_merged(files, findings, "models", lambda _layer, _key: True).items()):
        models[name] = ModelSettings(
            id=name,
            layer=_top(keys),
            context_window=_value(keys, "context_window"),
            max_output_tokens=_value(keys, "max_output_tokens"),
            capabilities=_value(keys, "capabilities"),
            input_price=_value(keys, "input_price"),
            output_price=_value(keys, "output_price"),
            cached_input_price=_value(keys, "cached_input_price"),
            currency=_value(keys, "currency") or "USD",
            quality=_inner(keys, "quality"),
            aliases=_value(keys, "aliases") or (),
            place=keys[""].place,
        )
    return MappingProxyType(models)
