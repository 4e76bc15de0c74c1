"""A policy's own tests: what passes, what fails and how that is said, and what is called not reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from smista_mcp.analysis.diff import diff_tests
from smista_mcp.analysis.policy_tests import Bench, Report, models_named, run_tests
from smista_mcp.analysis.steps import path_fact
from tests.analysis.files import MOMENT, catalog_of, loaded

POLICY = """\
[[routing.rules]]
name = "reviews of logins stay here"
priority = 5
intent = "review"
paths = ["src/auth/**"]
local_only = true
effort = "high"
model = "ollama/qwen2.5-coder:7b"

[[routing.rules]]
name = "changelogs"
priority = 6
skill = "changelog"
model = "openai/gpt-5.4"

[[guardrails]]
name = "payments stay here"
paths = ["src/payments/**"]
require = { local = true, tools = { shell = "deny" } }

[[guardrails]]
name = "platinum by Anthropic"
tier = "platinum"
require = { vendors = ["anthropic", "local"] }

[routing.default]
model = "anthropic/claude-opus-5-5"
fallbacks = ["openai/gpt-5.4"]
"""


def run(tmp_path: Path, *tests: str) -> Report:
    policy = loaded(tmp_path, POLICY + "".join(f"\n[[tests]]\n{test}\n" for test in tests))
    return run_tests(policy, catalog_of(policy, *models_named(policy.tests)), MOMENT)


PASSING = [
    'given = { intent = "review", paths = ["src/auth/a.py"] }\n'
    'expect = { outcome = "routed", model = "ollama/qwen2.5-coder:7b", rule = "reviews of logins stay here", '
    'local = true, effort = "high", not_model = ["openai/*"] }',
    'given = { paths = ["src/payments/x.py"], tier = "basic" }\n'
    'expect = { local = true, not_eligible = ["openai/*"], permissions = { shell = "deny" } }',
    'given = { tier = "platinum" }\nexpect = { model = "anthropic/claude-opus-5-5", not_eligible = ["openai/*"] }',
    'given = { tier = "basic", available = ["openai/gpt-5.4"] }\n'
    'expect = { model = "openai/gpt-5.4", eligible = ["openai/gpt-5.4"], not_eligible = ["anthropic/*"] }',
    'given = { tier = "basic", available = ["acme/unheard-of"], model = "acme/unheard-of" }\n'
    'expect = { eligible = ["acme/unheard-of"] }',
    # A path that leads out of the workspace counts as restricted, as in a real step.
    'given = { tier = "basic", paths = ["../elsewhere"] }\nexpect = { not_eligible = ["openai/*"] }',
    # The text goes on saying what it says, whatever the caller calls it; and nobody's tier is nobody's exemption.
    'given = { task = "Say hello" }\nexpect = { not_eligible = ["openai/*"] }',
    'given = { repo = "github.com/Acme/Shop", tier = "basic", tokens = 10 }\nexpect = { outcome = "routed" }',
]


@pytest.mark.parametrize("test", PASSING)
def test_what_is_so_passes(tmp_path: Path, test: str) -> None:
    report = run(tmp_path, 'name = "it"\n' + test.replace('"acme/', '"openai/'))
    assert [one.failures for one in report.results] == [()]


FAILING = [
    ('expect = { outcome = "no_route" }', "outcome: expected no_route, got routed"),
    ('expect = { model = "openai/gpt-5.4" }', "model: expected openai/gpt-5.4, got anthropic/claude-opus-5-5"),
    ('expect = { not_model = ["anthropic/*"] }', "not_model: anthropic/claude-opus-5-5 was chosen"),
    ('expect = { rule = "changelogs" }', "rule: expected 'changelogs', got 'default route of the user policy'"),
    ("expect = { local = true }", "local: expected local, but anthropic/claude-opus-5-5 is remote"),
    ('expect = { eligible = ["openai/gpt-5.4"] }', "eligible: openai/gpt-5.4 is not: user guardrail 'platinum by"),
    ('expect = { not_eligible = ["anthropic/*"] }', "not_eligible: anthropic/"),
    ('expect = { not_eligible = ["openai/gtp-5"] }', "not_eligible: there is no openai/gtp-5 in the catalog"),
    ('expect = { eligible = ["openai/gtp-5"] }', "eligible: there is no openai/gtp-5 in the catalog"),
    ('expect = { effort = "low" }', "effort: expected low, got none"),
    ('expect = { permissions = { shell = "deny" } }', "permissions: expected shell = deny, got ask"),
]


@pytest.mark.parametrize(("expect", "said"), FAILING)
def test_what_is_not_so_fails_and_says_how(tmp_path: Path, expect: str, said: str) -> None:
    report = run(tmp_path, f'name = "it"\ngiven = {{ tier = "platinum" }}\n{expect}')
    (result,) = report.results
    assert report.failed == 1
    assert result.failures[0].startswith(said)
    assert result.decision is not None


def test_a_step_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    report = run(tmp_path, 'name = "it"\ngiven = { intent = "reviw" }\nexpect = { local = true }')
    assert "no step can be like this: unknown intent" in report.results[0].failures[0]


def test_what_no_test_reaches_is_named(tmp_path: Path) -> None:
    report = run(tmp_path, f'name = "a"\n{PASSING[0]}', f'name = "b"\n{PASSING[2]}')
    assert [(one.kind, one.name) for one in report.unreached] == [
        ("rule", "changelogs"),
        ("guardrail", "payments stay here"),
    ]
    assert report.parts == 5
    assert len(run(tmp_path).unreached) == 5


def test_a_diff_names_what_changes_and_which_rule_now_decides(tmp_path: Path) -> None:
    test = '\n[[tests]]\nname = "a review"\ngiven = { intent = "review" }\nexpect = { outcome = "routed" }\n'
    old = loaded(tmp_path / "old", '[[routing.rules]]\nname = "all"\nmodel = "openai/gpt-5.4"\n' + test)
    new = loaded(
        tmp_path / "new",
        '[[routing.rules]]\nname = "reviews"\nintent = "review"\nmodel = "anthropic/claude-opus-5-5"\n'
        '[[guardrails]]\nname = "no OpenAI"\nforbid = { models = ["openai/gpt-5.4"] }\n'
        '[[tests]]\nname = "a plan"\ngiven = { intent = "plan", tier = "x" }\nexpect = { outcome = "routed" }\n',
    )
    named = {*old.mentioned_models(), *new.mentioned_models()}
    benches = [Bench(one, catalog_of(one, *sorted(named)), MOMENT) for one in (old, new)]
    count, changes = diff_tests(*benches)
    assert count == 2
    review = next(one for one in changes if one.case == "a review")
    assert "chain: openai/gpt-5.4 before, anthropic/claude-opus-5-5 now" in review.differences
    assert "no longer eligible: openai/gpt-5.4" in review.differences
    assert "decided by: 'all' before, 'reviews' now" in review.differences
    assert diff_tests(benches[0], benches[0]) == (1, ())
    assert diff_tests(benches[1], benches[1]) == (1, ())


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "..", "~/x", " "])
def test_a_path_that_leads_out_is_not_canonical(path: str) -> None:
    assert not path_fact(path).canonical


def test_the_names_of_a_path_are_those_of_a_real_step() -> None:
    assert path_fact("./src/../Src/A.py").names == ("Src/A.py", "src/a.py")
    assert path_fact("docs/").names == ("docs/",)
