"""When an entry applies: the same keys in rules, guardrails, guarantees, budgets and exemptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smista_mcp.policy.schema.language import Key, Table
from smista_mcp.policy.schema.values import INTENT, TEXT, TOKENS, some

MATCH: Final[Mapping[str, Key]] = {
    "intent": Key(
        "The kind of work: one, or a list of which one is enough.", 'intent = ["review", "debug"]', some(INTENT)
    ),
    "skill": Key("The named skill that the host is carrying out.", 'skill = "changelog"', some(TEXT)),
    "paths": Key(
        "Files the step touches, as gitignore-style patterns from the workspace's root.",
        'paths = ["src/payments/**"]',
        some(TEXT),
    ),
    "labels": Key(
        "Labels of the step: given by the caller, or bound to the repository.", 'labels = ["urgent"]', some(TEXT)
    ),
    "data": Key("Classes of data that the step holds.", 'data = ["personal"]', some(TEXT)),
    "tier": Key("The tier of the customer that the work is for.", 'tier = "platinum"', some(TEXT)),
    "tenant": Key("The customer that the work is for.", 'tenant = "acme"', some(TEXT)),
    "team": Key("The team whose work it is.", 'team = "payments"', some(TEXT)),
    "workload": Key("The kind of job, as configuration names it.", 'workload = "nightly"', some(TEXT)),
    "repo": Key(
        "The repository by its remote, as host/owner/name; `*` stands for anything.",
        'repo = "github.com/acme/*"',
        some(TEXT),
    ),
    "languages": Key("Programming languages of the files.", 'languages = ["python"]', some(TEXT)),
    "min_tokens": Key("At least so many tokens go in (an estimate).", "min_tokens = 20000", TOKENS),
    "max_tokens": Key("At most so many tokens go in (an estimate).", "max_tokens = 2000", TOKENS),
}

CONTROLLED: Final = ("intent", "skill", "paths", "languages", "min_tokens", "max_tokens")
"""Conditions on what the caller controls: they never grant anything."""

UNLESS: Final = Table(
    "When a guardrail does not hold. Only what is bound by configuration counts here, never what a caller says.", MATCH
)
