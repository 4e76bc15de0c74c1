"""Models, deployments and what is true of them, as routing sees them: plain, immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Dialect(StrEnum):
    """The wire dialects, one module each under `smista_mcp.providers`."""

    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"
    EMBEDDED = "embedded"


class Scope(StrEnum):
    """How widely one deployment may be served from."""

    REGION = "region"
    ZONE = "zone"
    GLOBAL = "global"


CAPABILITIES: Final = ("tools", "vision", "json", "reasoning")
"""What `requires` may ask of a model."""


@dataclass(frozen=True, slots=True)
class PriceStep:
    """What applies to calls with more than `above` input tokens, to the whole call."""

    above: int
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens. Decimal, never float. Where a vendor prices in tiers, the dearest one."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    currency: str = "USD"
    source: str = ""
    """Where the figure comes from, e.g. ``genai-prices 0.2.3`` or ``policy``."""
    listed_as: str = ""
    """``provider/model`` in the list of prices where its tiers stand; empty where `input` and `output` are all
    there is to know."""
    steps: tuple[PriceStep, ...] = ()
    """The tiers by size of the call, smallest first (the first is above -1, every call); empty where size does not
    matter. `input` and `output` are the dearest of them."""

    def for_input(self, tokens: int) -> Price:
        """The price of a call with so many input tokens, without steps."""
        for step in reversed(self.steps):
            if tokens > step.above:
                return replace(self, input=step.input, output=step.output, cached_input=step.cached_input, steps=())
        return self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a provider. `api_key` is a reference (``${env:NAME}``), resolved only when a call is made."""

    base_url: str
    api_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model through one account, endpoint and region.

    A fact that is not known is ``None`` (or empty) and fails whatever tests it.
    """

    id: str
    """``provider/model``; everything after the first slash is the model's name at the provider."""
    provider: str
    model: str
    dialect: Dialect
    endpoint: Endpoint
    vendor: str | None = None
    """Who runs it, where that is proved; an endpoint moved by an environment variable proves nothing."""
    local: bool = False
    local_evidence: str = ""
    """What established that it is local, or why it does not count as local."""
    price: Price | None = None
    """``None``: unknown. A local model costs nothing by the token and has a price of zero."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] = frozenset()
    efforts: tuple[str, ...] = ()
    quality: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """0 to 100 by intent; ``default`` stands for the others."""
    quality_source: str = ""
    speed: float | None = None
    """Output tokens per second, typical; ``None``: unknown."""
    aliases: tuple[str, ...] = ()
    """Names under which the same model answers (a dated version, a vendor's alias)."""
    known: bool = True
    """False for a model that only a policy names and the catalog knows nothing of."""
    family: str | None = None
    """Whose model it is and which, e.g. ``claude``, ``gpt``, ``llama``; the same wherever it is served."""
    processing_countries: frozenset[str] | None = None
    """Every country (ISO 3166 alpha-2) in which a call may be processed; ``None``: not known."""
    storage_countries: frozenset[str] | None = None
    """Every country in which anything of a call may be stored; empty: nothing is stored; ``None``: not known."""
    serving_scope: Scope | None = None
    operator_country: str | None = None
    """Where the operator is established: whose law reaches it."""
    zero_retention: bool | None = None
    trains_on_data: bool | None = None
    certifications: frozenset[str] = frozenset()
    evidence_url: str = ""
    """Where the facts above are written down by the operator."""
    evidence_date: str = ""
    """When that was read, ISO 8601."""
    latency_ms: int | None = None
    """Typical milliseconds for a short answer; ``None``: not known."""
    trial: bool = False
    """True for a model that is there to try things out and too weak for real work; decisions say so."""

    def quality_for(self, intent: str) -> float | None:
        """Quality for `intent`, else the default figure, else ``None``."""
        found = self.quality.get(intent)
        return found if found is not None else self.quality.get("default")


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every deployment, sorted by id. INVARIANT: ids are unique."""

    deployments: tuple[Deployment, ...]

    def get(self, deployment_id: str) -> Deployment | None:
        """The deployment of that id, or ``None``."""
        for deployment in self.deployments:
            if deployment.id == deployment_id:
                return deployment
        return None


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """How much of a budget is gone: settled and held, in its own currency."""

    settled: Decimal
    held: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was true of the deployments at one moment; recorded with the decision so that it can be replayed."""

    taken_at: str
    """ISO 8601, UTC."""
    unavailable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By deployment id, why it cannot be used here and now (no key, server not reachable, model not pulled)."""
    budgets: Mapping[str, BudgetStanding] = field(default_factory=lambda: MappingProxyType({}))
    """By budget name, for the counter that this step would fall under."""


class ServerKind(StrEnum):
    """What a server turned out to be when it was asked."""

    OLLAMA = "ollama"
    LLAMACPP = "llamacpp"
    LMSTUDIO = "lmstudio"
    VLLM = "vllm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server says it has."""

    name: str
    context_window: int | None = None
    parameters: str = ""
    """How many weights, as the server puts it, e.g. ``7.6B``."""
    remote: bool = False
    """The server itself sends calls for this model elsewhere."""
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reach:
    """How a provider is to be reached, by the policy and the environment: intentions, nothing found out yet."""

    id: str
    type: str
    dialect: Dialect
    endpoint: Endpoint
    vendor: str | None = None
    """Whose machine answers, where the address proves it."""
    list_id: str | None = None
    """Under which name the list of prices has this vendor; ``None`` where the address does not prove the vendor."""
    family: str | None = None
    """The well-known provider whose models answer here by name, e.g. ``anthropic``."""
    moved_by: str = ""
    """The environment variable that moved the endpoint away from its well-known place."""
    key_present: bool | None = None
    """Whether the key and other secrets that a call needs are there, as far as that is cheap to tell (a keyring is
    not opened); ``None``: not known. True also where none is needed."""
    problem: str = ""
    """Why it cannot be used as it is set up, and what to do: no key, no address, switched off; empty: nothing."""
    declared_local: bool | None = None
    """What trusted policy declares; ``None``: nothing, so that it has to be established."""
    declared_at: str = ""
    """Where the policy speaks of this provider."""
    probe: bool = False
    """Whether discovery may ask the server what it is and what it has."""
    expects: ServerKind | None = None
    """What a well-known local server has to be in order to count as itself."""
    model_path: str | None = None
    """Embedded provider only: the GGUF file to run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What discovery found out about one server."""

    reachable: bool = False
    kind: ServerKind = ServerKind.UNKNOWN
    own_address: bool = False
    """Every address that the endpoint's host stands for is this machine's."""
    pinned: str = ""
    """The base URL with the address that was found in place of a name, which could mean another machine later."""
    models: tuple[ServedModel, ...] | None = None
    """``None``: the server did not say."""
    problem: str = ""
    """Why it cannot be used, in words; empty where it can."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list of prices says of one model."""

    price: Price | None = None
    context_window: int | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """What is there to be used, here and now. No secret is in it: keys are known by name and presence."""

    taken_at: str
    """ISO 8601, UTC."""
    providers: Mapping[str, Reach] = field(default_factory=lambda: MappingProxyType({}))
    findings: Mapping[str, Finding] = field(default_factory=lambda: MappingProxyType({}))
    """By provider id; only providers that were asked are in it."""
    listings: Mapping[str, Listing] = field(default_factory=lambda: MappingProxyType({}))
    """By ``list_id/model``; what is not in it is looked up when the catalog is built."""
