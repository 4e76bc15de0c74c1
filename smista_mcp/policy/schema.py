"""The shape of one policy file: which keys there are, and what each may hold.

Strict throughout: no key that is not named here, no value of another type. Every key says in words what it is for and
shows an example; findings and the reference of ``docs/policy.md`` are made from those. A new key or table of the
language is one entry here; conditions that several tables share stand in `MATCH`.

The shape is declared as data for pydantic's own core, without its model classes: importing pydantic and building those
takes longer than everything else that happens between the start of a command and its decision.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Final

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator
from pydantic_core import core_schema as core

from smista_mcp.policy.findings import listed, nearest, shown
from smista_mcp.policy.known import CAPABILITIES, PROVIDER_TYPES
from smista_mcp.policy.types import Effort, Permission, Pick

LONGEST_TEXT: Final = 4096
"""Most characters of any one text."""
MOST_ENTRIES: Final = 10_000
"""Most entries of any one list."""

_MONEY: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class Form(Enum):
    """How a table is written, with its path for the braces."""

    ONE = "[{}]"
    LIST = "[[{}]]"
    NAMED = "[{}.<name>]"
    """Under a name that the author chooses."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language: what it is for, a line that shows it, and what it holds: a value or a table."""

    description: str
    example: str
    holds: CoreSchema | None = None
    table: Table | None = None
    form: Form = Form.ONE
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the language and its keys, by name."""

    description: str
    keys: Mapping[str, Key]


# -- what keys hold ---------------------------------------------------------------------------------------------------


def _wrong(message: str, fix: str) -> PydanticCustomError:
    # Both reach the finding through the error's context, since a message template would read braces in them.
    return PydanticCustomError("bad_value", "bad value", {"message": message, "fix": fix})


def _then(schema: CoreSchema, check: Callable[[Any], Any]) -> CoreSchema:
    return core.no_info_after_validator_function(check, schema)


def _first(change: Callable[[Any], Any], schema: CoreSchema) -> CoreSchema:
    return core.no_info_before_validator_function(change, schema)


def _text(value: str) -> str:
    if not value.strip():
        raise _wrong("is empty", "Write something, or leave the key out.")
    if len(value) > LONGEST_TEXT:
        raise _wrong(f"is longer than {LONGEST_TEXT} characters", "Make it shorter.")
    if not value.isprintable():
        raise _wrong("contains a line break or a control character", "Write it on one line.")
    if value != value.strip():
        raise _wrong("begins or ends with a space", "Remove the space.")
    return value


def _intent(value: str) -> str:
    if value != value.lower() or any(char.isspace() for char in value):
        raise _wrong(f"is {shown(value)}; intents are one word in lower case", "Write for example `security-review`.")
    return value


def _chosen(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        close = nearest(value, choices)
        fix = f"Write `{close}`." if close else f"Write {listed(choices)}."
        raise _wrong(f"is {shown(value)}; it can be {listed(choices)}", fix)
    return value


def _one_of(choices: tuple[str, ...]) -> CoreSchema:
    return _then(core.str_schema(strict=True), lambda value: _chosen(value, choices))


def _member(kind: type[StrEnum]) -> CoreSchema:
    return _then(_one_of(tuple(kind)), kind)


def _one_or_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _short(value: list[Any]) -> tuple[Any, ...]:
    if len(value) > MOST_ENTRIES:
        raise _wrong(f"has more than {MOST_ENTRIES} entries", "Split it.")
    return tuple(value)


def _stated(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise _wrong("is an empty list", "Name at least one, or leave the key out if it should not matter.")
    return value


def _many(entry: CoreSchema) -> CoreSchema:
    """One text, or a list that may be empty; a tuple in the end."""
    return _first(_one_or_list, _then(core.list_schema(entry, strict=True), _short))


def _some(entry: CoreSchema) -> CoreSchema:
    """One text, or a list that says something: an empty condition would match everything."""
    return _then(_many(entry), _stated)


def _money(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise _wrong(
            "is a bare number; money is written in quotes, so that it stays exact", 'Write for example "0.50".'
        )
    if isinstance(value, str):
        if not _MONEY.fullmatch(value):
            fix = 'Write for example "0.50"; another currency than USD goes into `currency`.'
            raise _wrong(f"is {shown(value)}, which is no amount of money", fix)
        return Decimal(value)
    return value


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise _wrong(f"is {shown(value)}; a currency has three capital letters", 'Write for example "EUR".')
    return value


TEXT: Final = _then(core.str_schema(strict=True), _text)
INTENT: Final = _then(TEXT, _intent)
FLAG: Final = core.bool_schema(strict=True)
MODE: Final = _member(Permission)
EFFORT: Final = _member(Effort)
PERCENT: Final = core.float_schema(ge=0, le=100, allow_inf_nan=False, strict=True)
MONEY: Final = _first(_money, core.decimal_schema(strict=True))


def whole(least: int, most: int) -> CoreSchema:
    """A whole number between two others, both included."""
    return core.int_schema(ge=least, le=most, strict=True)


PRIORITY: Final = whole(-1_000_000, 1_000_000)
TOKENS: Final = whole(1, 1_000_000_000)


# -- the tables -------------------------------------------------------------------------------------------------------


MATCH: Final[Mapping[str, Key]] = {
    "intent": Key(
        "The kind of work: one, or a list of which one is enough.", 'intent = ["review", "debug"]', _some(INTENT)
    ),
    "skill": Key("The named skill that the host is carrying out.", 'skill = "changelog"', _some(TEXT)),
    "paths": Key(
        "Files the step touches, as gitignore-style patterns from the workspace's root.",
        'paths = ["src/payments/**"]',
        _some(TEXT),
    ),
    "labels": Key("Labels that the caller gave the step.", 'labels = ["urgent"]', _some(TEXT)),
}
"""When an entry applies. Shared by every list of entries that has conditions."""

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
        "model": Key("The model to use, as provider/model.", 'model = "ollama/qwen2.5-coder"', TEXT),
        "pick": Key(
            "Instead of `model`: choose the cheapest, fastest or best of the models that may be used.",
            'pick = "cheapest"',
            _member(Pick),
        ),
        "from": Key(
            "With `pick`: the models to choose from; a `*` at the end stands for the rest of the name.",
            'from = ["openai/*", "ollama/qwen2.5-coder"]',
            _some(TEXT),
        ),
        "min_quality": Key(
            "With `pick`: only models of at least this quality, 0 to 100, for the step's intent.",
            "min_quality = 60",
            PERCENT,
        ),
        "fallbacks": Key(
            "Models to try next, in this order, when the first one fails.",
            'fallbacks = ["openai/gpt-5.5-mini"]',
            _many(TEXT),
        ),
        "effort": Key("How hard the model should think.", 'effort = "low"', EFFORT),
        "local_only": Key("Only models that run on this machine, for steps of this rule.", "local_only = true", FLAG),
        "requires": Key("What the model must be capable of.", 'requires = ["tools"]', _many(_one_of(CAPABILITIES))),
        "overridable": Key(
            "Organisation only: a default, which the workspace's rules come before.", "overridable = true", FLAG
        ),
    },
)

POLICY: Final = Table(
    "What the policy is called and whom to ask about it.",
    {
        "name": Key("What the policy is called.", 'name = "ACME engineering"', TEXT),
        "owner": Key(
            "Whom to ask about it; shown when a policy cannot be used.", 'owner = "platform@acme.example"', TEXT
        ),
        "serial": Key("The edition; count it up with every change.", "serial = 7", whole(0, 10**12)),
        "required": Key(
            "Tells readers that the policy is binding. An organisation's policy always is, with or without it.",
            "required = true",
            FLAG,
        ),
    },
)

DEFAULT: Final = Table(
    "Where a step goes that no rule matches.",
    {
        "model": Key("The model, as provider/model.", 'model = "openai/gpt-5.5-mini"', TEXT, required=True),
        "fallbacks": Key("Models to try next, in this order.", 'fallbacks = ["ollama/qwen2.5-coder"]', _many(TEXT)),
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
        "keywords": Key(
            "Words or phrases in the task's text, in any case.", 'keywords = ["threat model"]', _some(TEXT)
        ),
        "paths": Key("Files the step touches, as gitignore-style patterns.", 'paths = ["docs/adr/**"]', _some(TEXT)),
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

PRIVACY: Final = Table(
    "What must never leave this machine.",
    {
        "restricted_paths": Key(
            "Files that are never sent to a remote model, as gitignore-style patterns.",
            'restricted_paths = [".env", "secrets/**"]',
            _many(TEXT),
        )
    },
)

OVERRIDES: Final = Table(
    "Whether a caller may propose a model.",
    {
        "allow": Key("Whether it may at all. Every layer must agree.", "allow = false", FLAG),
        "models": Key(
            "The only models it may propose; a `*` at the end stands for the rest of the name.",
            'models = ["ollama/*"]',
            _many(TEXT),
        ),
    },
)

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

TOOLS: Final = Table(
    "What a delegated model may do by itself.",
    {"permissions": Key("By kind of tool.", "[tools.permissions]", table=PERMISSIONS)},
)

PROVIDER: Final = Table(
    "How to reach a provider that is not well known, or a well-known one in another way.",
    {
        "type": Key(
            "Which interface it speaks; well-known providers need none.",
            'type = "openai-compatible"',
            _one_of(PROVIDER_TYPES),
        ),
        "base_url": Key("Where it is reached.", 'base_url = "https://llm.acme.example/v1"', TEXT),
        "api_key": Key(
            "Where its key is kept, never the key: ${env:NAME}, ${keyring:NAME} or ${file:PATH}.",
            'api_key = "${env:ACME_API_KEY}"',
            TEXT,
        ),
        "local": Key(
            "Whether it runs on this machine or in your own network. Believed only from the organisation and the user.",
            "local = true",
            FLAG,
        ),
        "region": Key("Where it runs.", 'region = "eu-central-1"', TEXT),
        "headers": Key(
            "Headers to send along; values that may be secret only by reference.",
            'headers = { Authorization = "Bearer ${env:ACME_TOKEN}" }',
            core.dict_schema(core.str_schema(), TEXT, strict=True),
        ),
        "enabled": Key("false: never used.", "enabled = false", FLAG),
        "model_path": Key("Embedded model only: another GGUF file to run.", 'model_path = "/models/small.gguf"', TEXT),
    },
)

MODEL: Final = Table(
    "Facts of a model that the catalog does not know, or that are different here.",
    {
        "context_window": Key("Most tokens in and out together.", "context_window = 32768", TOKENS),
        "max_output_tokens": Key("Most tokens in one answer.", "max_output_tokens = 8192", TOKENS),
        "capabilities": Key("What it is capable of.", 'capabilities = ["tools", "json"]', _many(_one_of(CAPABILITIES))),
        "input_price": Key("Money per million tokens that go in.", 'input_price = "0.50"', MONEY),
        "output_price": Key("Money per million tokens that come out.", 'output_price = "2.00"', MONEY),
        "cached_input_price": Key("Money per million tokens read from a cache.", 'cached_input_price = "0.05"', MONEY),
        "currency": Key("Of the three prices; else USD.", 'currency = "EUR"', _then(TEXT, _currency)),
        "quality": Key(
            "How good it is, 0 to 100, by intent; `default` stands for the others.",
            "quality = { review = 70, default = 50 }",
            core.dict_schema(INTENT, PERCENT, strict=True),
        ),
        "aliases": Key("Other names under which the same model answers.", 'aliases = ["qwen-coder-7b"]', _many(TEXT)),
    },
)

FILE: Final = Table(
    "A whole policy file.",
    {
        "policy": Key("What the policy is called and whom to ask.", "[policy]", table=POLICY),
        "routing": Key("Which step goes where.", "[[routing.rules]]", table=ROUTING),
        "classification": Key("How a step's intent is found.", "[classification]", table=CLASSIFICATION),
        "privacy": Key("What must never leave this machine.", "[privacy]", table=PRIVACY),
        "overrides": Key("Whether a caller may propose a model.", "[overrides]", table=OVERRIDES),
        "tools": Key("What a delegated model may do by itself.", "[tools.permissions]", table=TOOLS),
        "providers": Key("How to reach providers.", "[providers.acme]", table=PROVIDER, form=Form.NAMED),
        "models": Key("Facts of models.", '[models."acme/coder"]', table=MODEL, form=Form.NAMED),
    },
)


# -- using them -------------------------------------------------------------------------------------------------------


@functools.cache
def validator() -> SchemaValidator:
    """What holds data against `FILE`. It returns the same data with enums, decimals and tuples for what was written."""
    return SchemaValidator(_schema(FILE))


def _schema(table: Table) -> CoreSchema:
    fields = {name: core.typed_dict_field(_holds(key), required=key.required) for name, key in table.keys.items()}
    return core.typed_dict_schema(fields, extra_behavior="forbid", strict=True)


def _holds(key: Key) -> CoreSchema:
    if key.table is None:
        return key.holds or core.any_schema()
    inner = _schema(key.table)
    if key.form is Form.LIST:
        return core.list_schema(inner, strict=True)
    if key.form is Form.NAMED:
        return core.dict_schema(core.str_schema(), inner, strict=True)
    return inner


def tables(table: Table = FILE, path: str = "") -> Iterator[tuple[str, Table]]:
    """Every table of the language below `table` by the name under which it is written, e.g. ``[[routing.rules]]``."""
    for name, key in table.keys.items():
        if key.table is not None:
            here = f"{path}.{name}" if path else name
            yield key.form.value.format(here), key.table
            yield from tables(key.table, here)
