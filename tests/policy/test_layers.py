"""Whose word counts: the order of the layers, and what each of them may say."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError
from smista_mcp.policy.findings import Finding
from smista_mcp.policy.layers import LoadedPolicy, OrganisationPlace, PolicyPlaces, load_policy
from smista_mcp.policy.types import DeploymentFacts, Effort, Layer, Overrides, Permission, Pick, Policy, Tool
from tests.policy.files import Places


def loaded(places: Places) -> Policy:
    return load_policy(places.policies).policy


def codes(places: Places) -> set[tuple[str, str, int]]:
    """The errors of a policy that does not load: code, file name, line."""
    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)
    found = [finding for finding in caught.value.findings if isinstance(finding, Finding)]
    assert found
    return {(one.code, Path(one.place.file).name, one.place.line) for one in found}


def rule(name: str, *more: str) -> str:
    return "\n".join(["[[routing.rules]]", f'name = "{name}"', 'model = "ollama/a"', *more, ""])


def test_the_built_in_policy_alone_is_enough(places: Places) -> None:
    result = load_policy(places.policies)

    assert isinstance(result, LoadedPolicy)
    assert result.findings == ()
    assert result.policy.name == "built-in"
    assert [default.model for default in result.policy.defaults] == ["embedded/smollm2"]
    assert result.policy.layers == ((Layer.BUILTIN, "built-in/default.toml"),)


def test_a_missing_built_in_policy_is_an_error(places: Places) -> None:
    places.policies.builtin.unlink()

    assert codes(places) == {("unreadable", "default.toml", 0)}


def test_rules_are_tried_by_layer_then_priority_then_position(places: Places) -> None:
    places.organisation(rule("o2") + rule("o1", "priority = 1") + rule("o3") + rule("o-late", "overridable = true"))
    places.workspace(rule("w2", "priority = 2000") + rule("w1"))
    places.user(rule("u1", "priority = -5"))
    places.builtin(rule("b1", "priority = -9"))

    policy = loaded(places)

    assert [one.name for one in policy.rules] == ["o1", "o2", "o3", "w1", "w2", "o-late", "u1", "b1"]
    assert {one.name: one.order for one in policy.rules if one.layer is Layer.ORGANISATION} == {
        "o2": 0,
        "o1": 1,
        "o3": 2,
        "o-late": 3,
    }


def test_files_beside_the_organisations_belong_to_it_in_the_order_of_their_names(places: Places) -> None:
    places.organisation(rule("second"), "policy.d/20-more.toml")
    places.organisation(rule("first"), "policy.d/10-first.toml")
    places.organisation(rule("main"))
    places.organisation("not read", "policy.d/notes.txt")
    places.organisation("not read", "policy.d/.#10-first.toml")

    policy = loaded(places)

    assert [one.name for one in policy.rules] == ["main", "first", "second"]
    assert [one.order for one in policy.rules] == [0, 1, 2]
    assert {one.layer for one in policy.rules} == {Layer.ORGANISATION}


def test_rule_names_are_unique_within_a_layer_but_not_between_layers(places: Places) -> None:
    places.organisation(rule("same"))
    places.user(rule("same"))
    assert len(loaded(places).rules) == 2

    places.organisation(rule("other") + rule("same"), "policy.d/a.toml")
    assert codes(places) == {("duplicate_rule_name", "a.toml", 5)}


def test_every_key_of_a_rule_arrives(places: Places) -> None:
    places.organisation(
        """[[routing.rules]]
