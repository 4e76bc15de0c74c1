"""The digest stands for what a policy means, and for nothing else."""

from __future__ import annotations

import copy
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smista_mcp.policy.layers import OrganisationPlace, PolicyPlaces, load_policy
from tests.policy.toml import written

MODELS = ("ollama/a", "ollama/b", "openai/gpt-5.5-mini", "gemini/pro")
WORDS = ("alpha", "beta", "gamma", "delta")
PATTERNS = ("src/**", "*.pem", "docs/", "/build")
INTENTS = ("review", "debug", "edit", "write")


def some(values: tuple[str, ...], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=3, unique=True)


def optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


EFFORT = st.sampled_from(["low", "medium", "high", "xhigh"])
MODE = st.sampled_from(["allow", "ask", "deny"])
WHO = dict.fromkeys(("tier", "tenant", "team", "workload"), st.sampled_from(WORDS))
MATCH = optional(
    intent=some(INTENTS),
    skill=some(WORDS),
    paths=some(PATTERNS),
    labels=some(WORDS),
    data=some(WORDS),
    repo=some(("github.com/acme/*", "*/shop")),
    min_tokens=st.integers(1, 9),
    max_tokens=st.integers(10, 19),
    **WHO,
)
BOUND = optional(labels=some(WORDS), data=some(WORDS), **WHO)
AMOUNT = st.sampled_from(["0.5", "500 EUR", "3", "3 USD"])
CHOICE = st.one_of(
    st.fixed_dictionaries({"model": st.just("ollama/c")}),
    st.fixed_dictionaries(
        {"pick": st.sampled_from(["cheapest", "fastest", "best"])},
        optional={"from": some(MODELS), "min_quality": st.integers(0, 100)},
    ),
)
REST = optional(
    priority=st.integers(-9, 9),
    effort=EFFORT,
    local_only=st.booleans(),
    fallbacks=some(MODELS),
    requires=some(("tools", "json", "vision")),
)
RULE = st.tuples(MATCH, CHOICE, REST).map(lambda parts: {**parts[0], **parts[1], **parts[2]})
RULES = st.lists(RULE, max_size=4).map(
    lambda rules: [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
)
FACTS = {
    "vendor": st.sampled_from(WORDS),
    "processing_countries": some(("DE", "FR", "US")),
    "storage_countries": some(("DE", "FR", "US"), least=0),
    "zero_retention": st.booleans(),
    "certifications": some(WORDS),
    "latency_ms": st.integers(1, 9),
}
DEMANDS = {"regions": some(("eu", "DE")), "vendors": some(WORDS), "models": some((*MODELS, "fast", "ollama/*"))}
REQUIRE = optional(max_cost=AMOUNT, max_latency_ms=st.integers(1, 9), tools=optional(shell=MODE, git=MODE), **DEMANDS)
GUARDRAIL = st.tuples(
    st.fixed_dictionaries({"require": REQUIRE.map(lambda one: {"local": True, **one})}),
    MATCH,
    optional(
        name=st.sampled_from(WORDS),
        why=st.sampled_from(WORDS),
        forbid=optional(**DEMANDS),
        unless=BOUND.filter(bool),
    ),
).map(lambda parts: {**parts[0], **parts[1], **parts[2]})
BUDGET = st.tuples(
    st.fixed_dictionaries(
        {
            "per": st.sampled_from(["user", "team", "rule"]),
            "limit": AMOUNT,
            "period": st.sampled_from(["day", "month"]),
        },
        optional={"then": st.sampled_from(["spill", "ask", "deny"])},
    ),
    MATCH,
).map(lambda parts: {**parts[0], **parts[1]})
REPOSITORY = st.tuples(
    st.fixed_dictionaries({"labels": some(WORDS), "remote": some(("github.com/acme/*", "*/shop"))}), BOUND
).map(lambda parts: {**parts[1], **parts[0]})
TEST = st.fixed_dictionaries(
    {"expect": st.fixed_dictionaries({"local": st.booleans()}, optional={"permissions": optional(git=MODE)})},
    optional={"given": optional(intent=st.sampled_from(INTENTS), tokens=st.integers(0, 9), paths=some(WORDS))},
)


def named(entries: st.SearchStrategy[dict[str, Any]], *, most: int = 2) -> st.SearchStrategy[list[dict[str, Any]]]:
    """A few entries with names of their own."""
    return st.lists(entries, max_size=most).map(
        lambda made: [{**entry, "name": f"entry {number}"} for number, entry in enumerate(made)]
    )


MONEY = st.sampled_from(["0.5", "1.25", "3", "10.75"])
TABLES = optional(
    policy=optional(name=st.sampled_from(WORDS), owner=st.sampled_from(WORDS), serial=st.integers(0, 9)),
    routing=st.tuples(
        RULES, st.none() | st.tuples(st.just({"model": "ollama/d"}), optional(fallbacks=some(MODELS), effort=EFFORT))
    ).map(lambda parts: {"rules": parts[0], **({"default": {**parts[1][0], **parts[1][1]}} if parts[1] else {})}),
    classification=optional(
        default_intent=st.sampled_from(INTENTS),
        rules=st.lists(
            st.tuples(
                st.fixed_dictionaries({"intent": st.sampled_from(INTENTS), "keywords": some(WORDS)}),
                optional(priority=st.integers(0, 9), paths=some(PATTERNS), requires_any_context=st.booleans()),
            ).map(lambda parts: {**parts[0], **parts[1]}),
            max_size=3,
        ),
    ),
    privacy=st.fixed_dictionaries(
        {"restricted_paths": some(PATTERNS)},
        optional={"detect": st.dictionaries(st.sampled_from(WORDS), st.sampled_from(["warn", "local", "block"]))},
    ),
    guardrails=named(GUARDRAIL),
    budgets=named(BUDGET),
    repositories=st.lists(REPOSITORY, max_size=2),
    identity=optional(user=st.sampled_from(WORDS), **WHO),
    regions=st.just({"eu": ["DE", "FR"]}),
    groups=st.just({"fast": {"models": ["ollama/a", "openai/*"]}}),
    tests=named(TEST),
    overrides=optional(allow=st.booleans(), models=some(MODELS)),
    tools=st.fixed_dictionaries({"permissions": optional(shell=MODE, git=MODE, network=MODE)}),
    providers=st.dictionaries(
        st.sampled_from(["openai", "ollama"]),
        optional(
            enabled=st.booleans(),
            region=st.sampled_from(WORDS),
            local=st.booleans(),
            api_key=st.sampled_from(["${env:A}", "${keyring:b c}"]),
            headers=st.dictionaries(st.sampled_from(["X-Title", "X-Team"]), st.just("${env:T}"), max_size=2),
            **FACTS,
        ),
        max_size=2,
    ),
    models=st.dictionaries(
        st.sampled_from(MODELS),
        optional(
            context_window=st.integers(1, 9),
            input_price=MONEY,
            output_price=MONEY,
            currency=st.just("EUR"),
            capabilities=some(("tools", "json")),
            quality=st.dictionaries(st.sampled_from(INTENTS), st.integers(0, 100), max_size=2),
            aliases=some(WORDS),
            **FACTS,
        ),
        max_size=2,
    ),
)

FILE = TABLES.map(
    lambda data: (
        {"regions": {"eu": ["DE"]}, "groups": {"fast": {"models": ["ollama/a"]}}, **data}
        if "guardrails" in data
        else data
    )
)


def digest_of(text: str, name: str = "user.toml") -> str:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "default.toml").write_text('[routing.default]\nmodel = "embedded/smollm2"\n')
        (root / name).write_text(text)
        organisation = OrganisationPlace(root=root / "none", owner=os.getuid())
        places = PolicyPlaces(organisation, None, root / name, root / "default.toml")
        return load_policy(places).policy.digest


