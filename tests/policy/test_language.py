"""Every key of the language arrives in the policy that routing sees, from every layer that may say it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError
from smista_mcp.policy.findings import Finding
from smista_mcp.policy.layers import load_policy
from smista_mcp.policy.types import (
    Demands,
    DeploymentFacts,
    Detect,
    Effort,
    Expected,
    Given,
    Identity,
    Layer,
    Match,
    Money,
    Per,
    Period,
    Permission,
    Pick,
    Policy,
    Then,
    Tool,
)
from tests.policy.files import Places

CONDITIONS = """intent = "review"
skill = ["changelog"]
paths = ["src/**"]
labels = "urgent"
data = ["personal", "regulated"]
tier = "platinum"
tenant = "acme"
team = "payments"
workload = "nightly"
repo = "github.com/acme/*"
languages = ["python"]
min_tokens = 5
max_tokens = 50
"""
MATCH = Match(
    intent=("review",),
    skill=("changelog",),
    paths=("src/**",),
    labels=("urgent",),
    data=("personal", "regulated"),
    tier=("platinum",),
    tenant=("acme",),
    team=("payments",),
    workload=("nightly",),
    repo=("github.com/acme/*",),
    languages=("python",),
    min_tokens=5,
    max_tokens=50,
)
GUARDRAIL = '[[guardrails]]\nname = "{}"\nrequire = {{ local = true }}\n'


def loaded(places: Places) -> Policy:
    return load_policy(places.policies).policy


def codes(places: Places) -> set[tuple[str, str, int]]:
    """The errors of a policy that does not load: code, file name, line."""
    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)
    found = [one for one in caught.value.findings if isinstance(one, Finding) and one.severity == "error"]
    assert all(one.fix for one in found)
    return {(one.code, Path(one.place.file).name, one.place.line) for one in found}


def test_the_same_conditions_mean_the_same_in_rules_guardrails_and_budgets(places: Places) -> None:
    places.user(
        f'[[routing.rules]]\nname = "r"\nmodel = "ollama/a"\n{CONDITIONS}'
        f'[[guardrails]]\nname = "g"\nrequire = {{ local = true }}\n{CONDITIONS}'
        f'[[budgets]]\nname = "b"\nper = "team"\nlimit = "5"\nperiod = "day"\n{CONDITIONS}'
    )

    policy = loaded(places)

    assert (policy.rules[0].match, policy.guardrails[0].match, policy.budgets[0].match) == (MATCH, MATCH, MATCH)


def test_every_demand_of_a_guardrail_arrives(places: Places) -> None:
    places.organisation(
        """[regions]