name = "all"
priority = 3
intent = ["review", "debug"]
skill = "changelog"
paths = ["src/**"]
labels = ["x", "y"]
pick = "cheapest"
from = ["ollama/*"]
min_quality = 60
fallbacks = "openai/a"
effort = "xhigh"
local_only = true
requires = "tools"
overridable = true
"""
    )

    found = loaded(places).rules[0]

    assert found.match.intent == ("review", "debug")
    assert (found.match.skill, found.match.paths, found.match.labels) == (("changelog",), ("src/**",), ("x", "y"))
    assert (found.target.pick, found.target.sources, found.target.min_quality) == (Pick.CHEAPEST, ("ollama/*",), 60.0)
    assert (found.fallbacks, found.effort, found.local_only) == (("openai/a",), Effort.XHIGH, True)
    assert (found.requires, found.overridable, found.priority) == (("tools",), True, 3)
    assert found.place.line == 1


def test_defaults_go_from_the_most_trusted_layer_down(places: Places) -> None:
    places.user('[routing.default]\nmodel = "ollama/u"\neffort = "low"\n')
    places.organisation('[policy]\nname = "acme"\n[routing.default]\nmodel = "ollama/o"\nfallbacks = ["ollama/p"]\n')

    policy = loaded(places)

    assert [(one.model, one.layer, one.place.line) for one in policy.defaults] == [
        ("ollama/o", Layer.ORGANISATION, 3),
        ("ollama/u", Layer.USER, 1),
        ("embedded/smollm2", Layer.BUILTIN, 4),
    ]
    assert policy.name == "acme"


def test_restricted_paths_are_those_of_all_layers(places: Places) -> None:
    places.organisation('[privacy]\nrestricted_paths = ["a/**", "b/**"]\n')
    places.workspace('[privacy]\nrestricted_paths = "c/**"\n')
    places.user('[privacy]\nrestricted_paths = ["b/**", "d/**"]\n')

    assert loaded(places).restricted_paths == ("a/**", "b/**", "c/**", "d/**")


@pytest.mark.parametrize(
    ("organisation", "workspace", "user", "expected"),
    [
        ("", "", "", Overrides(allow=True, models=None)),
        ("allow = true", "allow = false", "", Overrides(allow=False)),
        ("", "", "allow = false", Overrides(allow=False)),
        ('models = ["ollama/*", "openai/a"]', "", "", Overrides(models=("ollama/*", "openai/a"))),
        (
            'models = ["ollama/*", "openai/a"]',
            'models = ["ollama/q*", "openai/*", "gemini/a"]',
            "",
            Overrides(models=("ollama/q*", "openai/a")),
        ),
        ('models = ["ollama/a"]', 'models = ["ollama/b"]', 'models = ["ollama/*"]', Overrides(models=())),
        ("models = []", 'models = ["ollama/b"]', "", Overrides(models=())),
    ],
)
def test_overrides_need_every_layer(
    organisation: str, workspace: str, user: str, expected: Overrides, places: Places
) -> None:
    places.organisation(f"[overrides]\n{organisation}\n")
    places.workspace(f"[overrides]\n{workspace}\n")
    places.user(f"[overrides]\n{user}\n")

    assert loaded(places).overrides == expected


@pytest.mark.parametrize(
    ("organisation", "workspace", "user", "builtin", "expected"),
    [
        (None, None, None, None, "deny"),
        (None, None, None, "ask", "ask"),
        (None, None, "allow", "ask", "allow"),
        ("ask", None, "allow", "deny", "ask"),
        ("allow", None, "deny", "allow", "deny"),
        ("allow", "ask", "allow", "deny", "ask"),
        ("allow", None, None, "deny", "allow"),
        (None, "allow", None, "deny", "deny"),
        (None, "allow", "ask", "deny", "ask"),
        (None, "deny", None, "allow", "deny"),
    ],
)
def test_permissions_are_the_strictest_and_a_workspace_only_tightens(
    organisation: str | None,
    workspace: str | None,
    user: str | None,
    builtin: str | None,
    expected: str,
    places: Places,
) -> None:
    for write, mode in (
        (places.organisation, organisation),
        (places.workspace, workspace),
        (places.user, user),
        (places.builtin, builtin),
    ):
        write(f'[tools.permissions]\nshell = "{mode}"\n' if mode else "")

    policy = loaded(places)

    assert policy.permissions[Tool.SHELL] is Permission(expected)
    assert policy.permissions[Tool.GIT] is Permission.DENY
    assert set(policy.permissions) == set(Tool)


def test_providers_are_merged_key_by_key_and_the_more_trusted_layer_wins(places: Places) -> None:
    places.organisation(
        """[providers.openai]
base_url = "https://gateway.acme.example/v1"
enabled = true
headers = { X-Title = "acme" }
"""
    )
    places.user(
        """[providers.openai]
