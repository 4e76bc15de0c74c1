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

from smista_mcp.catalog.types import (
    BudgetStanding,
    Catalog,
    Deployment,
    Dialect,
    Endpoint,
    Price,
    PriceStep,
    Scope,
    Snapshot,
)
from smista_mcp.facts.types import (
    UNKNOWN_REPO,
    Attributes,
    Facts,
    Intent,
    IntentSource,
    PathFact,
    Source,
    Values,
)
from smista_mcp.policy.types import (
    Budget,
    DefaultRoute,
    Demands,
    Effort,
    Group,
    Guarantee,
    Guardrail,
    Layer,
    Match,
    Money,
    Overrides,
    Per,
    Period,
    Permission,
    Pick,
    Place,
    Policy,
    Rule,
    Target,
    Then,
    Tool,
)

T = TypeVar("T")

INTENTS = ("review", "plan", "edit")
SKILLS = ("changelog", "release")
LABELS = ("legal", "internal")
DATA = ("personal", "regulated")
TIERS = ("platinum", "basic")
TEAMS = ("payments", "web")
LANGUAGES = ("python", "rust")
REPOS = ("github.com/acme/shop", "github.com/acme/site")
COUNTRIES = ("DE", "FR", "US")
REGIONS = {"eu": frozenset({"DE", "FR"}), "us": frozenset({"US"})}
VENDORS = ("anthropic", "openai")
CERTIFICATIONS = ("iso-27001", "soc-2")
BUDGETS = ("monthly", "daily")
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


def build_price(chance: Random) -> Price:
    into, out = Decimal(chance.randint(0, 3)), Decimal(chance.choice([0, 5]))
    if chance.random() < 0.7:
        return Price(into, out)
    steps = (PriceStep(-1, into, out), PriceStep(chance.choice([10, 2_000, 40_000]), into * 2, out * 5))
    return Price(steps[-1].input, steps[-1].output, steps=steps)


def build_deployment(chance: Random, name: str) -> Deployment:
    provider, model = name.split("/")
    quality = chance.choice([None, 10.0, 50.0, 70.0, 95.0, 95.0])
    price = build_price(chance)
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
        vendor=chance.choice([None, *VENDORS]),
        processing_countries=chance.choice([None, frozenset(_some(chance, COUNTRIES, 0.9))]),
        storage_countries=chance.choice([frozenset(), frozenset(_some(chance, COUNTRIES, 0.5))]),
        serving_scope=chance.choice([None, Scope.REGION, Scope.ZONE, Scope.GLOBAL]),
        zero_retention=chance.choice([None, True, False]),
        certifications=frozenset(_some(chance, CERTIFICATIONS, 0.6)),
        latency_ms=chance.choice([None, 300, 3_000]),
        trial=chance.random() < 0.1,
    )


def build_catalog(chance: Random) -> Catalog:
    names = sorted(chance.sample(MODELS, chance.choice([0, 1, 3, 4, 5, 6, 6])))
    return Catalog(tuple(build_deployment(chance, name) for name in names))


def build_snapshot(chance: Random) -> Snapshot:
    down = sorted(chance.sample(MODELS, chance.choice([0, 0, 1, 2])))
    standing = {name: BudgetStanding(Decimal(chance.choice([0, 9]))) for name in BUDGETS if chance.random() < 0.5}
    return Snapshot("2026-01-01T00:00:00.000Z", dict.fromkeys(down, "no key"), standing)


def build_match(chance: Random, likely: float) -> Match:
    return Match(
        intent=_some(chance, INTENTS, likely),
        skill=_some(chance, SKILLS, likely / 3),
        paths=_some(chance, PATTERNS, likely),
        labels=_some(chance, LABELS, likely / 3),
        data=_some(chance, DATA, likely / 3),
        tier=_some(chance, TIERS, likely / 3),
        team=_some(chance, TEAMS, likely / 3),
        languages=_some(chance, LANGUAGES, likely / 4),
        repo=chance.choice([("github.com/acme/*",), ("*/SHOP",)]) if chance.random() < likely / 5 else (),
        min_tokens=1_000 if chance.random() < likely / 5 else None,
        max_tokens=40_000 if chance.random() < likely / 5 else None,
    )


