"""Rules, default routes, classification, overrides and permissions of all layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from smista_mcp.policy.findings import Finding
from smista_mcp.policy.known import model_matches
from smista_mcp.policy.merge.files import Entry, File, conflict, entries
from smista_mcp.policy.schema import MATCH
from smista_mcp.policy.types import (
    DEFAULT_PRIORITY,
    ClassificationRule,
    DefaultRoute,
    Group,
    Layer,
    Match,
    Overrides,
    Permission,
    Rule,
    Target,
    Tool,
)

_STRICTNESS: Final = tuple(Permission)


def rules(files: Iterable[File]) -> tuple[Rule, ...]:
    """``[[routing.rules]]``, in the order in which they are tried before specificity."""
    return tuple(sorted(map(_rule, entries(files, "routing", "rules")), key=lambda rule: (_rank(rule), rule.priority)))


def _rank(rule: Rule) -> float:
    """The layer as it counts among rules: an overridable one comes right after the workspace's."""
    overridden = rule.layer is Layer.ORGANISATION and rule.overridable
    return Layer.WORKSPACE + 0.5 if overridden else float(rule.layer)


def _rule(entry: Entry) -> Rule:
    table = entry.table
    floors = dict(table.get("min_quality", {}))
    return Rule(
        name=table["name"],
        layer=entry.layer,
        order=entry.order,
        match=match(table),
        target=Target(
            model=table.get("model"),
            pick=table.get("pick"),
            sources=table.get("from", ()),
            min_quality=floors.pop("default", None),
            min_quality_by_intent=MappingProxyType(floors),
        ),
        place=entry.place,
        priority=table.get("priority", DEFAULT_PRIORITY),
        fallbacks=table.get("fallbacks", ()),
        effort=table.get("effort"),
        local_only=table.get("local_only", False),
        requires=table.get("requires", ()),
        max_cost=table.get("max_cost"),
        max_latency_ms=table.get("max_latency_ms"),
        tools=modes(table),
        overridable=table.get("overridable", False),
    )


def match(table: Mapping[str, Any]) -> Match:
    """The conditions that stand in a table."""
    return Match(**{key: table[key] for key in MATCH if key in table})


def modes(table: Mapping[str, Any], key: str = "tools") -> Mapping[Tool, Permission]:
    """The modes that a table states by kind of tool."""
    said = table.get(key, {})
    return MappingProxyType({tool: said[tool.value] for tool in Tool if tool.value in said})


def defaults(files: Iterable[File], findings: list[Finding]) -> tuple[DefaultRoute, ...]:
    """``[routing.default]`` of every layer that has one."""
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
            findings.append(conflict(route.place, "`[routing.default]`", first.place))
    return tuple(found.values())


def classification(files: Iterable[File]) -> tuple[ClassificationRule, ...]:
    """``[[classification.rules]]``, in the order in which they are tried."""
    found = (_classification_rule(entry) for entry in entries(files, "classification", "rules"))
    return tuple(sorted(found, key=lambda rule: (rule.layer, rule.priority)))


def _classification_rule(entry: Entry) -> ClassificationRule:
    table = entry.table
    return ClassificationRule(
        intent=table["intent"],
        layer=entry.layer,
        order=entry.order,
        place=entry.place,
        priority=table.get("priority", DEFAULT_PRIORITY),
        keywords=table.get("keywords", ()),
        paths=table.get("paths", ()),
        requires_any_context=table.get("requires_any_context", False),
    )


def overrides(files: Iterable[File], groups: Mapping[str, Group]) -> Overrides:
    """``[overrides]``: every layer must allow; of the models what is in all lists, groups spelled out."""
    allow = True
    models: tuple[str, ...] | None = None
    for file in files:
        table = file.table("overrides")
        allow = allow and table.get("allow", True)
        if "models" in table:
            named = _spelled_out(table["models"], groups)
            models = named if models is None else _both(models, named)
    return Overrides(allow=allow, models=None if models is None else tuple(sorted(set(models))))


def _spelled_out(names: Iterable[str], groups: Mapping[str, Group]) -> tuple[str, ...]:
    return tuple(model for name in names for model in (groups[name].models if name in groups else (name,)))


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns for the models that match both lists: of each pair the narrower one, if either is."""
    return tuple(
        narrow
        for one in some
        for other in others
        for narrow, wide in ((one, other), (other, one))
        if model_matches(wide, narrow)
    )


def permissions(files: Iterable[File]) -> Mapping[Tool, Permission]:
    """``[tools.permissions]``: a mode for every kind of tool."""
    every = tuple(files)
    return MappingProxyType({tool: _permission(every, tool) for tool in Tool})


def _permission(files: Iterable[File], tool: Tool) -> Permission:
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


def _strictest(*said: Permission) -> Permission:
    return max(said, key=_STRICTNESS.index)