eu = ["DE", "FR"]
[[guardrails]]
name = "everything"
data = "personal"
unless = { team = "research", repo = "a/b/*" }
why = "because"
[guardrails.require]
local = true
regions = ["eu", "CH"]
vendors = "anthropic"
models = ["ollama/*", "ollama/a"]
zero_retention = true
certifications = ["iso-27001"]
max_cost = "1.50 EUR"
max_latency_ms = 900
tools = { shell = "deny", git = "ask" }
[guardrails.forbid]
local = true
regions = "US"
vendors = ["x", "y"]
models = "openai/a"
certifications = "none"
[[guardrails]]
require = { local = true }
"""
    )

    first, second = loaded(places).guardrails

    assert (first.name, first.layer, first.order, first.why) == ("everything", Layer.ORGANISATION, 0, "because")
    assert (first.match, first.place.line) == (Match(data=("personal",)), 3)
    assert first.unless == Match(team=("research",), repo=("a/b/*",))
    assert first.require == Demands(
        local=True,
        regions=("eu", "CH"),
        vendors=("anthropic",),
        models=("ollama/*", "ollama/a"),
        zero_retention=True,
        certifications=("iso-27001",),
        max_cost=Money(Decimal("1.50"), "EUR"),
        max_latency_ms=900,
        tools={Tool.SHELL: Permission.DENY, Tool.GIT: Permission.ASK},
    )
    assert first.forbid == Demands(
        local=True, regions=("US",), vendors=("x", "y"), models=("openai/a",), certifications=("none",)
    )
    assert (second.name, second.order, second.unless, second.match) == ("guardrail 2", 1, None, Match())


def test_guardrails_of_all_layers_are_kept_most_trusted_first(places: Places) -> None:
    places.user(GUARDRAIL.format("u"))
    places.workspace(GUARDRAIL.format("w"))
    places.organisation(GUARDRAIL.format("o2"), "policy.d/a.toml")
    places.organisation(GUARDRAIL.format("o1"))

    assert [one.name for one in loaded(places).guardrails] == ["o1", "o2", "w", "u"]


@pytest.mark.parametrize("layer", ["workspace", "user", "builtin"])
def test_guarantees_are_the_organisations_alone(layer: str, places: Places) -> None:
    text = '[[guarantees]]\ntier = "platinum"\nmax_cost = "unlimited"\nwhy = "contract"\n'
    places.organisation(text)
    (guarantee,) = loaded(places).guarantees
    assert (guarantee.name, guarantee.match, guarantee.unlimited_cost) == (
        "guarantee 1",
        Match(tier=("platinum",)),
        True,
    )

    getattr(places, layer)(text)
    assert ("organisation_only", 1) in {(code, line) for code, _, line in codes(places)}


def test_every_key_of_a_budget_arrives_and_it_is_said_what_it_does_not_do_yet(places: Places) -> None:
    places.workspace('[[budgets]]\nname = "b"\nper = "model"\nlimit = "500 EUR"\nperiod = "year"\nthen = "ask"\n')
    places.user('[[budgets]]\nname = "c"\nper = "rule"\nlimit = "0.50"\nperiod = "week"\n')

    result = load_policy(places.policies)
    first, second = result.policy.budgets

    assert (first.name, first.per, first.limit) == ("b", Per.MODEL, Money(Decimal(500), "EUR"))
    assert (first.period, first.then, first.layer) == (Period.YEAR, Then.ASK, Layer.WORKSPACE)
    assert (second.limit, second.then) == (Money(Decimal("0.50"), "USD"), Then.DENY)
    assert [one.code for one in result.findings] == ["budget_not_counted"] * 2


def test_two_layers_may_not_count_money_under_one_name(places: Places) -> None:
    text = '[[budgets]]\nname = "b"\nper = "team"\nlimit = "5"\nperiod = "day"\n'
    places.organisation(text)
    places.workspace(text)

    assert codes(places) == {("duplicate_name", "policy.toml", 1)}


@pytest.mark.parametrize(
    ("upper", "lower"), [("organisation", "workspace"), ("organisation", "user"), ("workspace", "user")]
)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('[regions]\neu = ["DE", "FR"]\n', '[regions]\neu = ["DE", "FR", "US"]\n'),
        ('[groups.eu]\nmodels = ["ollama/a"]\n', '\n[groups.eu]\nmodels = ["ollama/*"]\n'),
    ],
)
def test_a_name_means_the_same_to_every_layer(upper: str, lower: str, one: str, other: str, places: Places) -> None:
    getattr(places, upper)(one)
    getattr(places, lower)(one)
    assert loaded(places)

    path = getattr(places, lower)(other)
    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)
    (finding,) = [one for one in caught.value.findings if isinstance(one, Finding)]
    assert (finding.code, finding.place.line, Path(finding.place.file).name) == ("redefined", 2, path.name)


def test_two_files_of_the_organisation_may_not_define_a_name_differently(places: Places) -> None:
    places.organisation('[regions]\neu = "DE"\n')
    places.organisation('[regions]\neu = "FR"\n', "policy.d/a.toml")

    assert codes(places) == {("conflict", "a.toml", 2)}


@pytest.mark.parametrize("kind", ["regions", "groups"])
@pytest.mark.parametrize(
    ("user", "definer", "fine"),
    [
        ("organisation", "workspace", False),
        ("organisation", "user", False),
        ("user", "workspace", False),
        ("workspace", "user", True),
        ("workspace", "organisation", True),
        ("user", "organisation", True),
        ("user", "builtin", True),
        ("workspace", "workspace", True),
    ],
)
def test_no_trusted_file_builds_on_what_a_less_trusted_one_defines(
    kind: str, user: str, definer: str, fine: bool, places: Places
) -> None:
    wanted = "regions" if kind == "regions" else "models"
    uses = f"[[guardrails]]\nrequire = {{ {wanted} = 'mine' }}\n"
    defines = "[regions]\nmine = 'DE'\n" if kind == "regions" else "[groups.mine]\nmodels = 'ollama/a'\n"
    if user == definer:
        getattr(places, user)(uses + defines)
    else:
        getattr(places, user)(uses)
        getattr(places, definer)(defines)

    if fine:
        assert loaded(places).guardrails
    else:
        assert codes(places) == {("not_defined_here", "policy.toml", 2)}


def test_groups_and_regions_arrive(places: Places) -> None:
    places.workspace('[groups.fast]\nmodels = ["openai/*", "ollama/a"]\nweights = [2, 1]\n')
    places.organisation('[regions]\neu = ["DE", "FR"]\nuk = "GB"\n')

    policy = loaded(places)

    assert policy.regions == {"eu": frozenset({"DE", "FR"}), "uk": frozenset({"GB"})}
    assert (policy.groups["fast"].models, policy.groups["fast"].weights) == (("openai/*", "ollama/a"), (2, 1))
    assert policy.groups["fast"].layer is Layer.WORKSPACE


def test_overrides_may_name_groups_and_still_need_every_layer(places: Places) -> None:
    places.organisation('[groups.ok]\nmodels = ["openai/*", "ollama/a"]\n[overrides]\nmodels = "ok"\n')
    places.user('[overrides]\nmodels = ["openai/x", "ollama/*", "gemini/y"]\n')

    assert loaded(places).overrides.models == ("ollama/a", "openai/x")


def test_what_else_a_rule_may_say_arrives(places: Places) -> None:
    places.user(
        """[groups.fast]
