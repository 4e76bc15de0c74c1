"""``check`` and ``policy`` as a user meets them, with real files, a real ledger and real processes."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from smista_mcp.cli.sarif import DESCRIPTIONS, sarif
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.types import Place
from tests.cli.test_commands import smista
from tests.server.process import Home, Provider

DOCS = Path(__file__).parents[2] / "docs" / "policy-tools.md"

POLICY = """\
[[routing.rules]]
name = "logins are reviewed here"
priority = 5
intent = "review"
paths = ["src/auth/**"]
local_only = true
model = "ollama/qwen2.5-coder:7b"

[[guardrails]]
name = "payments stay on this machine"
paths = ["src/payments/**"]
require = { local = true }
why = "contract with the bank"

[routing.default]
model = "anthropic/claude-opus-5-5"

[[tests]]
name = "logins"
given = { intent = "review", paths = ["src/auth/login.py"] }
expect = { local = true, rule = "logins are reviewed here" }
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    (found.workspace / "policy.toml").write_text(POLICY)
    return found


async def test_check_finds_what_syntax_cannot_show_and_warnings_count_where_asked(home: Home) -> None:
    ended = await smista(home, "check", "policy.toml")
    assert ended.code == 0, ended.err
    assert "[local_only_escapes]" in ended.out
    assert "goes to anthropic/claude-opus-5-5" in ended.out
    assert "[local_only_scope]" not in ended.out
    assert (await smista(home, "check", "policy.toml", "--strict")).code == 1
    shown = (await smista(home, "check", "policy.toml", "--json")).json()
    assert (shown["errors"], shown["warnings"]) == (0, 1)
    assert set(shown["findings"][0]) == {"code", "severity", "file", "line", "message", "fix"}
    (home.workspace / "policy.toml").write_text('[[routing.rules]]\nname = "x"\nmodle = "a/b"\n')
    assert (await smista(home, "check", "policy.toml")).code == 1


async def test_check_analyses_the_layers_in_force_together(home: Home) -> None:
    home.policy.write_text('[[routing.rules]]\nname = "gold"\ntier = "gold"\npick = "best"\n')
    folder = home.workspace / ".smista"
    folder.mkdir()
    (folder / "policy.toml").write_text('[[routing.rules]]\nname = "all"\npick = "cheapest"\n')
    ended = await smista(home, "check", "--json")
    assert ended.code == 0
    assert {"nobody_bound", "shadowed"} <= {one["code"] for one in ended.json()["findings"]}


async def test_check_prints_sarif_that_points_into_the_repository(home: Home) -> None:
    ended = await smista(home, "check", "policy.toml", "--sarif")
    (found,) = ended.json()["runs"][0]["results"]
    assert found["ruleId"] == "local_only_escapes"
    assert found["level"] == "warning"
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "policy.toml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 1}


