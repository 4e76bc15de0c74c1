"""The tables that take away, tighten, and lift economic ceilings."""

from __future__ import annotations

from typing import Final

from smista_mcp.policy.schema.conditions import MATCH, UNLESS
from smista_mcp.policy.schema.language import Key, Table
from smista_mcp.policy.schema.routing import PERMISSIONS
from smista_mcp.policy.schema.values import AMOUNT, COUNTRY, FLAG, MILLISECONDS, TEXT, many, member, one_of, some
from smista_mcp.policy.types import Detect, Per, Period, Then

_FACTS: Final = {
    "local": Key("Models that run on this machine.", "local = true", FLAG),
    "regions": Key(
        "Where a call may be processed and stored: names from `[regions]`, or ISO 3166 codes.",
        'regions = ["eu", "CH"]',
        some(TEXT),
    ),
    "vendors": Key(
        "Who runs the model; `local` stands for whatever runs on this machine.",
        'vendors = ["anthropic", "local"]',
        some(TEXT),
    ),
    "models": Key(
        "Models, groups; a `*` at the end stands for the rest of a name.",
        'models = ["approved", "ollama/*"]',
        some(TEXT),
    ),
    "zero_retention": Key("Models of which it is known that nothing is kept.", "zero_retention = true", FLAG),
    "certifications": Key(
        "Certificates that the operator holds; required: all of them, forbidden: any of them.",
        'certifications = ["iso-27001"]',
        some(TEXT),
    ),
}  # fmt: skip

REQUIRE: Final = Table(
    "What a model must have. A fact that is not known does not count as met.",
    {
        **_FACTS,
        "max_cost": Key("What the step can cost at most.", 'max_cost = "0.50"', AMOUNT),
        "max_latency_ms": Key(
            "How many milliseconds the model typically takes at most.", "max_latency_ms = 2000", MILLISECONDS
        ),
        "tools": Key(
            "What the model may do by itself; only ever stricter.", 'tools = { shell = "deny" }', table=PERMISSIONS
        ),
    },
)

FORBID: Final = Table("What a model must not have. A fact that is not known counts as if it were so.", _FACTS)

GUARDRAIL: Final = Table(
    "What holds whichever rule decides. A guardrail only ever takes models away or makes things stricter.",
    {
        "name": Key("What people call it; unique in its layer.", 'name = "personal data stays in the EU"', TEXT),
        **MATCH,
        "unless": Key("When it does not hold.", 'unless = { team = "research" }', table=UNLESS),
        "require": Key("What a model must have.", 'require = { regions = ["eu"] }', table=REQUIRE),
        "forbid": Key("What a model must not have.", 'forbid = { vendors = ["acme"] }', table=FORBID),
        "why": Key("The reason, shown to whoever meets it.", 'why = "GDPR, see policy 12"', TEXT),
    },
)

GUARANTEE: Final = Table(
    "Organisation only: work that no ceiling on cost holds up. It lifts nothing else.",
    {
        "name": Key("What people call it.", 'name = "platinum customers get what it takes"', TEXT),
        **MATCH,
        "max_cost": Key("The only thing it can say.", 'max_cost = "unlimited"', one_of(("unlimited",)), required=True),
        "why": Key("The reason.", 'why = "contract"', TEXT),
    },
)

BUDGET: Final = Table(
    "How much money may go in some time. At present a budget bounds what one step can cost: what was spent before is "
    "not counted yet.",
    {
        "name": Key("What people call it; unique in all layers.", 'name = "payments team"', TEXT, required=True),
        **MATCH,
        "per": Key("By what it is counted.", 'per = "team"', member(Per), required=True),
        "limit": Key("How much.", 'limit = "500 EUR"', AMOUNT, required=True),
        "period": Key("In what time: calendar periods, UTC.", 'period = "month"', member(Period), required=True),
        "then": Key(
            "What happens to a step that does not fit: it goes to a cheaper model, a person is asked, or it is "
            "refused. Where nothing is stated: refused.",
            'then = "spill"',
            member(Then),
        ),
    },
)

REGIONS: Final = Table(
    "What the names of regions mean, as countries.",
    each=Key("A name of your own, in lower case.", 'eu = ["AT", "BE", "DE", "FR"]', some(COUNTRY)),
)

DETECT: Final = Table(
    "What becomes of steps that hold a class of data. Nothing is searched for yet: a class counts where the caller "
    "states it or configuration binds it.",
    each=Key(
        "`block`: no model at all; `local`: only this machine; `redact`: as `local`, until there is redaction; "
        "`warn`: nothing.",
        'personal = "local"',
        member(Detect),
    ),
)

PRIVACY: Final = Table(
    "What must never leave this machine.",
    {
        "restricted_paths": Key(
            "Files that are never sent to a remote model, as gitignore-style patterns.",
            'restricted_paths = [".env", "secrets/**"]',
            many(TEXT),
        ),
        "detect": Key("By class of data.", 'detect = { personal = "local" }', table=DETECT),
    },
)