models = "ollama/a"
[[routing.rules]]
name = "a"
pick = "cheapest"
from = "fast"
min_quality = { review = 80, default = 60 }
max_cost = "0.05"
max_latency_ms = 1500
tools = { shell = "deny" }
[[routing.rules]]
name = "the smallest model that clears the bar"
pick = "cheapest"
min_quality = 70
"""
    )

    first, second = loaded(places).rules

    assert first.target.sources == ("fast",)
    assert [first.target.floor_for(intent) for intent in ("review", "chat")] == [80.0, 60.0]
    assert (first.max_cost, first.max_latency_ms) == (Money(Decimal("0.05")), 1500)
    assert first.tools == {Tool.SHELL: Permission.DENY}
    assert (second.target.pick, second.target.floor_for("chat")) == (Pick.CHEAPEST, 70.0)


def test_identity_is_taken_key_by_key_and_the_organisations_word_wins(places: Places) -> None:
    places.organisation('[identity]\nteam = "payments"\ntier = "internal"\n')
    places.user('[identity]\nuser = "ada"\nteam = "root"\ntenant = "t"\nworkload = "w"\n')

    assert loaded(places).identity == Identity("ada", "payments", "t", "internal", "w")

    places.organisation('[identity]\nteam = "sales"\n', "policy.d/a.toml")
    assert codes(places) == {("conflict", "a.toml", 2)}


def test_repositories_are_bound_by_trusted_files_only(places: Places) -> None:
    places.user('[[repositories]]\npath = "~/work/*"\nlabels = "mine"\n')
    places.organisation(
        '[[repositories]]\nremote = ["github.com/acme/*"]\ndata = ["personal"]\ntier = "gold"\ntenant = "t"\n'
        'team = "x"\nworkload = "w"\n'
    )

    first, second = loaded(places).repositories

    assert (first.layer, first.remote, first.data) == (Layer.ORGANISATION, ("github.com/acme/*",), ("personal",))
    assert (first.tier, first.tenant, first.team, first.workload, first.place.line) == ("gold", "t", "x", "w", 1)
    assert (second.layer, second.path, second.labels) == (Layer.USER, ("~/work/*",), ("mine",))

    places.workspace('[identity]\ntier = "platinum"\n[[repositories]]\npath = "/"\ntier = "platinum"\n')
    assert {(code, line) for code, _, line in codes(places)} == {("not_in_workspace", 1), ("not_in_workspace", 3)}


FACTS = """vendor = "acme"
family = "qwen"
processing_countries = ["FR", "DE", "FR"]
storage_countries = []
serving_scope = "region"
operator_country = "DE"
zero_retention = true
trains_on_data = false
certifications = ["soc2"]
evidence_url = "https://acme.example/trust"
evidence_date = 2026-05-01
latency_ms = 700
speed = 80
"""


def test_every_fact_of_a_deployment_arrives(places: Places) -> None:
    places.user(f'[providers.openai]\n{FACTS}[models."ollama/a"]\n{FACTS}')

    policy = loaded(places)

    expected = DeploymentFacts(
        vendor="acme",
        family="qwen",
        processing_countries=("DE", "FR"),
        storage_countries=(),
        serving_scope="region",
        operator_country="DE",
        zero_retention=True,
        trains_on_data=False,
        certifications=("soc2",),
        evidence_url="https://acme.example/trust",
        evidence_date="2026-05-01",
        latency_ms=700,
        speed=80.0,
    )
    assert (policy.providers["openai"].facts, policy.models["ollama/a"].facts) == (expected, expected)


def test_detect_is_the_strictest_of_all_layers_and_becomes_guardrails(places: Places) -> None:
    places.organisation('[privacy.detect]\npersonal = "redact"\nsecrets = "local"\npublic = "warn"\n')
    places.workspace('[privacy.detect]\npersonal = "local"\nsecrets = "warn"\n')
    places.user('[privacy]\ndetect = { secrets = "block" }\n')

    result = load_policy(places.policies)
    policy = result.policy

    assert policy.detect == {"personal": Detect.LOCAL, "public": Detect.WARN, "secrets": Detect.BLOCK}
    personal, secrets = policy.guardrails
    assert (personal.name, personal.layer, personal.match) == (
        "privacy.detect personal",
        Layer.WORKSPACE,
        Match(data=("personal",)),
    )
    assert (personal.require, personal.forbid, personal.place.line) == (Demands(local=True), Demands(), 2)
    assert (secrets.name, secrets.layer) == ("privacy.detect secrets", Layer.USER)
    assert (secrets.require, secrets.forbid) == (Demands(local=True), Demands(local=True))
    assert [one.code for one in result.findings] == ["detect_not_scanned"] * 3
    assert "redact" in result.findings[0].message


def test_redacting_is_keeping_here_as_long_as_nothing_is_redacted(places: Places) -> None:
    places.user('[privacy.detect]\npersonal = "redact"\n')

    (guardrail,) = loaded(places).guardrails

    assert guardrail.require == Demands(local=True)


def test_a_policys_own_tests_arrive_and_are_no_part_of_its_digest(places: Places) -> None:
    before = loaded(places).digest
    places.user(
        """[[tests]]