@settings(max_examples=60, deadline=None)
@given(FILE, st.randoms(use_true_random=False))
def test_how_it_is_written_does_not_change_it(data: dict[str, Any], chance: random.Random) -> None:
    plain = digest_of(written(data))

    assert digest_of(written(data, chance), "another.toml") == plain
    assert len(plain) == 64


@settings(max_examples=60, deadline=None)
@given(FILE, FILE, st.data())
def test_what_it_means_does(data: dict[str, Any], other: dict[str, Any], draw: st.DataObject) -> None:
    table = draw.draw(st.sampled_from(["routing", "privacy", "classification", "models", "overrides"]))
    assume(meaning(data.get(table, {})) != meaning(other.get(table, {})))
    changed = {**data, table: other[table]} if table in other else {key: data[key] for key in data if key != table}

    assert digest_of(written(changed)) != digest_of(written(data))


def meaning(value: Any, key: str = "") -> Any:
    """The same for values that say the same: an oracle that knows nothing of the code under test."""
    if isinstance(value, dict):
        inner = {name: meaning(one, name) for name, one in value.items()}
        defaults = {
            "allow": True, "local_only": False, "requires_any_context": False, "priority": None, "currency": None,
        }  # fmt: skip
        return {name: one for name, one in inner.items() if one not in ({}, [], None) and one != defaults.get(name)}
    if isinstance(value, list):
        plain = [meaning(one) for one in value]
        if key == "rules":  # reordering between priorities means nothing: leave those cases to the samples below
            return sorted(plain, key=repr)
        return plain if key == "fallbacks" else sorted(plain)
    return value


