"""What a policy comes to once its layers are read and merged: plain, immutable values.

This is all that routing sees. Files, line numbers as positions in text, trust and merging live beside it in
this package; nothing here reads or writes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Final

BUILTIN_INTENTS: Final = (
    "chat",
    "plan",
    "edit",
    "debug",
    "test",
    "review",
    "explain",
    "summarize",
    "document",
    "translate",
    "write",
    "math",
    "prompt",
    "skill",
)
"""The kinds of work every policy may name. A policy adds its own by defining a classification rule for them."""

DEFAULT_PRIORITY: Final = 1000
"""The priority of a rule that states none; lower goes first."""


class Layer(IntEnum):
    """Whose policy it is. Lower rules first."""

    ORGANISATION = 0
    WORKSPACE = 1
    USER = 2
    BUILTIN = 3

    @property
    def label(self) -> str:
        """The layer's name as people and JSON see it: ``organisation``, ``workspace``, …"""
        return self.name.lower()


class Effort(StrEnum):
    """How hard a model should think; each vendor's own setting is derived from it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"


class Pick(StrEnum):
    """How to choose among several eligible deployments."""

    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    BEST = "best"


class Permission(StrEnum):
    """What a delegated model may do with one kind of tool; later members are stricter."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Tool(StrEnum):
    """The kinds of tool that `[tools.permissions]` speaks of."""

    FILE_READ = "file_read"
    FILE_WRITE = "file_write"
    SHELL = "shell"
    GIT = "git"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: a file as its reader knows it, and a line counted from 1 (0: unknown)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Match:
    """When a rule applies. Every key that is stated must hold; one value of a list is enough.

    ``None`` or an empty tuple means the key is not stated. ``paths`` are gitignore-style patterns.
    """

    intent: tuple[str, ...] = ()
    skill: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    tier: tuple[str, ...] = ()
    tenant: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    workload: tuple[str, ...] = ()
    repo: tuple[str, ...] = ()
    """Shell-style patterns over ``host/owner/name`` of the repository's remote, case-blind."""
    languages: tuple[str, ...] = ()
    min_tokens: int | None = None
    """Least estimated input tokens, inclusive."""
    max_tokens: int | None = None
    """Most estimated input tokens, inclusive."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency (ISO 4217). Never a float."""

    amount: Decimal
    currency: str = "USD"

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Demands:
    """What a guardrail requires or forbids of a deployment. What is not stated is ``None`` or empty.

    Under `require` every stated demand must be met; under `forbid` none of the stated things may be true. `max_cost`,
    `max_latency_ms` and `tools` make sense only under `require`, and are refused elsewhere.
    """

    local: bool | None = None
    regions: tuple[str, ...] = ()
    """Names from ``[regions]`` or ISO 3166 alpha-2 country codes."""
    vendors: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """``provider/model``, a group's name, or ``provider/*``."""
    zero_retention: bool | None = None
    certifications: tuple[str, ...] = ()
    """Required: all of them. Forbidden: any of them."""
    max_cost: Money | None = None
    max_latency_ms: int | None = None
    tools: Mapping[Tool, Permission] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One ``[[guardrails]]`` entry: only ever takes candidates away or tightens."""

    name: str
    layer: Layer
    order: int
    match: Match
    place: Place
    unless: Match | None = None
    """An exemption: holds only by facts that are bound, never by anything that the caller controls."""
    require: Demands = Demands()
    forbid: Demands = Demands()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One ``[[guarantees]]`` entry (organisation only): lifts economic ceilings, and nothing else."""

    name: str
    order: int
    match: Match
    place: Place
    unlimited_cost: bool = True
    why: str = ""


class Per(StrEnum):
    """What a budget is counted by."""

    USER = "user"
    TEAM = "team"
    TENANT = "tenant"
    PROJECT = "project"
    RULE = "rule"
    MODEL = "model"