name = "all"
[tests.given]
task = "x"
intent = "review"
skill = "s"
paths = ["a", "b"]
effort = "low"
labels = "l"
data = "d"
model = "ollama/a"
tokens = 0
tier = "t1"
tenant = "t2"
team = "t3"
workload = "w"
user = "u"
repo = "github.com/acme/shop"
languages = "python"
available = []
[tests.expect]
outcome = "routed"
model = "ollama/a"
not_model = "openai/*"
rule = "r"
local = true
eligible = ["ollama/a"]
not_eligible = ["openai/*", "gemini/*"]
effort = "high"
permissions = { git = "deny" }
[[tests]]
name = "little"
expect = { local = false }
"""
    )

    policy = loaded(places)
    first, second = policy.tests

    assert first.given == Given(
        task="x", intent="review", skill="s", paths=("a", "b"), effort=Effort.LOW, labels=("l",), data=("d",),
        model="ollama/a", tokens=0, tier="t1", tenant="t2", team="t3", workload="w", user="u",
        repo="github.com/acme/shop", languages=("python",), available=(),
    )  # fmt: skip
    assert first.expect == Expected(
        outcome="routed", model="ollama/a", not_model=("openai/*",), rule="r", local=True, eligible=("ollama/a",),
        not_eligible=("openai/*", "gemini/*"), effort=Effort.HIGH, permissions={Tool.GIT: Permission.DENY},
    )  # fmt: skip
    assert (first.name, first.layer, first.order, first.place.line) == ("all", Layer.USER, 0, 1)
    assert (second.given, second.expect, second.order) == (Given(), Expected(local=False), 1)
    assert policy.digest == before