RULES_FILE = """[[routing.rules]]
name = "a"
model = "ollama/a"
intent = ["review", "debug"]
fallbacks = ["ollama/b", "ollama/c"]
paths = ["src/**", "docs/**"]
[[routing.rules]]
name = "b"
model = "ollama/b"
[models."ollama/a"]
input_price = "0.50"
quality = { review = 70 }
"""


def test_spellings_of_one_meaning_are_one() -> None:
    plain = digest_of(RULES_FILE)

    for old, new in (
        ('["review", "debug"]', '["debug", "review", "debug"]'),
        ('["src/**", "docs/**"]', '["docs/**", "src/**"]'),
        ('"0.50"', '"0.5"'),
        ("review = 70", "review = 70.0"),
        ('model = "ollama/b"', 'model = "ollama/b"\npriority = 1000\nlocal_only = false'),
    ):
        assert old in RULES_FILE
        assert digest_of(RULES_FILE.replace(old, new)) == plain, new


def test_every_change_of_meaning_is_another_digest() -> None:
    first, second = RULES_FILE.split("[[routing.rules]]\n")[1:]
    second, models = second.split("[models")
    swapped = f"[[routing.rules]]\n{second}[[routing.rules]]\n{first}[models{models}"
    variants = [RULES_FILE, swapped] + [
        RULES_FILE.replace(old, new, 1)
        for old, new in (
            ('"a"', '"renamed"'),
            ('["ollama/b", "ollama/c"]', '["ollama/c", "ollama/b"]'),
            ('["src/**", "docs/**"]', '["src/**", "!docs/**"]'),
            ('["src/**", "docs/**"]', '["src/**", "!docs/**", "docs/a/**"]'),
            ('["src/**", "docs/**"]', '["src/**", "docs/a/**", "!docs/**"]'),
            ('"review"', '"test"'),
            ('"0.50"', '"0.51"'),
            ("= 70", "= 71"),
            ('name = "b"', 'name = "b"\npriority = 999'),
            ('name = "b"', 'name = "b"\nlocal_only = true'),
            ('name = "b"', 'name = "b"\nrequires = ["tools"]'),
        )
    ]
    assert len(set(variants)) == len(variants)

    assert len({digest_of(text) for text in variants}) == len(variants)


