"""Checking files without using them: whose file it is, what files know of each other, what the layers come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError
from smista_mcp.policy.check import check_files, check_places
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.layers import load_policy
from smista_mcp.policy.types import Place
from tests.policy.files import Places, lines

KEY = "sk-live0123456789abcdefghij"


def test_a_workspaces_file_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "[providers.openai]\nenabled = true\n"
    anywhere = tmp_path / "policy.toml"
    anywhere.write_text(text)
    inside = tmp_path / ".smista" / "policy.toml"
    inside.parent.mkdir()
    inside.write_text(text)

    assert check_files([anywhere]) == ()
    assert lines(check_files([inside])) == [(1, "not_in_workspace")]

    monkeypatch.chdir(inside.parent)
    assert lines(check_files([Path("policy.toml")])) == [(1, "not_in_workspace")]


def test_files_checked_together_know_each_others_providers_and_intents(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[routing.rules]]\nname = "a"\nmodel = "acme/coder"\nintent = "audit"\n')
    facts = tmp_path / "facts.toml"
    facts.write_text(
        '[providers.acme]\ntype = "openai-compatible"\nbase_url = "https://llm.acme.example/v1"\n'
        '[[classification.rules]]\nintent = "audit"\nkeywords = ["audit"]\n'
    )

    assert lines(check_files([rules])) == [(3, "unknown_provider"), (4, "unknown_intent")]
    assert check_files([rules, facts]) == ()


def test_files_checked_together_may_use_the_same_names_for_rules(tmp_path: Path) -> None:
    paths = [tmp_path / "one.toml", tmp_path / "two.toml"]
    for path in paths:
        path.write_text('[[routing.rules]]\nname = "a"\nmodel = "ollama/a"\n')

    assert check_files(paths) == ()


def test_files_are_called_what_the_caller_calls_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text("x = 1\n")

    (finding,) = check_files([Path("a.toml")])

    assert finding.place == Place("a.toml", 1)
    assert str(finding).startswith("a.toml:1: error: Unknown key `x`")
    assert finding.as_dict() == {
        "code": "unknown_key",
        "severity": "error",
        "file": "a.toml",
        "line": 1,
        "message": finding.message,
        "fix": finding.fix,
    }


@pytest.mark.parametrize("name", ["missing.toml", "folder", "folder/policy.toml/x", "\x00"])
def test_what_cannot_be_read_is_a_finding(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    assert lines(check_files([tmp_path / name])) == [(0, "unreadable")]


def test_nothing_to_check_is_nothing_found() -> None:
    assert check_files([]) == ()


def test_layers_without_any_default_route_are_warned_about(places: Places) -> None:
    places.builtin("")

    (finding,) = check_places(places.policies)

    assert (finding.code, finding.severity) == ("no_default", Severity.WARNING)


def test_the_layers_are_checked_for_what_they_come_to(places: Places) -> None:
    places.user("[providers.acme]\nregion = 'eu'\n")

    assert [(finding.code, finding.place.line) for finding in check_places(places.policies)] == [("missing_key", 1)]


def test_ties_are_found_across_the_files_of_a_layer_and_not_across_layers(places: Places) -> None:
    rule = '[[routing.rules]]\nname = "{}"\nmodel = "ollama/a"\n'
    places.organisation(rule.format("a"))
    places.user(rule.format("b"))
    assert check_places(places.policies) == ()

    places.organisation(rule.format("c"), "policy.d/c.toml")
    assert [finding.code for finding in check_places(places.policies)] == ["tie"]


POSITIONS = [
    f'"{KEY}" = 1',
    f'["{KEY}"]',
    f'[routing]\n"{KEY}" = 1',
    f'[routing.default]\nmodel = "{KEY}"',
    f'[routing.default]\nmodel = "{KEY}/x"',
    f'[routing.default]\nmodel = "ollama/{KEY}"',
    f'[routing.default]\nmodel = "ollama/a"\neffort = "{KEY}"',
    f'[routing.default]\nmodel = "ollama/a"\nfallbacks = ["ollama/{KEY}", "ollama/{KEY}"]',
    f'[[routing.rules]]\nname = "{KEY}"',
    f'[[routing.rules]]\nname = "{KEY}"\nmodel = "ollama/a"\n[[routing.rules]]\nname = "{KEY}"\nmodel = "ollama/a"',
    f'[[routing.rules]]\nname = "a"\nmodel = "ollama/a"\nintent = "{KEY}"',
    f'[[routing.rules]]\nname = "a"\nmodel = "ollama/a"\npaths = "../{KEY}"',
    f'[[routing.rules]]\nname = "a"\nmodel = "ollama/a"\npaths = "./{KEY}"',
    f'[providers."{KEY}"]',
    f'[providers."{KEY}"]\ntype = "{KEY}"',
    f'[providers.openai]\nheaders = {{ "{KEY}" = "{KEY}" }}',
    f'[providers.openai]\napi_key = "{KEY}"\nbase_url = "https://x.example/{KEY}"',
    f'[providers.openai]\napi_key = "${{env:{KEY}}}"',
    f'[models."{KEY}"]',
    f'[models."ollama/{KEY}"]\nquality = {{ "{KEY}" = 101 }}\ncurrency = "{KEY}"\ninput_price = "{KEY}"',
    f'[overrides]\nmodels = ["{KEY}"]',
    f'[tools.permissions]\nshell = "{KEY}"',
    f"[policy]\nowner = '{KEY}'",
    f"[policy]\nowner = '{KEY}'\nowner = 2",
    f"a = {{ {KEY} = 1, {KEY} = 2 }}",
    f"{KEY}",
    f"[{KEY}]\n[{KEY}]",
    f'# {KEY}\nx = "{KEY}"',
]


@pytest.mark.parametrize("text", POSITIONS)
def test_no_message_repeats_a_secret_wherever_it_stands(text: str, places: Places) -> None:
    places.user(text)
    assert places.policies.user is not None

    for findings in (
        check_files([places.policies.user], is_known_model=lambda _: False),
        check_places(places.policies, is_known_model=lambda _: False),
    ):
        assert any(finding.severity is Severity.ERROR for finding in findings)
        assert KEY not in told(findings)
        assert "0123456789" not in told(findings)
    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)
    assert "0123456789" not in f"{caught.value} {caught.value.hint} {caught.value.as_dict()}"


def told(findings: tuple[Finding, ...]) -> str:
    return " ".join([*map(str, findings), *map(repr, findings)])
