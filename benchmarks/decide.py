"""How long a decision takes, by the size of the policy and the catalog, and `preview` as a whole process.

Run: ``uv run python benchmarks/decide.py``

Beside each decision stands a floor measured in the same run: one pass over the catalog's ids with a dictionary look-up
each, the least that any router must do to say something about every candidate. The ratio is what to watch; absolute
figures depend on the machine. The process is compared with an empty Python process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from random import Random

from smista_mcp.catalog.types import Catalog, Deployment, Dialect, Endpoint, Price, Snapshot
from smista_mcp.facts.types import Facts, Intent, IntentSource, PathFact, Source
from smista_mcp.policy.types import BUILTIN_INTENTS, Demands, Guardrail, Layer, Match, Pick, Place, Policy, Rule, Target
from smista_mcp.routing.decide import Router

SIZES = ((20, 10), (200, 30), (1_000, 50), (10_000, 100))
STEPS = 200
ROUNDS = 25


def make_policy(chance: Random, rules: int, models: list[str]) -> Policy:
    """Rules as people write them (half by intent, a third by paths too, some by skill; most name a model), and a
    guardrail for every ten."""
    made = []
    for order in range(rules):
        folder = f"src/module{order}/**"
        match = Match(
            intent=(chance.choice(BUILTIN_INTENTS),) if chance.random() < 0.7 else (),
            skill=(f"skill-{order}",) if chance.random() < 0.2 else (),
            paths=(folder,) if chance.random() < 0.5 or order % 7 == 0 else (),
        )
        if not (match.skill or match.paths):
            match = Match(intent=match.intent or ("review",), paths=(folder,))
        target = Target(model=chance.choice(models)) if order % 3 else Target(pick=Pick.CHEAPEST, min_quality=50)
        made.append(Rule(f"rule {order}", Layer.WORKSPACE, order, match, target, Place("policy.toml", order)))
    guardrails = [
        Guardrail(
            name=f"guardrail {order}",
            layer=Layer.ORGANISATION,
            order=order,
            match=Match(paths=(f"src/module{order}/secret/**",)) if order % 2 else Match(labels=(f"label-{order}",)),
            place=Place("policy.toml", order),
            require=Demands(local=True),
        )
        for order in range(rules // 10)
    ]
    last = Rule("the rest", Layer.BUILTIN, 0, Match(), Target(pick=Pick.CHEAPEST), Place("default.toml", 1))
    return Policy(
        "benchmark",
        "0" * 64,
        rules=(*made, last),
        guardrails=tuple(guardrails),
        restricted_paths=("secrets/**", "*.pem"),
    )


def make_catalog(chance: Random, models: list[str]) -> Catalog:
    return Catalog(
        tuple(
            Deployment(
                id=name,
                provider=name.split("/")[0],
                model=name.split("/")[1],
                dialect=Dialect.OPENAI_CHAT,
                endpoint=Endpoint("https://example.invalid"),
                local=chance.random() < 0.2,
                price=Price(Decimal(chance.randint(1, 9)), Decimal(chance.randint(10, 30))),
                context_window=chance.choice([8_000, 200_000]),
                quality={"default": float(chance.randint(10, 99))},
            )
            for name in sorted(models)
        )
    )


def make_steps(chance: Random, rules: int) -> list[Facts]:
    return [
        Facts(
            intent=Intent(chance.choice(BUILTIN_INTENTS), IntentSource.CALLER, 1.0),
            paths=tuple(
                PathFact(name, (name,), Source.OBSERVED)
                for name in (f"src/module{chance.randrange(rules)}/a.py", f"lib/b{chance.randrange(99)}.py")
            ),
            input_tokens=chance.choice([500, 20_000]),
        )
        for _ in range(STEPS)
    ]


def microseconds(work: Callable[[], object]) -> list[float]:
    """Microseconds per step of each round."""
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) / STEPS * 1e6)
    return found


def decisions() -> None:
    Router(
        make_policy(Random(1), 10, ["a/b"]), make_catalog(Random(1), ["a/b"]), Snapshot("")
    )  # loads what is loaded once
    columns = {"rules x models": 16, "p50 us": 9, "worst round": 12, "floor us": 9, "x floor": 8, "us/step p99": 12}
    print(" ".join(f"{name:>{width}}" for name, width in {**columns, "index MB": 9}.items()))
    for rules, count in SIZES:
        chance = Random(1)
        models = [f"provider{number % 5}/model-{number}" for number in range(count)]
        catalog = make_catalog(chance, models)
        policy = make_policy(chance, rules, models)
        tracemalloc.start()
        router = Router(policy, catalog, Snapshot("2026-01-01T00:00:00.000Z"))
        memory = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        steps = make_steps(chance, rules)
        known = {deployment.id: True for deployment in catalog.deployments}
        ours = microseconds(lambda steps=steps, router=router: [router.decide(step) for step in steps])
        floor = microseconds(
            lambda steps=steps, known=known, catalog=catalog: [
                [known.get(one.id) for one in catalog.deployments] for _ in steps
            ]
        )
        single = []
        for step in steps:
            start = time.perf_counter()
            router.decide(step)
            single.append((time.perf_counter() - start) * 1e6)
        p50, least = statistics.median(ours), statistics.median(floor)
        p99 = sorted(single)[int(len(single) * 0.99) - 1]
        size = f"{rules:,} x {count}"
        print(f"{size:>16} {p50:9.1f} {max(ours):12.1f} {least:9.2f} {p50 / least:8.1f} {p99:12.1f} {memory:9.1f}")


def process() -> None:
    with tempfile.TemporaryDirectory() as folder:
        preview = [sys.executable, "-m", "smista_mcp", "preview", "Review this change", "--workspace", folder]
        timed: dict[str, list[float]] = {"preview": [], "empty python": []}
        for _ in range(7):
            for name, command in (("preview", preview), ("empty python", [sys.executable, "-c", ""])):
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                timed[name].append((time.perf_counter() - start) * 1000)
    ours, floor = (statistics.median(timed[name]) for name in ("preview", "empty python"))
    print(
        f"\n`preview` as a whole process: {ours:.0f} ms, {ours / floor:.1f} x an empty Python process ({floor:.0f} ms)"
    )


if __name__ == "__main__":
    decisions()
    process()
