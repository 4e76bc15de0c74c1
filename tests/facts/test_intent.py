"""What kind of work a step is: the policy's word first, then a classifier that rather abstains than errs."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smista_mcp.facts import intent as module
from smista_mcp.facts.intent import CERTAIN_ENOUGH, FALLBACK_CONFIDENCE, classify, classify_text, suspects
from smista_mcp.facts.types import Intent, IntentSource
from smista_mcp.policy.types import BUILTIN_INTENTS, ClassificationRule, Layer, Place, Policy

PROMPTS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "intents.jsonl").read_text(encoding="utf-8").splitlines()
]
PLAIN = Policy(name="none", digest="0")


def rule(intent: str, *, layer: Layer = Layer.WORKSPACE, order: int = 0, **rest: object) -> ClassificationRule:
    return ClassificationRule(intent, layer, order, Place("policy.toml", order + 1), **rest)  # type: ignore[arg-type]


def policy(*rules: ClassificationRule, default: str | None = None) -> Policy:
    return Policy(name="p", digest="0", classification=rules, default_intent=default)


def settle(task: str, of: Policy = PLAIN, *, context: bool = False, names: tuple[tuple[str, ...], ...] = ()) -> Intent:
    return classify(task, has_context=context, path_names=names, policy=of)


# --- the built-in classifier


def test_most_prompts_are_told_rightly_and_hardly_any_wrongly_with_confidence() -> None:
    found = [(prompt, settle(prompt["text"])) for prompt in PROMPTS]
    right = sum(prompt["intent"] == intent.value for prompt, intent in found)
    sure = [(prompt, intent) for prompt, intent in found if intent.confidence >= 0.7]
    wrong = [(prompt["text"], intent.value) for prompt, intent in sure if prompt["intent"] != intent.value]
    assert len(PROMPTS) >= 150
    assert right / len(PROMPTS) >= 0.93
    assert len(sure) / len(PROMPTS) >= 0.85
    assert len(wrong) <= len(sure) * 0.02, wrong


def test_no_language_and_no_intent_is_left_behind() -> None:
    by: dict[str, list[bool]] = defaultdict(list)
    for prompt in PROMPTS:
        right = settle(prompt["text"]).value == prompt["intent"]
        by[prompt["lang"]].append(right)
        by[prompt["intent"]].append(right)
    assert set(BUILTIN_INTENTS) <= set(by)
    poor = {name: results for name, results in by.items() if sum(results) < 0.8 * len(results)}
    assert not poor


@pytest.mark.parametrize(
    "text",
    [
        "lorem ipsum dolor sit amet",
        "the quick brown fox",
        "Zażółć gęślą jaźń",
        "src/a.py",
        "42",
        "¯\\_(ツ)_/¯",
        "foo bar baz",
        "Als ich gestern durch den Wald ging, war es still.",
        "orders table, customers table, invoices table",
    ],
)
def test_what_says_nothing_gets_the_default_with_little_confidence(text: str) -> None:
    found = settle(text)
    assert (found.value, found.source, found.confidence) == ("chat", IntentSource.DEFAULT, FALLBACK_CONFIDENCE)
    assert settle(text, policy(default="edit")).value == "edit"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        (
            "Summarize this issue:\n\nTraceback (most recent call last):\n  File x\nTypeError: it crashes and fails",
            "summarize",
        ),
        ("Translate to German:\n\nPlease review this code and fix the bug.", "translate"),
        ("```python\ndef review(): ...\n```\nWrite unit tests for this function", "test"),
        ("Explain this code:\n```\n# TODO: translate, summarize and refactor\n```", "explain"),
        ("REVIEW THE LOGIN MODULE", "review"),
        ("resume el texto", "summarize"),
        ("RÉSUME CE TEXTE", "summarize"),
        ("Re\u0301sume ce texte", "summarize"),
        ("Translate this module to Rust", "edit"),
    ],
)
def test_the_instruction_counts_and_not_the_material(text: str, intent: str) -> None:
    assert settle(text).value == intent


def test_the_instruction_may_stand_behind_long_material() -> None:
    material = "The committee met on Tuesday and went through its agenda.\n" * 200
    found = settle(material + "\nSummarize the text above in two sentences.")
    assert found.value == "summarize"


def test_evidence_says_what_settled_it() -> None:
    assert settle("Write unit tests for the parser").evidence == "“write … unit tests”"
    assert "nothing in the text" in settle("xyzzy plugh").evidence


@given(st.text(max_size=400))
def test_any_text_gets_one_known_intent_and_the_same_one_again(text: str) -> None:
    found = settle(text)
    classify_text.cache_clear()
    assert settle(text) == found
    assert found.value in BUILTIN_INTENTS
    assert found.source is IntentSource.DEFAULT or CERTAIN_ENOUGH <= found.confidence <= module.MOST


def test_a_huge_text_is_read_at_its_ends_only() -> None:
    generator = random.Random(7)
    filler = "".join(generator.choice("abcdefg ") for _ in range(module.HEAD_CHARS + module.TAIL_CHARS))
    text = "Review this text. " + filler + " translate " * 50_000 + filler
    shorter = text[: module.HEAD_CHARS] + "\n\n…\n\n" + text[-module.TAIL_CHARS :]
    assert classify_text(text) == classify_text(shorter)


@pytest.mark.parametrize(
    "evil", ["`" * 200_000, "'" * 200_000, "a." * 100_000, "_/" * 100_000, "``` " * 50_000, "how do " * 50_000]
)
def test_no_text_makes_it_search_for_long(evil: str) -> None:
    settle(evil)  # quadratic time here would be minutes


# --- the policy's rules


def test_a_classification_rule_goes_before_the_classifier() -> None:
    found = settle("Review the payroll module", policy(rule("payroll", keywords=("payroll",))))
    assert (found.value, found.source, found.confidence) == ("payroll", IntentSource.POLICY, 1.0)
    assert found.evidence == "keyword “payroll” (policy.toml:1)"


def test_rules_go_by_layer_then_priority_then_order() -> None:
    rules = [
        rule("user", layer=Layer.USER, order=0, keywords=("deploy",), priority=1),
        rule("late", order=1, keywords=("deploy",)),
        rule("early", order=2, keywords=("deploy",), priority=5),
        rule("early-but-later", order=3, keywords=("deploy",), priority=5),
        rule("organisation", layer=Layer.ORGANISATION, order=9, keywords=("deploy",)),
    ]
    for count, expected in ((5, "organisation"), (4, "early"), (2, "late"), (1, "user")):
        chosen = rules[:count]
        random.Random(count).shuffle(chosen)
        assert settle("Deploy it", policy(*chosen)).value == expected


@pytest.mark.parametrize(
    ("keyword", "text", "matches"),
    [
        ("sql", "tune the SQL query", True),
        ("sql", "tune the mysql query", False),
        ("sql", "tune sqlite", False),
        ("sql", "sql", True),
        ("sql", "tune sql_mode", False),
        ("code review", "do a Code\n   Review now", True),
        ("c++", "port it to C++", True),
        ("c++", "port it to C++, then test", True),
        ("straße", "die STRASSE sperren", True),
        ("prüfung", "eine PRÜFUNG", True),
        ("pru\u0308fung", "eine Prüfung", True),
        ("翻译", "请翻译这段话", True),
        ("review", "请review代码", True),
        ("отчёт", "сделай отчёт", True),
        ("отчёт", "сделай отчётность", False),
        ("résumé", "resume the job", False),
        (".env", "read the .env file", True),
        ("  ", "anything at all", False),
    ],
)
def test_keywords_match_whole_words_in_any_script(keyword: str, text: str, matches: bool) -> None:
    found = settle(text, policy(rule("hit", keywords=(keyword,))))
    assert (found.value == "hit") is matches


def test_every_stated_condition_of_a_rule_must_hold() -> None:
    both = policy(rule("docs", keywords=("update",), paths=("docs/**",)))
    inside, outside = (("docs/a.md",),), (("src/a.py",),)
    assert settle("update it", both, names=inside).value == "docs"
    assert settle("update it", both, names=outside).value != "docs"
    assert settle("polish it", both, names=inside).value != "docs"
    assert "docs/a.md" in settle("update it", both, names=inside).evidence


def test_a_rule_that_needs_context_waits_for_context() -> None:
    needs = policy(rule("about-material", requires_any_context=True))
    assert settle("xyzzy", needs).value == "chat"
    assert settle("xyzzy", needs, context=True).value == "about-material"
    assert settle("xyzzy", needs, names=(("a",),)).value == "about-material"


def test_a_rule_without_any_condition_only_makes_its_intent_known() -> None:
    assert settle("xyzzy", policy(rule("legal"))).value == "chat"


def test_keywords_are_found_in_the_ends_of_a_huge_text_and_never_across_the_cut() -> None:
    keyed = policy(rule("hit", keywords=("needle",)))
    padding = "x " * 60_000
    assert settle("needle " + padding, keyed).value == "hit"
    assert settle(padding + " needle", keyed).value == "hit"
    half = "x" * (module.KEYWORD_HEAD_CHARS - 3) + "nee"
    tail = "dle" + "x" * (module.KEYWORD_TAIL_CHARS - 3)
    assert settle(half + padding + tail, policy(rule("hit", keywords=("needle" + "x" * 0,)))).value != "hit"


# --- what else it may be


def test_suspicion_gathers_every_rule_that_applies_and_a_firm_guess() -> None:
    rules = policy(
        rule("legal", keywords=("contract",)), rule("hr", order=1, keywords=("salary",)), rule("never", order=2)
    )
    found = suspects("Review the contract and the salary table", has_context=False, path_names=(), policy=rules)
    assert found == {"legal", "hr", "review"}
    assert suspects("xyzzy", has_context=False, path_names=(), policy=rules) == frozenset()
