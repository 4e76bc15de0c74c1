"""Generated policies, catalogs and facts in which things really collide: few names, used often.

A case is built from one seed by plain code: cases stay small enough to read as they are, and thousands are tried in
the time in which a strategy with a draw for every field tries a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from smista_mcp.catalog.types import Catalog, Deployment, Dialect, Endpoint, Price, Snapshot
from smista_mcp.facts.types import Attributes, Facts, Intent, IntentSource, PathFact, Source, Values
from smista_mcp.policy.types import (
    DefaultRoute,
    Effort,
    Layer,
    Match,
    Overrides,
    Pick,
    Place,
    Policy,
    Rule,
    Target,
)

T = TypeVar("T")

INTENTS = ("review", "plan", "edit")
SKILLS = ("changelog", "release")
LABELS = ("legal", "internal")
PATTERNS = ("src/auth/**", "*.pem", "docs/", "secrets/**", "src/**")
PATHS = ("src/auth/login.py", "keys/server.pem", "docs/index.md", "secrets/token", "src/app.py", "README.md")
MODELS = tuple(f"{provider}/{model}" for provider in ("openai", "ollama", "anthropic") for model in ("small", "large"))
CAPABILITIES = ("tools", "vision")
PLACE = Place("policy.toml", 1)


def _from_seed(build: Callable[[Random], T]) -> st.SearchStrategy[T]:
    return st.integers(0, 2**40).map(lambda seed: build(Random(seed)))


def _some(chance: Random, values: Sequence[str], likely: float = 0.4) -> tuple[str, ...]:
    if chance.random() > likely:
        return ()
    return tuple(chance.sample(values, chance.randint(1, 2)))


def build_deployment(chance: Random, name: str) -> Deployment:
    provider, model = name.split("/")
    quality = chance.choice([None, 10.0, 50.0, 70.0, 95.0, 95.0])
    price = Price(Decimal(chance.randint(0, 3)), Decimal(chance.choice([0, 5])))
    return Deployment(
        id=name,
        provider=provider,
        model=model,
        dialect=Dialect.OPENAI_CHAT,
        endpoint=Endpoint("http://127.0.0.1:1"),
        local=chance.random() < 0.5,
        price=chance.choice([price, price, None]),
        context_window=chance.choice([None, 4_000, 100_000, 100_000]),
        max_output_tokens=chance.choice([None, 1_000]),
        capabilities=frozenset(_some(chance, CAPABILITIES, 0.7)),
        quality={} if quality is None else {"default": quality},
        speed=chance.choice([None, 20.0, 90.0]),
        trial=chance.random() < 0.1,
    )


def build_catalog(chance: Random) -> Catalog:
    names = sorted(chance.sample(MODELS, chance.choice([0, 1, 3, 4, 5, 6, 6])))
    return Catalog(tuple(build_deployment(chance, name) for name in names))


def build_snapshot(chance: Random) -> Snapshot:
    down = sorted(chance.sample(MODELS, chance.choice([0, 0, 1, 2])))
    return Snapshot("2026-01-01T00:00:00.000Z", dict.fromkeys(down, "no key"))


def build_rule(chance: Random, layer: Layer, order: int) -> Rule:
    if chance.random() < 0.5:
        target = Target(model=chance.choice(MODELS))
    else:
        floor = chance.choice([None, None, 10.0, 50.0, 95.0])
        target = Target(pick=chance.choice(list(Pick)), sources=_some(chance, (*MODELS, "ollama/*")), min_quality=floor)
    match = Match(
        _some(chance, INTENTS), _some(chance, SKILLS, 0.1), _some(chance, PATTERNS, 0.3), _some(chance, LABELS, 0.1)
    )
    return Rule(
        name=f"{layer.label}-{order}",
        layer=layer,
        order=order,
        match=match,
        target=target,
        place=PLACE,
        priority=chance.choice([5, 1000]),
        fallbacks=_some(chance, MODELS, 0.5),
        effort=chance.choice([None, Effort.LOW, Effort.XHIGH]),
        local_only=chance.random() < 0.1,
        requires=_some(chance, CAPABILITIES, 0.1),
        overridable=layer is Layer.ORGANISATION and chance.random() < 0.5,
    )


def build_policy(chance: Random) -> Policy:
    made: list[Rule] = []
    defaults: list[DefaultRoute] = []
    for layer in Layer:
        made += [build_rule(chance, layer, order) for order in range(chance.choice([0, 0, 1, 2, 3]))]
        if chance.random() < 0.25:
            defaults.append(DefaultRoute(layer, PLACE, chance.choice(MODELS), _some(chance, MODELS)))
    proposable = chance.choice([None, None, (), ("openai/large",), ("ollama/small", "openai/large")])
    return Policy(
        name="generated",
        digest="0" * 64,
        rules=tuple(made),
        defaults=tuple(defaults),
        restricted_paths=_some(chance, PATTERNS, 0.5),
        overrides=Overrides(chance.random() < 0.7, proposable),
    )


def build_path(chance: Random) -> PathFact:
    name = chance.choice(PATHS)
    return PathFact(name, (name,), Source.ASSERTED, chance.random() > 0.1)


def build_facts(chance: Random) -> Facts:
    return Facts(
        intent=Intent(chance.choice((*INTENTS, "chat")), IntentSource.CALLER, 1.0),
        paths=tuple(build_path(chance) for _ in range(chance.choice([0, 0, 1, 2, 3]))),
        skill=chance.choice([None, None, *SKILLS]),
        attributes=Attributes(labels=Values(asserted=frozenset(_some(chance, LABELS)))),
        effort=chance.choice([None, Effort.HIGH]),
        proposed_model=chance.choice([None, *MODELS]),
        input_tokens=chance.choice([10, 10, 3_000, 50_000, 200_000]),
        max_output_tokens=chance.choice([None, 100, 5_000]),
    )


facts = _from_seed(build_facts)
policies = _from_seed(build_policy)
catalogs = _from_seed(build_catalog)
snapshots = _from_seed(build_snapshot)
path_facts = _from_seed(build_path)


def added_rules(layer: Layer) -> st.SearchStrategy[Rule]:
    """One more rule for `layer`, after all others in file order."""
    return _from_seed(lambda chance: build_rule(chance, layer, 99))
