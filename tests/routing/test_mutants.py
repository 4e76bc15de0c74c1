"""Planted faults: each makes the decision wrong in one way, and the invariants have to notice every one of them."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import smista_mcp
from tests.routing import hunt

CASES = 800
"""Generated cases that a fault may survive at most; most are noticed within a few dozen."""

AT_ONCE = 2

PACKAGE = Path(smista_mcp.__file__).parent
TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """One fault: what it does, and the text in a module of ``routing/`` that it replaces."""

    what: str
    module: str
    right: str
    wrong: str


FAULTS = [
    Fault(
        "an odd path is not restricted",
        "eligibility",
        "if not path.canonical or self._restricted.matches(path.names):",
        "if self._restricted.matches(path.names):",
    ),
    Fault(
        "what is larger than the window fits",
        "eligibility",
        "needed = facts.input_tokens + (facts.max_output_tokens or LEAST_OUTPUT)",
        "needed = facts.input_tokens",
    ),
    Fault(
        "what cannot be reached is a candidate",
        "eligibility",
        "return None if why is None else Reason(ReasonCode.UNAVAILABLE, why)",
        "return None",
    ),
    Fault(
        "an unknown tier meets no guardrail",
        "conditions",
        "return not values.bound or not wanted.isdisjoint(values.all)",
        "return not wanted.isdisjoint(values.all)",
    ),
    Fault(
        "what is asserted grants",
        "conditions",
        "return lambda facts: not wanted.isdisjoint(_of(facts, name).bound)",
        "return lambda facts: not wanted.isdisjoint(_of(facts, name).all)",
    ),
    Fault(
        "conditions on what the caller controls grant",
        "conditions",
        "yield lambda _: False",
        "yield lambda _: True",
    ),
    Fault(
        "an odd path meets no guardrail",
        "conditions",
        "or (takes and not path.canonical)",
        "or (False and not path.canonical)",
    ),
    Fault(
        "a wrong intent leads around guardrails",
        "conditions",
        "or not wanted.isdisjoint(facts.suspected_intents)",
        "or False",
    ),
    Fault(
        "served partly from inside the region is inside",
        "guardrails",
        "elif outside := served - allowed:",
        "elif not (served & allowed) and (outside := served - allowed):",
    ),
    Fault(
        "an unknown latency is below any ceiling",
        "guardrails",
        'return f"its latency is not known, so it cannot be kept below {most_ms} ms"',
        'return ""',
    ),
    Fault(
        "the laxest permission counts",
        "guardrails",
        "found[tool] = max(found.get(tool, permission), permission, key=_STRICTNESS.__getitem__)",
        "found[tool] = min(found.get(tool, permission), permission, key=_STRICTNESS.__getitem__)",
    ),
    Fault(
        "an exemption holds for everybody",
        "guardrails",
        "not (self._exempt is not None and self._exempt.hold(facts))",
        "self._exempt is None",
    ),
    Fault(
        "an unknown price is below any ceiling",
        "cost",
        'return f"its price is not known, so it cannot be kept below {ceiling}"',
        'return ""',
    ),
    Fault("the higher priority number goes first", "rules", "(layer, rule.priority,", "(layer, -rule.priority,"),
    Fault("the more general rule goes first", "rules", "-specificity(rule.match)", "specificity(rule.match)"),
    Fault(
        "an organisation's default beats the workspace",
        "rules",
        "_OVERRIDABLE_RANK: Final = Layer.WORKSPACE + 0.5",
        "_OVERRIDABLE_RANK: Final = Layer.WORKSPACE - 0.5",
    ),
    Fault(
        "the index forgets what takes something away where a path is odd",
        "index",
        "return {position for filed in self._by_folder.values() for position in filed}",
        "return found",
    ),
    Fault(
        "local_only falls through to the next rule",
        "route",
        "if selection.chain or rule.local_only:",
        "if selection.chain:",
    ),
    Fault(
        "a rule with local_only takes a remote model",
        "selection",
        "if rule.local_only and not deployment.local:",
        "if rule.local_only and not deployment.local and rule.fallbacks:",
    ),
    Fault("quality does not matter", "selection", "if quality < floor:", "if quality < 0:"),
    Fault(
        "a proposal beats the organisation's rule",
        "proposal",
        "route.rule.layer is Layer.ORGANISATION and not route.rule.overridable",
        "route.rule.layer is Layer.ORGANISATION and route.rule.overridable",
    ),
    Fault(
        "a budget is never broken",
        "budgets",
        "return not over_ceiling(deployment, facts, self.left)",
        "return True",
    ),
    Fault(
        "a guarantee is not needed to lift ceilings",
        "decide",
        "split = self._eligibility.split(facts, cost_is_lifted=lifted)",
        "split = self._eligibility.split(facts, cost_is_lifted=True)",
    ),
]


def test_the_invariants_can_be_hunted_without_hypothesis() -> None:
    assert len(hunt.promises()) >= 10
    assert hunt.hunt(50) == ""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.what)
def test_a_fault_can_be_planted_in_the_source_as_it_stands(fault: Fault, tmp_path: Path) -> None:
    plant(tmp_path, fault)


async def test_every_planted_fault_is_noticed(tmp_path: Path) -> None:
    allowed = asyncio.Semaphore(AT_ONCE)

    async def survives(number: int, fault: Fault | None) -> bool:
        async with allowed:
            root = tmp_path / str(number)
            await asyncio.to_thread(plant, root, fault)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.routing.hunt", str(CASES)),
                cwd=root,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await process.communicate()
            shutil.rmtree(root)
        assert process.returncode in (0, 1), err.decode()
        assert out, err.decode()
        return process.returncode == 0

    # A copy without a fault has to survive, or the others prove nothing.
    survived = await asyncio.gather(*(survives(number, fault) for number, fault in enumerate([None, *FAULTS])))
    assert [fault.what for fault, alive in zip(FAULTS, survived[1:], strict=True) if alive] == []
    assert survived[0], "the sound package breaks a promise too"


def plant(root: Path, fault: Fault | None) -> None:
    """A copy of the package with one fault in it, or none, and the tests beside it."""
    for name in ("policy", "facts", "catalog", "routing"):
        shutil.copytree(PACKAGE / name, root / "smista_mcp" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for module in PACKAGE.glob("*.py"):
        shutil.copy(module, root / "smista_mcp")
    (root / "tests").mkdir()
    (root / "tests" / "__init__.py").touch()
    shutil.copytree(TESTS, root / "tests" / "routing", ignore=shutil.ignore_patterns("__pycache__"))
    if fault is None:
        return
    module = root / "smista_mcp" / "routing" / f"{fault.module}.py"
    text = module.read_text(encoding="utf-8")
    assert text.count(fault.right) == 1, f"{fault.what}: {fault.right!r} does not stand once in {fault.module}.py"
    module.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