LIMITS_FILE = """[regions]
eu = ["DE", "FR"]
[groups.fast]
models = ["ollama/a", "ollama/b"]
weights = [2, 1]
[[guardrails]]
name = "g"
data = ["personal", "health"]
unless = { team = "research" }
require = { regions = ["eu", "CH"], max_cost = "0.50", tools = { shell = "deny" }, models = ["fast", "ollama/*"] }
forbid = { vendors = "acme" }
why = "law"
[[budgets]]
name = "b"
per = "team"
limit = "5 USD"
period = "day"
then = "deny"
[privacy.detect]
personal = "local"
[identity]
user = "ada"
[[repositories]]
remote = "github.com/acme/*"
labels = ["x", "y"]
tier = "gold"
[providers.openai]
processing_countries = ["DE", "FR"]
zero_retention = true
latency_ms = 900
[[routing.rules]]
name = "r"
pick = "cheapest"
min_quality = { review = 80, default = 60 }
max_latency_ms = 900
tools = { git = "ask" }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["DE", "FR"]\n[groups', '["FR", "DE", "DE"]\n[groups'),
        ('["personal", "health"]', '["health", "personal"]'),
        ('["eu", "CH"]', '["CH", "eu"]'),
        ('["fast", "ollama/*"]', '["ollama/*", "fast"]'),
        ('"0.50"', '"0.5 USD"'),
        ('limit = "5 USD"', 'limit = "5.00"'),
        ('then = "deny"\n', ""),
        ('"acme"', '["acme"]'),
        ('["x", "y"]', '["y", "x"]'),
        ('["DE", "FR"]\nzero', '["FR", "DE"]\nzero'),
        ("{ review = 80, default = 60 }", "{ default = 60.0, review = 80.0 }"),
    ],
)
def test_other_spellings_of_limits_mean_the_same(old: str, new: str) -> None:
    assert old in LIMITS_FILE
    assert digest_of(LIMITS_FILE.replace(old, new)) == digest_of(LIMITS_FILE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["DE", "FR"]\n[groups', '["DE"]\n[groups'),
        ('["ollama/a", "ollama/b"]', '["ollama/b", "ollama/a"]'),
        ("[2, 1]", "[1, 2]"),
        ('"g"', '"other"'),
        ('["personal", "health"]', '["personal"]'),
        ('unless = { team = "research" }\n', ""),
        ('"research"', '"other"'),
        ('["eu", "CH"]', '["eu"]'),
        ('"0.50"', '"0.50 EUR"'),
        ('shell = "deny"', 'shell = "ask"'),
        ('["fast", "ollama/*"]', '["fast"]'),
        ("{ regions", "{ zero_retention = true, regions"),
        ('"acme"', '"acne"'),
        ('"law"', '"whim"'),
        ('per = "team"', 'per = "user"'),
        ("5 USD", "5 EUR"),
        ('"day"', '"week"'),
        ('then = "deny"', 'then = "ask"'),
        ('personal = "local"', 'personal = "block"'),
        ('personal = "local"', 'personal = "local"\npublic = "warn"'),
        ('"ada"', '"bob"'),
        ("github.com/acme", "github.com/acne"),
        ('["x", "y"]', '["x"]'),
        ('"gold"', '"iron"'),
        ('["DE", "FR"]\nzero', '["DE"]\nzero'),
        ("zero_retention = true", "zero_retention = false"),
        ("latency_ms = 900\n[", "latency_ms = 901\n["),
        ("review = 80", "review = 81"),
        ("default = 60", "default = 61"),
        ("max_latency_ms = 900", "max_latency_ms = 901"),
        ('git = "ask"', 'git = "deny"'),
    ],
)
def test_every_limit_that_means_something_else_is_another_digest(old: str, new: str) -> None:
    text = LIMITS_FILE.replace(old, new, 1)

    assert text != LIMITS_FILE
    assert digest_of(text) != digest_of(LIMITS_FILE)


def test_the_layer_that_says_it_is_part_of_the_meaning(tmp_path: Path) -> None:
    builtin = tmp_path / "default.toml"
    builtin.write_text("")
    said = tmp_path / ".smista" / "policy.toml"
    said.parent.mkdir()
    said.write_text('[[routing.rules]]\nname = "a"\nmodel = "ollama/a"\n')
    organisation = OrganisationPlace(root=tmp_path / "none")

    as_user = load_policy(PolicyPlaces(organisation, None, said, builtin)).policy
    as_workspace = load_policy(PolicyPlaces(organisation, said, None, builtin)).policy

    assert as_user.digest != as_workspace.digest


def test_the_generator_makes_policies_that_say_something() -> None:
    seen: set[str] = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(FILE)
    def gather(data: dict[str, Any]) -> None:
        seen.update(copy.deepcopy(list(data)))
        seen.update(key for rule in data.get("routing", {}).get("rules", []) for key in rule)

    gather()

    assert {"policy", "routing", "classification", "privacy", "overrides", "tools", "providers", "models"} <= seen
    assert {"guardrails", "budgets", "regions", "groups", "identity", "repositories", "tests"} <= seen
    assert {"intent", "paths", "fallbacks", "pick", "from", "requires", "priority"} <= seen