def test_sarif_has_the_shape_that_the_standard_asks_for() -> None:
    root = Path("/repo")
    places = [Place("a b/é.toml", 3), Place("/repo/x.toml"), Place("/etc/smista/policy.toml", 1)]
    severities = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    log = sarif([Finding("tie", one, place, "M.", "F.") for one, place in zip(severities, places, strict=True)], root)
    assert log["version"] == "2.1.0"
    assert log["$schema"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    (run,) = log["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule == {"id": "tie", "name": "Tie", "shortDescription": {"text": DESCRIPTIONS["tie"]}}
    results: list[dict[str, Any]] = run["results"]
    assert [one["level"] for one in results] == ["error", "warning", "note"]
    assert all(run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    assert all(one["message"]["text"] == "M. F." for one in results)
    physical = [one["locations"][0]["physicalLocation"] for one in results]
    assert physical[0]["artifactLocation"] == {"uri": "a%20b/%C3%A9.toml", "uriBaseId": "%SRCROOT%"}
    assert "region" not in physical[1]
    assert physical[2]["artifactLocation"] == {"uri": "file:///etc/smista/policy.toml"}
    json.dumps(log)


def test_every_code_of_the_analysis_is_described() -> None:
    package = Path(__file__).parents[2] / "smista_mcp" / "analysis"
    codes = {
        code for module in package.glob("*.py") for code in re.findall(r'Finding\(\s*"([a-z_]+)"', module.read_text())
    }
    assert len(codes) > 10
    assert codes <= set(DESCRIPTIONS)


async def test_policy_test_says_what_fails_and_what_is_not_reached(home: Home) -> None:
    ended = await smista(home, "policy", "test", "policy.toml")
    assert ended.code == 0, ended.err
    assert "1 passed, 0 failed" in ended.out
    assert "not reached: guardrail 'payments stay on this machine' (policy.toml:9)" in ended.out
    text = POLICY.replace("expect = { local = true", "expect = { local = false")
    (home.workspace / "policy.toml").write_text(text)
    failed = await smista(home, "policy", "test", "policy.toml")
    assert failed.code == 1
    assert "FAILED logins (policy.toml:18)" in failed.out
    assert "local: expected remote, but ollama/qwen2.5-coder:7b is local" in failed.out
    assert "decided: ollama/qwen2.5-coder:7b: ollama/qwen2.5-coder:7b is what the rule names" in failed.out
    shown = (await smista(home, "policy", "test", "policy.toml", "--json")).json()
    assert (shown["passed"], shown["failed"]) == (0, 1)
    assert shown["tests"][0]["decision"]["outcome"] == "routed"
    home.policy.write_text(POLICY)
    assert (await smista(home, "policy", "test")).code == 0
    assert (await smista(home, "policy", "test", "gone.toml")).code == 3


async def test_recorded_decisions_are_replayed_to_the_byte_and_a_changed_record_is_found(home: Home) -> None:
    nothing = await smista(home, "policy", "replay")
    assert (nothing.code, nothing.out) == (0, "0 decisions replayed, 0 different\n")
    async with Provider("Fine.") as provider:
        home.use(provider)
        for task in ("Say something", "Review this"):
            assert (await smista(home, "delegate", task)).code == 0
    same = await smista(home, "policy", "replay")
    assert (same.code, same.out) == (0, "2 decisions replayed, 0 different\n"), same.out
    ledger = home.root / "state" / "smista" / "ledger.sqlite3"
    with sqlite3.connect(ledger) as connection:
        changed = connection.execute(
            "UPDATE decisions SET record = replace(record, '\"priority\":1000', '\"priority\":999') "
            "WHERE id = (SELECT min(id) FROM decisions)"
        )
        assert changed.rowcount == 1
    found = await smista(home, "policy", "replay", "--json")
    assert found.code == 1
    (different,) = found.json()["different"]
    assert different["differences"][0].startswith("rule: recorded {")
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE decisions SET facts = x'00' WHERE id = (SELECT max(id) FROM decisions)")
    assert len((await smista(home, "policy", "replay", "--json")).json()["different"]) == 2
    assert (await smista(home, "policy", "replay", "--last", "-1")).code == 2


async def test_diff_decides_tests_and_recorded_steps_under_both_policies(home: Home) -> None:
    async with Provider("Fine.") as provider:
        home.use(provider)
        assert (await smista(home, "delegate", "Say something")).code == 0
    old, new = home.workspace / "policy.toml", home.workspace / "new.toml"
    new.write_text(POLICY.replace('name = "logins are', 'name = "now logins are'))
    ended = await smista(home, "policy", "diff", str(old), str(new), "--recorded", "10")
    assert ended.code == 0, ended.err
    assert "decided by: 'logins are reviewed here' before, 'now logins are reviewed here' now" in ended.out
    assert ended.out.endswith("1 test and 1 recorded decision: 1 would change\n"), ended.out
    new.write_text('[routing.default]\nmodel = "ollama/qwen2.5-coder:7b"\n')
    shown = (await smista(home, "policy", "diff", str(old), str(new), "--recorded", "10", "--json")).json()
    recorded = [one for one in shown["changes"] if one["source"] == "recorded"]
    assert recorded[0]["after"]["rule"]["name"] == "default route of the user policy"


async def test_show_names_the_layer_and_line_of_each_part(home: Home) -> None:
    home.policy.write_text(POLICY + '\n[tools.permissions]\nshell = "deny"\n')
    ended = await smista(home, "policy", "show")
    assert ended.code == 0, ended.err
    assert 'shell = "deny"   # user, ' in ended.out
    assert re.search(r'shell = "ask"   # builtin, built-in/default.toml:\d+, overruled by ', ended.out)
    shown = (await smista(home, "policy", "show", "--json")).json()
    assert {one["layer"] for one in shown["parts"]} == {"user", "builtin"}
    assert all(one["text"] and one["place"] for one in shown["parts"])


async def test_explain_lays_out_the_decision_and_the_nearest_change(home: Home) -> None:
    async with Provider("Fine.") as provider:
        home.use(provider)
        text = home.policy.read_text().replace('name = "all to one"', 'name = "reviews"\nintent = "review"')
        guardrail = '[[guardrails]]\nname = "payments stay here"\npaths = ["pay.py"]\nrequire = { local = true }\n'
        home.policy.write_text(text + guardrail)
        (home.workspace / "pay.py").write_text("x = 1\n")
        words = ("policy", "explain", "Look at it", "--intent", "plan", "--path", "pay.py")
        ended = await smista(home, *words, "--why-not", "scripted/model")
        shown = (await smista(home, *words, "--why-not", "scripted/model", "--json")).json()
        bare = await smista(home, *words)
    assert ended.code == 0, ended.err
    assert "met: user 'payments stay here'" in ended.out
    assert "passed: user 'reviews'" in ended.out
    assert 'not so: intent = "review"' in ended.out
    assert "to be eligible: leave out pay.py" in ended.out
    assert ["leave out pay.py"] in shown["why_not"]["to_be_selected"]
    assert shown["decision"]["decision_id"].startswith("d_")
    assert "Why not" not in bare.out


def commands() -> list[str]:
    """Every command that the page shows with a dollar sign."""
    return re.findall(r"^\$ smista-mcp (.+)$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", commands())
async def test_the_commands_of_the_docs_work_as_shown(home: Home, command: str) -> None:
    text = DOCS.read_text(encoding="utf-8")
    (policy,) = re.findall(r"```toml\n(.+?)```", text, re.DOTALL)
    (home.workspace / "policy.toml").write_text(policy)
    home.policy.write_text(policy)
    changed = policy.replace("require = { local = true }", 'require = { vendors = ["anthropic", "local"] }')
    (home.workspace / "new.toml").write_text(changed)
    (home.workspace / "src" / "payments").mkdir(parents=True)
    (home.workspace / "src" / "payments" / "refund.py").write_text("x = 1\n")
    ended = await smista(home, *shlex.split(command))
    assert ended.code == 0, ended.out + ended.err
    shown = re.findall(rf"^\$ smista-mcp {re.escape(command)}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in shown[0].splitlines():
        for part in line.strip().split("…"):
            assert part in ended.out, f"{part!r} is not in:\n{ended.out}"