class Period(StrEnum):
    """How long a budget lasts before it begins anew (calendar periods, UTC)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Then(StrEnum):
    """What happens to a step whose worst case no longer fits into a budget."""

    SPILL = "spill"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Budget:
    """One ``[[budgets]]`` entry. Its standing enters decisions with the snapshot."""

    name: str
    layer: Layer
    order: int
    per: Per
    limit: Money
    period: Period
    then: Then
    place: Place
    match: Match = Match()


@dataclass(frozen=True, slots=True)
class Group:
    """``[groups.<name>]``: models that one name stands for, in the order in which they are tried."""

    name: str
    layer: Layer
    models: tuple[str, ...]
    weights: tuple[int, ...] = ()
    """One a model, or none at all."""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """``[identity]``: who runs this, from the organisation's or the user's file; the organisation's word wins."""

    user: str | None = None
    team: str | None = None
    tenant: str | None = None
    tier: str | None = None
    workload: str | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """One ``[[repositories]]`` entry: what is bound to a repository, known by its remote or its folder."""

    layer: Layer
    order: int
    place: Place
    remote: tuple[str, ...] = ()
    """Shell-style patterns over ``host/owner/name``."""
    path: tuple[str, ...] = ()
    """Absolute folders (``~`` is the user's home), shell-style; the real path is compared."""
    labels: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    tier: str | None = None
    tenant: str | None = None
    team: str | None = None
    workload: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a rule chooses: a model by name, or the way to pick one from `sources` (empty: the whole catalog)."""

    model: str | None = None
    pick: Pick | None = None
    sources: tuple[str, ...] = ()
    min_quality: float | None = None
    """Least quality, 0 to 100, for intents that `min_quality_by_intent` does not name."""
    min_quality_by_intent: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def floor_for(self, intent: str) -> float | None:
        """Least quality for a step of `intent`; ``None``: any will do."""
        return self.min_quality_by_intent.get(intent, self.min_quality)

    def without_floor(self) -> Target:
        """The same target, whatever the quality."""
        return replace(self, min_quality=None, min_quality_by_intent=MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``[[routing.rules]]`` entry."""

    name: str
    layer: Layer
    order: int
    """Position among all rules of its layer, in file order: the last tie-break."""
    match: Match
    target: Target
    place: Place
    priority: int = DEFAULT_PRIORITY
    fallbacks: tuple[str, ...] = ()
    effort: Effort | None = None
    local_only: bool = False
    requires: tuple[str, ...] = ()
    """Capabilities that a deployment must have, e.g. ``tools``."""
    max_cost: Money | None = None
    max_latency_ms: int | None = None
    tools: Mapping[Tool, Permission] = field(default_factory=lambda: MappingProxyType({}))
    """Narrows what ``[tools.permissions]`` allow, never widens it."""
    overridable: bool = False
    """Organisation only: a default that ranks below the workspace's rules."""


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """``[routing.default]`` of one layer: where a step goes that no rule matches."""

    layer: Layer
    place: Place
    model: str
    fallbacks: tuple[str, ...] = ()
    effort: Effort | None = None


@dataclass(frozen=True, slots=True)
class ClassificationRule:
    """One ``[[classification.rules]]`` entry: words or paths that settle a step's intent."""

    intent: str
    layer: Layer
    order: int
    place: Place
    priority: int = DEFAULT_PRIORITY
    keywords: tuple[str, ...] = ()
    """Words or phrases, matched case-blind at word boundaries in the task text."""
    paths: tuple[str, ...] = ()
    requires_any_context: bool = False
    """Only when the step names at least one path or passes context."""


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """What a trusted file states of a provider's or a model's deployments; ``None``: it says nothing.

    A model's own facts come before its provider's.
    """

    vendor: str | None = None
    family: str | None = None
    processing_countries: tuple[str, ...] | None = None
    """ISO 3166 alpha-2, sorted; never empty."""
    storage_countries: tuple[str, ...] | None = None
    """As above; empty: nothing of a call is stored."""
    serving_scope: str | None = None
    """``region``, ``zone`` or ``global``."""
    operator_country: str | None = None
    zero_retention: bool | None = None
    trains_on_data: bool | None = None
    certifications: tuple[str, ...] | None = None
    evidence_url: str | None = None
    evidence_date: str | None = None
    """ISO 8601, a day."""
    latency_ms: int | None = None
    speed: float | None = None
    """Output tokens per second."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """``[providers.<id>]`` after merging. Secrets are references such as ``${env:OPENAI_API_KEY}``, never values."""

    id: str
    type: str
    layer: Layer
    """The most trusted layer that set any of it."""
    base_url: str | None = None
    base_url_layer: Layer | None = None
    api_key: str | None = None
    local: bool | None = None
    """Declared by a trusted layer (organisation or user); ``None`` where it has to be established."""
    region: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    enabled: bool = True
    model_path: str | None = None
    """Embedded provider only: a GGUF file to run in place of the one that is fetched."""
    facts: DeploymentFacts = DeploymentFacts()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """``[models."provider/model"]`` after merging: facts that override the catalog's own."""

    id: str
    layer: Layer
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: tuple[str, ...] | None = None
    input_price: Decimal | None = None
    """Money per million input tokens, in `currency`."""
    output_price: Decimal | None = None
    cached_input_price: Decimal | None = None
    currency: str = "USD"
    quality: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """0 to 100 by intent; the key ``default`` stands for intents that are not named."""
    aliases: tuple[str, ...] = ()
    facts: DeploymentFacts = DeploymentFacts()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """``[overrides]``: whether a caller may propose a model. All layers must allow it."""

    allow: bool = True
    models: tuple[str, ...] | None = None
    """The only models that may be proposed, as ``provider/model`` or ``provider/*``; ``None``: any that is eligible."""


