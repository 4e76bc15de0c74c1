"""The table of a policy's own tests."""

from __future__ import annotations

from typing import Final

from smista_mcp.policy.schema.language import Key, Table
from smista_mcp.policy.schema.routing import PERMISSIONS
from smista_mcp.policy.schema.values import EFFORT, FLAG, INTENT, TEXT, many, one_of, some, whole

OUTCOMES: Final = ("routed", "no_route", "no_eligible_model", "over_budget", "needs_approval")
"""What can come of a step; routing, a floor above, has the same words."""

GIVEN: Final = Table(
    "The step of a test.",
    {
        "task": Key("The task's text.", 'task = "Review the login page"', TEXT),
        "intent": Key("The kind of work that the caller says it is.", 'intent = "review"', INTENT),
        "skill": Key("The named skill.", 'skill = "changelog"', TEXT),
        "paths": Key("The files, not patterns.", 'paths = ["src/auth/login.py"]', some(TEXT)),
        "effort": Key("How hard the caller wants the model to think.", 'effort = "high"', EFFORT),
        "labels": Key("Labels that the caller gives.", 'labels = ["urgent"]', some(TEXT)),
        "data": Key("Classes of data that the caller states.", 'data = ["personal"]', some(TEXT)),
        "model": Key("The model that the caller proposes.", 'model = "openai/gpt-5.5"', TEXT),
        "tokens": Key("How many tokens go in.", "tokens = 30000", whole(0, 1_000_000_000)),
        "tier": Key("The customer's tier, bound.", 'tier = "platinum"', TEXT),
        "tenant": Key("The customer, bound.", 'tenant = "acme"', TEXT),
        "team": Key("The team, bound.", 'team = "payments"', TEXT),
        "workload": Key("The kind of job, bound.", 'workload = "nightly"', TEXT),
        "user": Key("The user, bound.", 'user = "ada"', TEXT),
        "repo": Key("The repository, bound, as host/owner/name.", 'repo = "github.com/acme/shop"', TEXT),
        "languages": Key("Programming languages of the files.", 'languages = ["python"]', some(TEXT)),
        "available": Key(
            "The only models that can be reached: models, groups; a `*` at the end stands for the rest of a name.",
            'available = ["ollama/*"]',
            many(TEXT),
        ),
    },
)

EXPECT: Final = Table(
    "What the decision must be.",
    {
        "outcome": Key("What comes of it.", 'outcome = "routed"', one_of(OUTCOMES)),
        "model": Key("The model that is chosen.", 'model = "ollama/qwen2.5-coder"', TEXT),
        "not_model": Key("Models that must not be chosen.", 'not_model = ["openai/*"]', some(TEXT)),
        "rule": Key("The rule that decides.", 'rule = "reviews stay here"', TEXT),
        "local": Key("Whether the chosen model runs on this machine.", "local = true", FLAG),
        "eligible": Key("Models that may be used.", 'eligible = ["ollama/qwen2.5-coder"]', some(TEXT)),
        "not_eligible": Key("Models that may not be used.", 'not_eligible = ["openai/*"]', some(TEXT)),
        "effort": Key("How hard the model will think.", 'effort = "low"', EFFORT),
        "permissions": Key("What it may do by itself.", 'permissions = { shell = "deny" }', table=PERMISSIONS),
    },
)

TEST: Final = Table(
    "One of the policy's own tests: a step, and what must come of it.",
    {
        "name": Key("What is tested.", 'name = "logins are reviewed here"', TEXT, required=True),
        "given": Key("The step.", 'given = { intent = "review" }', table=GIVEN),
        "expect": Key("What must come of it.", "expect = { local = true }", table=EXPECT, required=True),
    },
)
