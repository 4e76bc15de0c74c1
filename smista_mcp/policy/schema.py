"""The shape of one policy file: which keys there are, and what each may hold.

Strict throughout: no key that is not named here, no value of another type. Every field says in words what it is for
and shows an example; findings and the reference table of ``docs/policy.md`` are made from those.

Importing this module imports pydantic; `smista_mcp.policy.layers` does so only once there is a file to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from smista_mcp.policy.findings import listed, nearest, shown
from smista_mcp.policy.known import CAPABILITIES, PROVIDER_TYPES
from smista_mcp.policy.types import DEFAULT_PRIORITY, Effort, Permission, Pick

LONGEST_TEXT: Final = 4096
"""Most characters of any one text."""
MOST_ENTRIES: Final = 10_000
"""Most entries of any one list."""

_MONEY: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_Choice = TypeVar("_Choice", bound=StrEnum)


def _wrong(message: str, fix: str) -> PydanticCustomError:
    # Both reach the finding through the error's context, since a message template would read braces in them.
    return PydanticCustomError("bad_value", "bad value", {"message": message, "fix": fix})


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


def _kind_of_work(value: str) -> str:
    if value != value.lower() or any(char.isspace() for char in value):
        raise _wrong(f"is {shown(value)}; intents are one word in lower case", "Write for example `security-review`.")
    return value


def _one_or_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _stated(value: list[str]) -> list[str]:
    if not value:
        raise _wrong("is an empty list", "Name at least one, or leave the key out if it should not matter.")
    return value


def _short(value: list[str]) -> list[str]:
    if len(value) > MOST_ENTRIES:
        raise _wrong(f"has more than {MOST_ENTRIES} entries", "Split it.")
    return value


def _choice(kind: type[_Choice]) -> BeforeValidator:
    def member(value: object) -> object:
        return kind(_chosen(value, tuple(kind))) if isinstance(value, str) else value

    return BeforeValidator(member)


def _chosen(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        close = nearest(value, choices)
        fix = f"Write `{close}`." if close else f"Write {listed(choices)}."
        raise _wrong(f"is {shown(value)}; it can be {listed(choices)}", fix)
    return value


def _one_of(choices: tuple[str, ...]) -> AfterValidator:
    return AfterValidator(lambda value: _chosen(value, choices))


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


Text = Annotated[str, AfterValidator(_text)]
IntentName = Annotated[Text, AfterValidator(_kind_of_work)]
Texts = Annotated[list[Text], BeforeValidator(_one_or_list), AfterValidator(_short)]
"""One text, or a list of them that may be empty."""
StatedTexts = Annotated[Texts, AfterValidator(_stated)]
"""One text, or a list that says something: an empty condition would match everything."""
StatedIntents = Annotated[
    list[IntentName], BeforeValidator(_one_or_list), AfterValidator(_short), AfterValidator(_stated)
]
Capabilities = Annotated[
    list[Annotated[Text, _one_of(CAPABILITIES)]], BeforeValidator(_one_or_list), AfterValidator(_short)
]
Money = Annotated[Decimal, BeforeValidator(_money)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Priority = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000_000)]
EffortName = Annotated[Effort, _choice(Effort)]
Mode = Annotated[Permission, _choice(Permission)]


def key(description: str, example: str, **more: Any) -> Any:
    """A key of the language that may be left out: what it is for, and a line that shows it."""
    return Field(**{"default": None, **more}, description=description, examples=[example])


class Table(BaseModel):
    """A table of the language."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class MatchKeys(Table):
    """When an entry applies. Shared by every list of entries that has conditions."""

    intent: StatedIntents | None = key(
        "The kind of work: one, or a list of which one is enough.", 'intent = ["review", "debug"]'
    )
    skill: StatedTexts | None = key("The named skill that the host is carrying out.", 'skill = "changelog"')
    paths: StatedTexts | None = key(
        "Files the step touches, as gitignore-style patterns from the workspace's root.", 'paths = ["src/payments/**"]'
    )
    labels: StatedTexts | None = key("Labels that the caller gave the step.", 'labels = ["urgent"]')