def build_granting(chance: Random) -> Match:
    """Conditions as an exemption or guarantee states them: mostly such as can hold at all."""
    if chance.random() < 0.2:
        return build_match(chance, 0.5)
    return Match(
        labels=_some(chance, LABELS, 0.3),
        tier=_some(chance, TIERS, 0.4),
        team=_some(chance, TEAMS, 0.3),
        repo=("github.com/acme/*",) if chance.random() < 0.1 else (),
    )


def build_demands(chance: Random) -> Demands:
    kind = chance.randrange(8)
    ceiling = chance.choice([Money(Decimal("0.02")), Money(Decimal("0.2")), Money(Decimal(1), "EUR")])
    return Demands(
        local=True if kind == 0 else None,
        regions=chance.choice([("eu",), ("us", "FR"), ("DE",), ("nowhere",)]) if kind == 1 else (),
        vendors=chance.choice([("anthropic",), ("anthropic", "local")]) if kind == 2 else (),
        models=chance.choice([("ollama/*",), ("fast",), ("openai/large", "openai/small")]) if kind == 3 else (),
        zero_retention=True if kind == 4 else None,
        certifications=("iso-27001",) if kind == 5 else (),
        max_cost=ceiling if kind == 6 else None,
        max_latency_ms=1_000 if kind == 7 else None,
        tools={Tool.SHELL: Permission.DENY} if chance.random() < 0.3 else {},
    )


def build_forbidden(chance: Random) -> Demands:
    kind = chance.randrange(4)
    return Demands(
        local=chance.choice([True, False]) if kind == 0 else None,
        regions=chance.choice([("us",), ("DE",)]) if kind == 1 else (),
        vendors=("openai",) if kind == 2 else (),
        models=chance.choice([("openai/*",), ("fast",)]) if kind == 3 else (),
    )


def build_guardrail(chance: Random, layer: Layer, order: int) -> Guardrail:
    forbids = chance.random() < 0.3
    return Guardrail(
        name=f"guardrail-{layer.label}-{order}",
        layer=layer,
        order=order,
        match=build_match(chance, 0.4),
        place=PLACE,
        unless=build_granting(chance) if chance.random() < 0.3 else None,
        require=Demands() if forbids else build_demands(chance),
        forbid=build_forbidden(chance) if forbids else Demands(),
    )


def build_budget(chance: Random, name: str, order: int) -> Budget:
    return Budget(
        name=name,
        layer=Layer.ORGANISATION,
        order=order,
        per=Per.TEAM,
        limit=Money(Decimal(chance.choice(["9.01", "10"]))),
        period=Period.MONTH,
        then=chance.choice(list(Then)),
        place=PLACE,
        match=build_match(chance, 0.2),
    )


def build_rule(chance: Random, layer: Layer, order: int) -> Rule:
    if chance.random() < 0.5:
        target = Target(model=chance.choice((*MODELS, "fast")))
    else:
        floor = chance.choice([None, None, 10.0, 50.0, 95.0])
        target = Target(
            pick=chance.choice(list(Pick)),
            sources=_some(chance, (*MODELS, "ollama/*", "openai/l*", "fast")),
            min_quality=floor,
            min_quality_by_intent={chance.choice(INTENTS): 50.0} if chance.random() < 0.2 else {},
        )
    return Rule(
        name=f"{layer.label}-{order}",
        layer=layer,
        order=order,
        match=build_match(chance, 0.35),
        target=target,
        place=PLACE,
        priority=chance.choice([5, 1000]),
        fallbacks=_some(chance, MODELS, 0.5),
        effort=chance.choice([None, Effort.LOW, Effort.XHIGH]),
        local_only=chance.random() < 0.1,
        requires=_some(chance, CAPABILITIES, 0.1),
        max_cost=Money(Decimal("0.1")) if chance.random() < 0.1 else None,
        max_latency_ms=1_000 if chance.random() < 0.1 else None,
        tools={Tool.GIT: Permission.ASK} if chance.random() < 0.2 else {},
        overridable=layer is Layer.ORGANISATION and chance.random() < 0.5,
    )


