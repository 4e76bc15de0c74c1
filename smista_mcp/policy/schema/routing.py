"""The tables that say which step goes where."""

from __future__ import annotations

from typing import Final

from smista_mcp.policy.known import CAPABILITIES
from smista_mcp.policy.schema.conditions import MATCH
from smista_mcp.policy.schema.language import Form, Key, Table
from smista_mcp.policy.schema.values import (
    AMOUNT,
    EFFORT,
    FLAG,
    FLOOR,
    INTENT,
    MILLISECONDS,
    MODE,
    PRIORITY,
    TEXT,
    many,
    member,
    one_of,
    several,
    some,
    whole,
)
from smista_mcp.policy.types import Pick

PERMISSIONS: Final = Table(
    "What a delegated model may do by itself: `allow`, `ask` or `deny`.",
    {
        "file_read": Key("Read files of the workspace.", 'file_read = "allow"', MODE),
        "file_write": Key("Change files of the workspace.", 'file_write = "ask"', MODE),
        "shell": Key("Run commands.", 'shell = "deny"', MODE),
        "git": Key("Use git.", 'git = "ask"', MODE),
        "network": Key("Reach the network.", 'network = "deny"', MODE),
    },
)

RULE: Final = Table(
    "One rule: when it applies, and where the step goes then.",
    {
        "name": Key(
            "What people call the rule; unique in its layer. Every answer names it.",
            'name = "reviews stay here"',
            TEXT,
            required=True,
        ),
        "priority": Key("Lower goes first; rules without one have 1000.", "priority = 5", PRIORITY),
        **MATCH,
        "model": Key("The model to use, as provider/model, or a group's name.", 'model = "ollama/qwen2.5-coder"', TEXT),
        "pick": Key(
            "Instead of `model`: choose the cheapest, fastest or best of the models that may be used.",
            'pick = "cheapest"',
            member(Pick),
        ),
        "from": Key(
            "With `pick`: the models to choose from: models, groups; a `*` at the end stands for the rest of a name.",
            'from = ["openai/*", "ollama/qwen2.5-coder"]',
            some(TEXT),
        ),
        "min_quality": Key(
            "With `pick`: only models of at least this quality, 0 to 100, for the step's intent; or one figure an "
            "intent: `{ review = 80, default = 60 }`.",
            "min_quality = 60",
            FLOOR,
        ),
        "fallbacks": Key(
            "Models or groups to try next, in this order, when the first one fails.",
            'fallbacks = ["openai/gpt-5.5-mini"]',
            many(TEXT),
        ),
        "effort": Key("How hard the model should think.", 'effort = "low"', EFFORT),
        "local_only": Key("Only models that run on this machine, for steps of this rule.", "local_only = true", FLAG),
        "requires": Key("What the model must be capable of.", 'requires = ["tools"]', many(one_of(CAPABILITIES))),
        "max_cost": Key("Only models at which the step can cost no more than this.", 'max_cost = "0.50"', AMOUNT),
        "max_latency_ms": Key(
            "Only models that typically answer within so many milliseconds.", "max_latency_ms = 2000", MILLISECONDS
        ),
        "tools": Key(
            "What the model may do by itself in steps of this rule; only ever stricter.",
            'tools = { shell = "deny" }',
            table=PERMISSIONS,
        ),
        "overridable": Key(
            "Organisation only: a default, which the workspace's rules come before.", "overridable = true", FLAG
        ),
    },
)

DEFAULT: Final = Table(
    "Where a step goes that no rule matches.",
    {
        "model": Key(
            "The model, as provider/model, or a group's name.", 'model = "openai/gpt-5.5-mini"', TEXT, required=True
        ),
        "fallbacks": Key("Models to try next, in this order.", 'fallbacks = ["ollama/qwen2.5-coder"]', many(TEXT)),
        "effort": Key("How hard the model should think.", 'effort = "medium"', EFFORT),
    },
)

ROUTING: Final = Table(
    "Which step goes where.",
    {
        "default": Key("Where a step goes that no rule matches.", "[routing.default]", table=DEFAULT),
        "rules": Key("The rules.", "[[routing.rules]]", table=RULE, form=Form.LIST),
    },
)

CLASSIFICATION_RULE: Final = Table(
    "Words or paths by which a step's intent is known, where the caller names none.",
    {
        "intent": Key(
            "The intent that it settles; may be a new one.", 'intent = "security-review"', INTENT, required=True
        ),
        "priority": Key("Lower goes first; rules without one have 1000.", "priority = 10", PRIORITY),
        "keywords": Key("Words or phrases in the task's text, in any case.", 'keywords = ["threat model"]', some(TEXT)),
        "paths": Key("Files the step touches, as gitignore-style patterns.", 'paths = ["docs/adr/**"]', some(TEXT)),
        "requires_any_context": Key(
            "Only for steps that name a path or pass context.", "requires_any_context = true", FLAG
        ),
    },
)

CLASSIFICATION: Final = Table(
    "How a step's intent is found.",
    {
        "default_intent": Key("The intent of a step that nothing else settles.", 'default_intent = "chat"', INTENT),
        "rules": Key("The rules.", "[[classification.rules]]", table=CLASSIFICATION_RULE, form=Form.LIST),
    },
)

OVERRIDES: Final = Table(
    "Whether a caller may propose a model.",
    {
        "allow": Key("Whether it may at all. Every layer must agree.", "allow = false", FLAG),
        "models": Key(
            "The only models it may propose: models, groups; a `*` at the end stands for the rest of a name.",
            'models = ["ollama/*"]',
            many(TEXT),
        ),
    },
)

TOOLS: Final = Table(
    "What a delegated model may do by itself.",
    {"permissions": Key("By kind of tool.", "[tools.permissions]", table=PERMISSIONS)},
)

GROUP: Final = Table(
    "One name for several models, to be used wherever a rule, a guardrail or `[overrides]` names models.",
    {
        "models": Key(
            "The models, as provider/model or provider/*, in the order in which they are tried.",
            'models = ["anthropic/claude-opus-5-5", "openai/gpt-5.5"]',
            some(TEXT),
            required=True,
        ),
        "weights": Key("One number a model: how the work is to be shared out.", "weights = [3, 1]",
                       several(whole(1, 1_000_000))),
    },
)  # fmt: skip