class RuleTable(MatchKeys):
    """One rule: when it applies, and where the step goes then."""

    name: Text = key(
        "What people call the rule; unique in its layer. Every answer names it.",
        'name = "reviews stay here"',
        default=...,
    )
    priority: Priority = key("Lower goes first; rules without one have 1000.", "priority = 5", default=DEFAULT_PRIORITY)
    model: Text | None = key("The model to use, as provider/model.", 'model = "ollama/qwen2.5-coder"')
    pick: Annotated[Pick, _choice(Pick)] | None = key(
        "Instead of `model`: choose the cheapest, fastest or best of the models that may be used.", 'pick = "cheapest"'
    )
    from_: StatedTexts | None = key(
        "With `pick`: the models to choose from; a `*` at the end stands for the rest of the name.",
        'from = ["openai/*", "ollama/qwen2.5-coder"]',
        alias="from",
    )
    min_quality: Percent | None = key(
        "With `pick`: only models of at least this quality, 0 to 100, for the step's intent.", "min_quality = 60"
    )
    fallbacks: Texts = key(
        "Models to try next, in this order, when the first one fails.",
        'fallbacks = ["openai/gpt-5.5-mini"]',
        default=[],
    )
    effort: EffortName | None = key("How hard the model should think.", 'effort = "low"')
    local_only: bool = key(
        "Only models that run on this machine, for steps of this rule.", "local_only = true", default=False
    )
    requires: Capabilities = key("What the model must be capable of.", 'requires = ["tools"]', default=[])
    overridable: bool = key(
        "Organisation only: a default, which the workspace's rules come before.", "overridable = true", default=False
    )


class PolicyTable(Table):
    """What the policy is called and whom to ask about it."""

    name: Text | None = key("What the policy is called.", 'name = "ACME engineering"')
    owner: Text | None = key(
        "Whom to ask about it; shown when a policy cannot be used.", 'owner = "platform@acme.example"'
    )
    serial: Annotated[int, Field(ge=0, le=10**12)] | None = key(
        "The edition; count it up with every change.", "serial = 7"
    )
    required: bool | None = key(
        "Tells readers that the policy is binding. An organisation's policy always is, with or without it.",
        "required = true",
    )


class DefaultTable(Table):
    """Where a step goes that no rule matches."""

    model: Text = key("The model, as provider/model.", 'model = "openai/gpt-5.5-mini"', default=...)
    fallbacks: Texts = key("Models to try next, in this order.", 'fallbacks = ["ollama/qwen2.5-coder"]', default=[])
    effort: EffortName | None = key("How hard the model should think.", 'effort = "medium"')


class RoutingTable(Table):
    """Which step goes where."""

    default: DefaultTable | None = key("Where a step goes that no rule matches.", "[routing.default]")
    rules: list[RuleTable] = key("The rules.", "[[routing.rules]]", default=[])


class ClassificationRuleTable(Table):
    """Words or paths by which a step's intent is known, where the caller names none."""

    intent: IntentName = key("The intent that it settles; may be a new one.", 'intent = "security-review"', default=...)
    priority: Priority = key(
        "Lower goes first; rules without one have 1000.", "priority = 10", default=DEFAULT_PRIORITY
    )
    keywords: StatedTexts | None = key(
        "Words or phrases in the task's text, in any case.", 'keywords = ["threat model"]'
    )
    paths: StatedTexts | None = key("Files the step touches, as gitignore-style patterns.", 'paths = ["docs/adr/**"]')
    requires_any_context: bool = key(
        "Only for steps that name a path or pass context.", "requires_any_context = true", default=False
    )


class ClassificationTable(Table):
    """How a step's intent is found."""

    default_intent: IntentName | None = key(
        "The intent of a step that nothing else settles.", 'default_intent = "chat"'
    )
    rules: list[ClassificationRuleTable] = key("The rules.", "[[classification.rules]]", default=[])


class PrivacyTable(Table):
    """What must never leave this machine."""

    restricted_paths: Texts = key(
        "Files that are never sent to a remote model, as gitignore-style patterns.",
        'restricted_paths = [".env", "secrets/**"]',
        default=[],
    )


class OverridesTable(Table):
    """Whether a caller may propose a model."""

    allow: bool | None = key("Whether it may at all. Every layer must agree.", "allow = false")
    models: Texts | None = key(
        "The only models it may propose; a `*` at the end stands for the rest of the name.", 'models = ["ollama/*"]'
    )


class PermissionsTable(Table):
    """What a delegated model may do by itself."""

    file_read: Mode | None = key("Read files of the workspace.", 'file_read = "allow"')
    file_write: Mode | None = key("Change files of the workspace.", 'file_write = "ask"')
    shell: Mode | None = key("Run commands.", 'shell = "deny"')
    git: Mode | None = key("Use git.", 'git = "ask"')
    network: Mode | None = key("Reach the network.", 'network = "deny"')