base_url = "https://elsewhere.example/v1"
api_key = "${env:MY_KEY}"
region = "eu"
enabled = false
headers = { x-title = "mine", X-Team = "${env:TEAM}" }
[providers.mine]
type = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
local = true
"""
    )

    providers = loaded(places).providers

    openai = providers["openai"]
    assert openai.type == "openai"
    assert (openai.base_url, openai.base_url_layer) == ("https://gateway.acme.example/v1", Layer.ORGANISATION)
    assert (openai.api_key, openai.enabled) == ("${env:MY_KEY}", True)
    assert openai.region is None, "where it runs is the organisation's to say"
    assert dict(openai.headers) == {"x-title": "acme", "x-team": "${env:TEAM}"}
    assert openai.layer is Layer.ORGANISATION
    assert openai.local is None
    assert openai.place is not None
    assert openai.place.line == 1
    assert (providers["mine"].type, providers["mine"].local, providers["mine"].layer) == (
        "openai-compatible",
        None,
        Layer.USER,
    )


def test_models_are_merged_key_by_key_too(places: Places) -> None:
    places.user('[models."ollama/a"]\ninput_price = "0.50"\nquality = { review = 70 }\n')
    places.builtin(
        """[models."ollama/a"]
input_price = "9"
output_price = "1.25"
currency = "EUR"
context_window = 8192
max_output_tokens = 100
capabilities = ["tools"]
aliases = "a-2026"
quality = { review = 10, default = 40.5 }
"""
    )

    found = loaded(places).models["ollama/a"]

    assert (found.input_price, found.output_price, found.currency) == (Decimal("0.50"), Decimal("1.25"), "EUR")
    assert (found.context_window, found.max_output_tokens) == (8192, 100)
    assert (found.capabilities, found.aliases) == (("tools",), ("a-2026",))
    assert dict(found.quality) == {"default": 40.5, "review": 70.0}
    assert found.layer is Layer.USER


def test_what_guardrails_ask_for_is_the_organisations_to_state_where_there_is_one(places: Places) -> None:
    places.user(
        """[providers.openai]
