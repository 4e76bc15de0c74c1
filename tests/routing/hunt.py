"""The invariants of the decision once more, without hypothesis' machinery: many generated cases in one quick process.

Run as a script it ends with 1 at the first promise that is broken. It is what planted faults are hunted with.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from random import Random
from typing import Any

from smista_mcp.policy.types import Layer
from tests.routing import strategies, test_invariants

MADE: dict[str, Callable[[Random], Any]] = {
    "step": strategies.build_facts,
    "policy": strategies.build_policy,
    "catalog": strategies.build_catalog,
    "snapshot": strategies.build_snapshot,
    "guardrail": lambda chance: strategies.build_guardrail(chance, chance.choice(list(Layer)), 99),
    "path": strategies.build_path,
    "pattern": lambda chance: chance.choice(strategies.PATTERNS),
    "label": lambda chance: chance.choice(strategies.LABELS),
    "data": lambda chance: chance.choice(strategies.DATA),
    "tier": lambda chance: chance.choice(strategies.TIERS),
    "repo": lambda chance: chance.choice(strategies.REPOS),
    "chance": lambda chance: Random(chance.random()),
}
"""How each parameter of an invariant is made. One with another parameter is left to hypothesis."""


def promises() -> list[Callable[..., None]]:
    """The invariants that can be tried this way, the agreement with the naive reading first."""
    found = []
    for name, test in vars(test_invariants).items():
        inner = getattr(getattr(test, "hypothesis", None), "inner_test", None)
        if not name.startswith("test_") or inner is None:
            continue
        wanted = inspect.signature(inner).parameters
        if all(one in MADE and "DataObject" not in str(wanted[one].annotation) for one in wanted):
            found.append(inner)
    return found


def hunt(cases: int) -> str:
    """The first promise that is broken in so many cases, or nothing."""
    tried = promises()
    for seed in range(cases):
        chance = Random(seed)
        made = {name: make(chance) for name, make in MADE.items()}
        for promise in tried:
            wanted = inspect.signature(promise).parameters
            try:
                promise(**{name: made[name] for name in wanted})
            except Exception as error:  # a crash breaks the promise of totality
                return f"case {seed}: {promise.__name__}: {type(error).__name__}"
    return ""


if __name__ == "__main__":
    broken = hunt(int(sys.argv[1]))
    print(broken or f"{len(promises())} promises kept")
    sys.exit(1 if broken else 0)