class ToolsTable(Table):
    """What a delegated model may do by itself."""

    permissions: PermissionsTable | None = key("By kind of tool.", "[tools.permissions]")


class ProviderTable(Table):
    """How to reach a provider that is not well known, or a well-known one in another way."""

    type: Annotated[str, _one_of(PROVIDER_TYPES)] | None = key(
        "Which interface it speaks; well-known providers need none.", 'type = "openai-compatible"'
    )
    base_url: Text | None = key("Where it is reached.", 'base_url = "https://llm.acme.example/v1"')
    api_key: Text | None = key(
        "Where its key is kept, never the key: ${env:NAME}, ${keyring:NAME} or ${file:PATH}.",
        'api_key = "${env:ACME_API_KEY}"',
    )
    local: bool | None = key(
        "Whether it runs on this machine or in your own network. Believed only from the organisation and the user.",
        "local = true",
    )
    region: Text | None = key("Where it runs.", 'region = "eu-central-1"')
    headers: dict[str, Text] | None = key(
        "Headers to send along; values that may be secret only by reference.",
        'headers = { Authorization = "Bearer ${env:ACME_TOKEN}" }',
    )
    enabled: bool | None = key("false: never used.", "enabled = false")
    model_path: Text | None = key("Embedded model only: another GGUF file to run.", 'model_path = "/models/small.gguf"')


class ModelTable(Table):
    """Facts of a model that the catalog does not know, or that are different here."""

    context_window: Tokens | None = key("Most tokens in and out together.", "context_window = 32768")
    max_output_tokens: Tokens | None = key("Most tokens in one answer.", "max_output_tokens = 8192")
    capabilities: Capabilities | None = key("What it is capable of.", 'capabilities = ["tools", "json"]')
    input_price: Money | None = key("Money per million tokens that go in.", 'input_price = "0.50"')
    output_price: Money | None = key("Money per million tokens that come out.", 'output_price = "2.00"')
    cached_input_price: Money | None = key("Money per million tokens read from a cache.", 'cached_input_price = "0.05"')
    currency: Annotated[Text, AfterValidator(_currency)] | None = key(
        "Of the three prices; else USD.", 'currency = "EUR"'
    )
    quality: dict[IntentName, Percent] | None = key(
        "How good it is, 0 to 100, by intent; `default` stands for the others.",
        "quality = { review = 70, default = 50 }",
    )
    aliases: Texts | None = key("Other names under which the same model answers.", 'aliases = ["qwen-coder-7b"]')


class FileTable(Table):
    """A whole policy file."""

    policy: PolicyTable | None = key("What the policy is called and whom to ask.", "[policy]")
    routing: RoutingTable | None = key("Which step goes where.", "[[routing.rules]]")
    classification: ClassificationTable | None = key("How a step's intent is found.", "[classification]")
    privacy: PrivacyTable | None = key("What must never leave this machine.", "[privacy]")
    overrides: OverridesTable | None = key("Whether a caller may propose a model.", "[overrides]")
    tools: ToolsTable | None = key("What a delegated model may do by itself.", "[tools.permissions]")
    providers: dict[str, ProviderTable] | None = key("How to reach providers.", "[providers.acme]")
    models: dict[str, ModelTable] | None = key("Facts of models.", '[models."acme/coder"]')


def keys_of(table: type[Table]) -> dict[str, Any]:
    """The keys of a table as they are written, each with pydantic's description of it."""
    return {info.alias or name: info for name, info in table.model_fields.items()}


def table_of(annotation: Any) -> type[Table] | None:
    """The table within an annotation such as ``list[RuleTable]`` or ``dict[str, ModelTable] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((found for inner in get_args(annotation) if (found := table_of(inner))), None)


def tables(table: type[Table] = FileTable, name: str = "") -> Iterator[tuple[str, type[Table]]]:
    """Every table of the language below `table` by the name under which it is written, e.g. ``[[routing.rules]]``."""
    for written, info in keys_of(table).items():
        inner = table_of(info.annotation)
        if inner is None:
            continue
        path = f"{name}.{written}" if name else written
        arguments = str(info.annotation)
        if arguments.startswith("list["):
            yield f"[[{path}]]", inner
        elif "dict[" in arguments:
            yield f"[{path}.<name>]", inner
        else:
            yield f"[{path}]", inner
        yield from tables(inner, path)