class Detect(StrEnum):
    """What ``[privacy.detect]`` does about a class of data; later members are stricter."""

    WARN = "warn"
    REDACT = "redact"
    LOCAL = "local"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Given:
    """The step of a policy test. ``None`` or empty: nothing is said of it.

    `tier`, `tenant`, `team`, `workload`, `user` and `repo` are meant as bound, by configuration; the rest as a caller
    would state it.
    """

    task: str = ""
    intent: str | None = None
    skill: str | None = None
    paths: tuple[str, ...] = ()
    """Files, not patterns."""
    effort: Effort | None = None
    labels: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    model: str | None = None
    """The model that the caller proposes."""
    tokens: int | None = None
    """Estimated input tokens."""
    tier: str | None = None
    tenant: str | None = None
    team: str | None = None
    workload: str | None = None
    user: str | None = None
    repo: str | None = None
    """``host/owner/name``."""
    languages: tuple[str, ...] = ()
    available: tuple[str, ...] | None = None
    """The only models that can be reached (``provider/model``, ``provider/*`` or a group); ``None``: all known."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the decision must be. ``None`` or empty: anything will do."""

    outcome: str | None = None
    model: str | None = None
    not_model: tuple[str, ...] = ()
    rule: str | None = None
    local: bool | None = None
    eligible: tuple[str, ...] = ()
    not_eligible: tuple[str, ...] = ()
    effort: Effort | None = None
    permissions: Mapping[Tool, Permission] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One ``[[tests]]`` entry: a policy's own unit test. It changes no decision and is not part of the digest."""

    name: str
    layer: Layer
    order: int
    place: Place
    given: Given = Given()
    expect: Expected = Expected()


@dataclass(frozen=True, slots=True)
class Policy:
    """The merged layers.

    INVARIANT: `rules` are in the order in which they are tried before specificity is considered, that is by
    (effective layer, priority), and keep file order within; `defaults` go from the most trusted layer down.
    """

    name: str
    digest: str
    """SHA-256 (hex) of the meaning: formatting and comments do not change it."""
    rules: tuple[Rule, ...] = ()
    defaults: tuple[DefaultRoute, ...] = ()
    classification: tuple[ClassificationRule, ...] = ()
    default_intent: str | None = None
    restricted_paths: tuple[str, ...] = ()
    """gitignore-style; the union of all layers."""
    providers: Mapping[str, ProviderSettings] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, ModelSettings] = field(default_factory=lambda: MappingProxyType({}))
    overrides: Overrides = Overrides()
    permissions: Mapping[Tool, Permission] = field(default_factory=lambda: MappingProxyType({}))
    guardrails: tuple[Guardrail, ...] = ()
    guarantees: tuple[Guarantee, ...] = ()
    budgets: tuple[Budget, ...] = ()
    regions: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    """ISO 3166 alpha-2 codes by name; what the organisation defines nobody below redefines."""
    groups: Mapping[str, Group] = field(default_factory=lambda: MappingProxyType({}))
    identity: Identity = Identity()
    repositories: tuple[Repository, ...] = ()
    """Most trusted layer first; for a single value the first that states it wins, labels and data are united."""
    detect: Mapping[str, Detect] = field(default_factory=lambda: MappingProxyType({}))
    """``[privacy.detect]`` by class of data, the strictest that any layer says. What it does to a decision stands in
    `guardrails`, under names such as ``privacy.detect personal``."""
    tests: tuple[PolicyTest, ...] = ()
    """Of all layers, most trusted first. Without meaning for a decision."""
    layers: tuple[tuple[Layer, str], ...] = ()
    """Which files took part, most trusted first."""
    owner: str | None = None
    """Whom to ask about it: the most trusted layer's ``[policy] owner``."""
    serial: int | None = None
    """The most trusted layer's ``[policy] serial``."""

    def mentioned_models(self) -> tuple[str, ...]:
        """Every ``provider/model`` that a rule or default names, sorted, each once."""
        names: set[str] = set()
        for rule in self.rules:
            if rule.target.model:
                names.add(rule.target.model)
            names.update(rule.target.sources)
            names.update(rule.fallbacks)
        for default in self.defaults:
            names.add(default.model)
            names.update(default.fallbacks)
        names.update(self.models)
        return tuple(sorted(name for name in names if "*" not in name))


JsonDict = dict[str, Any]