def build_policy(chance: Random) -> Policy:
    made: list[Rule] = []
    defaults: list[DefaultRoute] = []
    for layer in Layer:
        made += [build_rule(chance, layer, order) for order in range(chance.choice([0, 0, 1, 2, 3]))]
        if chance.random() < 0.25:
            defaults.append(DefaultRoute(layer, PLACE, chance.choice(MODELS), _some(chance, MODELS)))
    guardrails = [
        build_guardrail(chance, layer, order)
        for layer in (Layer.ORGANISATION, Layer.WORKSPACE, Layer.USER)
        for order in range(chance.choice([0, 0, 0, 1]))
    ]
    guarantees = [
        Guarantee(f"guarantee-{order}", order, build_granting(chance), PLACE)
        for order in range(chance.choice([0, 0, 1]))
    ]
    budgets = [build_budget(chance, name, order) for order, name in enumerate(BUDGETS) if chance.random() < 0.2]
    proposable = chance.choice([None, None, (), ("openai/large",), ("ollama/small", "openai/large")])
    return Policy(
        name="generated",
        digest="0" * 64,
        rules=tuple(made),
        defaults=tuple(defaults),
        restricted_paths=_some(chance, PATTERNS, 0.5),
        overrides=Overrides(chance.random() < 0.7, proposable),
        permissions=dict.fromkeys(Tool, Permission.ALLOW),
        guardrails=tuple(guardrails),
        guarantees=tuple(guarantees),
        budgets=tuple(budgets),
        regions=REGIONS,
        groups={"fast": Group("fast", Layer.USER, ("openai/small", "ollama/small"))},
    )


def build_path(chance: Random) -> PathFact:
    name = chance.choice(PATHS)
    return PathFact(name, (name,), chance.choice([Source.ASSERTED, Source.OBSERVED]), chance.random() > 0.1)


def _values(chance: Random, values: Sequence[str], likely: float, *, assertable: bool) -> Values:
    found = frozenset(_some(chance, values, likely))
    source = chance.choice(["bound", "observed", "asserted"] if assertable else ["bound", "bound", "observed"])
    return Values(**{source: found})


def build_attributes(chance: Random) -> Attributes:
    return Attributes(
        labels=_values(chance, LABELS, 0.4, assertable=True),
        data=_values(chance, DATA, 0.4, assertable=True),
        languages=Values(observed=frozenset(_some(chance, LANGUAGES, 0.5))),
        tier=_values(chance, TIERS, 0.5, assertable=False),
        team=_values(chance, TEAMS, 0.5, assertable=False),
        repo=Values(**{chance.choice(["observed", "bound"]): frozenset(_some(chance, (*REPOS, UNKNOWN_REPO), 0.6))}),
    )


def build_facts(chance: Random) -> Facts:
    return Facts(
        intent=Intent(chance.choice((*INTENTS, "chat")), IntentSource.CALLER, 1.0),
        paths=tuple(build_path(chance) for _ in range(chance.choice([0, 0, 1, 2, 3]))),
        skill=chance.choice([None, None, *SKILLS]),
        attributes=build_attributes(chance),
        suspected_intents=_some(chance, INTENTS, 0.2),
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


def added_guardrails() -> st.SearchStrategy[Guardrail]:
    """One more guardrail, of any layer."""
    return _from_seed(lambda chance: build_guardrail(chance, chance.choice(list(Layer)), 99))


def added_rules(layer: Layer) -> st.SearchStrategy[Rule]:
    """One more rule for `layer`, after all others in file order."""
    return _from_seed(lambda chance: build_rule(chance, layer, 99))
