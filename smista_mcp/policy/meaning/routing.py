"""Rules, default routes, classification, groups and overrides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smista_mcp.policy.document import Path
from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.known import KNOWN_PROVIDERS
from smista_mcp.policy.meaning.base import Checks, called
from smista_mcp.policy.meaning.raw import entries, table, tables, texts
from smista_mcp.policy.types import Layer


class RoutingChecks(Checks):
    """The tables that say which step goes where."""

    def all(self) -> Iterator[Finding]:
        """Everything to say about them."""
        yield from self._route(("routing", "default"), table(self._data, "routing", "default"))
        for path, rule in entries(self._data, "routing", "rules"):
            yield from self._rule(path, rule)
        yield from self._classification()
        yield from self._models_in(("overrides",), table(self._data, "overrides"), "models", wildcard=True)
        for name, group in tables(self._data, "groups"):
            yield from self._group(("groups", name), name, group)

    def _rule(self, path: Path, rule: dict[str, Any]) -> Iterator[Finding]:
        yield from self._route(path, rule)
        yield from self._target(path, rule)
        yield from self._models_in(path, rule, "from", wildcard=True)
        yield from self._conditions(path, rule)
        yield from self._local_only(path, rule)
        if "overridable" in rule and self._layer is not Layer.ORGANISATION:
            yield self._organisation_only((*path, "overridable"), "`overridable` is")

    def _route(self, path: Path, table: dict[str, Any]) -> Iterator[Finding]:
        yield from self._models_in(path, table, "model")
        yield from self._models_in(path, table, "fallbacks")
        seen: set[str] = set()
        for at, fallback in texts(table, "fallbacks"):
            if fallback == table.get("model"):
                message = f"{shown(fallback)} is its own fallback."
                yield self._error("fallback_to_itself", (*path, *at), message, "Name another model, or remove it.")
            elif fallback in seen:
                message = f"The fallback {shown(fallback)} stands here twice."
                yield self._found("duplicate_fallback", Severity.WARNING, (*path, *at), message, "Remove one of them.")
            seen.add(fallback)

    def _target(self, path: Path, rule: dict[str, Any]) -> Iterator[Finding]:
        if "model" not in rule and "pick" not in rule:
            message = f"{called('rule', rule)} says neither which `model` to use nor how to `pick` one."
            yield self._error("rule_target", path, message, 'Write for example: model = "ollama/qwen2.5-coder"')
        elif "model" in rule and "pick" in rule:
            message = f"{called('rule', rule)} has both a `model` and a `pick`."
            yield self._error("rule_target", (*path, "pick"), message, "Keep one of the two.")
        for key in ("from", "min_quality"):
            if key in rule and "pick" not in rule:
                message = f"`{key}` only means something together with `pick`."
                yield self._error("without_pick", (*path, key), message, 'Remove it, or write pick = "cheapest".')

    def _local_only(self, path: Path, rule: dict[str, Any]) -> Iterator[Finding]:
        if rule.get("local_only") is not True:
            return
        for key in ("model", "fallbacks"):
            for at, model in texts(rule, key):
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

    def _classification(self) -> Iterator[Finding]:
        yield from self._intents_in(("classification",), table(self._data, "classification"), "default_intent")
        for path, rule in entries(self._data, "classification", "rules"):
            yield from self._patterns_in(path, rule, "paths")
            if not any(key in rule for key in ("keywords", "paths")) and rule.get("requires_any_context") is not True:
                message = "This classification rule has neither `keywords` nor `paths`, so every step would match."
                fix = 'Write for example: keywords = ["threat model"]. For a default use `default_intent`.'
                yield self._error("rule_without_condition", path, message, fix)

    def _group(self, path: Path, name: str, group: dict[str, Any]) -> Iterator[Finding]:
        if not name or not name.isprintable() or "/" in name or "*" in name or any(char.isspace() for char in name):
            message = f"{shown(name)} is no name for a group: it is one word, without `/` and `*`."
            yield self._error("bad_value", path, message, "Write for example [groups.approved].")
        for at, model in texts(group, "models"):
            yield from self._model((*path, *at), model, wildcard=True, group=False)
        weights, models = group.get("weights"), group.get("models")
        if isinstance(weights, list):
            if len(weights) != (len(models) if isinstance(models, list) else 1):
                message = "There must be as many `weights` as `models`."
                yield self._error("bad_value", (*path, "weights"), message, "Write one number a model.")
            message = "`weights` share out nothing yet: models are tried in the order in which they stand."
            yield self._found("no_effect", Severity.WARNING, (*path, "weights"), message, "Order the models.")