processing_countries = ["DE"]
zero_retention = true
local = true
api_key = "${env:MINE}"
[models."openai/gpt-5"]
input_price = "0"
currency = "EUR"
latency_ms = 1
context_window = 8192
"""
    )
    assert loaded(places).providers["openai"].facts.zero_retention is True

    places.organisation('[models."openai/gpt-5"]\ninput_price = "2"\noutput_price = "8"\n')

    both = load_policy(places.policies)
    openai, model = both.policy.providers["openai"], both.policy.models["openai/gpt-5"]
    assert (openai.local, openai.facts, openai.api_key) == (None, DeploymentFacts(), "${env:MINE}")
    assert (model.input_price, model.currency, model.facts) == (Decimal(2), "USD", DeploymentFacts())
    assert model.context_window == 8192
    assert sum(one.code == "not_believed" for one in both.findings) == 6


def test_what_the_organisation_says_of_a_place_does_not_follow_it_elsewhere(places: Places) -> None:
    places.organisation(
        '[providers.openai]\nlocal = true\nzero_retention = true\n[models."openai/gpt-5"]\nvendor = "openai"\n'
    )
    assert loaded(places).providers["openai"].facts.zero_retention is True

    places.user('[providers.openai]\nbase_url = "https://elsewhere.example/v1"\n')

    policy = loaded(places)
    assert (policy.providers["openai"].local, policy.providers["openai"].facts) == (None, DeploymentFacts())
    assert policy.models["openai/gpt-5"].facts == DeploymentFacts()


def test_a_repository_may_neither_redirect_keys_nor_declare_facts(places: Places) -> None:
    places.workspace(
        '[providers.openai]\nbase_url = "https://elsewhere.example"\n[models."ollama/a"]\ninput_price = "0"\n'
    )

    assert codes(places) == {("not_in_workspace", "policy.toml", 1), ("not_in_workspace", "policy.toml", 3)}


def test_local_is_believed_from_organisation_and_user_only(places: Places) -> None:
    places.builtin('[providers.mine]\ntype = "openai-compatible"\nbase_url = "http://127.0.0.1:1/v1"\nlocal = true\n')
    assert loaded(places).providers["mine"].local is None

    places.user("[providers.mine]\nlocal = true\n")
    assert loaded(places).providers["mine"].local is True

    places.organisation("[providers.mine]\nlocal = false\n")
    assert loaded(places).providers["mine"].local is False


def test_a_provider_of_any_layer_is_known_to_all(places: Places) -> None:
    places.workspace('[routing.default]\nmodel = "acme/coder"\n')
    assert codes(places) == {("unknown_provider", "policy.toml", 2)}

    places.user('[providers.acme]\ntype = "openai-compatible"\nbase_url = "https://llm.acme.example/v1"\n')
    assert loaded(places).defaults[0].model == "acme/coder"


def test_a_provider_that_is_not_well_known_needs_a_type_and_an_address_from_some_layer(places: Places) -> None:
    places.user("[providers.acme]\nenabled = true\n")
    assert codes(places) == {("missing_key", "policy.toml", 1)}

    places.organisation('[providers.acme]\ntype = "openai-compatible"\n')
    assert codes(places) == {("missing_key", "policy.toml", 1)}

    places.organisation('[providers.acme]\nbase_url = "https://llm.acme.example/v1"\n', "policy.d/a.toml")
    assert loaded(places).providers["acme"].base_url == "https://llm.acme.example/v1"


@pytest.mark.parametrize("layer", ["workspace", "user", "builtin"])
def test_only_the_organisation_has_overridable_rules(layer: str, places: Places) -> None:
    getattr(places, layer)(rule("a", "overridable = true"))

    assert {code for code, _, _ in codes(places)} == {"organisation_only"}


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ('[routing.default]\nmodel = "ollama/a"\n', '[routing.default]\nmodel = "ollama/b"\n', 1),
        ('[classification]\ndefault_intent = "chat"\n', '[classification]\ndefault_intent = "edit"\n', 2),
        ("[providers.openai]\nenabled = true\n", "[providers.openai]\nenabled = false\n", 2),
        ('[models."ollama/a"]\ncontext_window = 1\n', '[models."ollama/a"]\ncontext_window = 2\n', 2),
    ],
)
def test_files_of_one_layer_may_repeat_but_not_contradict_each_other(
    first: str, second: str, line: int, places: Places
) -> None:
    places.organisation(first)
    places.organisation(first, "policy.d/a.toml")
    loaded(places)

    places.organisation(second, "policy.d/a.toml")
    assert codes(places) == {("conflict", "a.toml", line)}


def test_classification_rules_go_by_layer_and_priority(places: Places) -> None:
    def entry(intent: str, more: str = "") -> str:
        return f'[[classification.rules]]\nintent = "{intent}"\nkeywords = ["{intent} it"]\n{more}\n'

    places.organisation('[classification]\ndefault_intent = "plan"\n' + entry("audit"))
    places.workspace(entry("late") + entry("early", "priority = 1\npaths = ['x/**']\nrequires_any_context = true"))
    places.user('[classification]\ndefault_intent = "chat"\n' + rule("r", 'intent = "audit"'))

    policy = loaded(places)

    assert [one.intent for one in policy.classification] == ["audit", "early", "late"]
    early = policy.classification[1]
    assert (early.keywords, early.paths, early.requires_any_context) == (("early it",), ("x/**",), True)
    assert policy.default_intent == "plan"
    assert load_policy(places.policies).findings == ()


def test_what_names_the_policy_comes_from_the_most_trusted_layer(places: Places) -> None:
    places.user('[policy]\nname = "mine"\nowner = "me"\nserial = 1\n')
    places.organisation('[policy]\nowner = "platform@acme.example"\nserial = 4\nrequired = true\n')

    policy = loaded(places)

    assert (policy.name, policy.owner, policy.serial) == ("mine", "platform@acme.example", 4)


def test_the_standard_places_are_those_of_this_user_and_workspace(tmp_path: Path) -> None:
    places = PolicyPlaces.standard(tmp_path)

    assert places.workspace == tmp_path / ".smista" / "policy.toml"
    assert places.organisation == OrganisationPlace.standard()
    assert places.user is not None
    assert places.user.name == "policy.toml"
    assert places.builtin.name == "default.toml"


def test_a_layer_without_a_file_or_without_a_place_is_skipped(places: Places) -> None:
    bare = PolicyPlaces(places.policies.organisation, None, None, places.policies.builtin)

    assert load_policy(bare).policy.digest == loaded(places).digest


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_regular_file_is_refused_without_waiting_for_it(kind: str, places: Places) -> None:
    path = places.workspace("")
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")

    assert codes(places) == {("unreadable", "policy.toml", 0)}
