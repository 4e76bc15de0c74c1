"""Policies made on the spot, as the policy floor would hand them over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smista_mcp.policy.known import KNOWN_PROVIDERS, LOCAL_SERVERS
from smista_mcp.policy.types import (
    DefaultRoute,
    Layer,
    Match,
    ModelSettings,
    Place,
    Policy,
    ProviderSettings,
    Rule,
    Target,
)

HERE = Place("policy.toml", 1)


def provider(name: str, **settings: Any) -> ProviderSettings:
    """``[providers.<name>]`` of the user's policy."""
    kind = settings.pop("type", KNOWN_PROVIDERS.get(name, "openai-compatible"))
    layer = settings.pop("layer", Layer.USER)
    base_url_layer = settings.pop("base_url_layer", layer if "base_url" in settings else None)
    return ProviderSettings(id=name, type=kind, layer=layer, base_url_layer=base_url_layer, place=HERE, **settings)


def model(name: str, **settings: Any) -> ModelSettings:
    """``[models."<name>"]`` of the user's policy."""
    return ModelSettings(id=name, layer=Layer.USER, place=HERE, **settings)


def policy(
    *,
    names: Iterable[str] = (),
    providers: Iterable[ProviderSettings] = (),
    models: Iterable[ModelSettings] = (),
    only: bool = False,
    ollama: bool = False,
) -> Policy:
    """A policy whose rules name `names`. With `only`, local servers that `providers` does not speak of are off, so
    that nothing on this machine's usual ports takes part; `ollama` leaves Ollama on, for `OLLAMA_HOST`."""
    stated: dict[str, ProviderSettings] = {one.id: one for one in providers}
    if only:
        for name in LOCAL_SERVERS - {"embedded", "ollama" if ollama else ""} - set(stated):
            stated[name] = provider(name, enabled=False)
    rules = tuple(
        Rule(f"rule {order}", Layer.USER, order, Match(), Target(model=name), HERE) for order, name in enumerate(names)
    )
    return Policy(
        name="made",
        digest="0" * 64,
        rules=rules,
        defaults=(DefaultRoute(Layer.BUILTIN, HERE, "embedded/smollm2-135m-instruct"),),
        providers=stated,
        models=_by_id(models),
    )


def _by_id(models: Iterable[ModelSettings]) -> Mapping[str, ModelSettings]:
    return {one.id: one for one in models}
