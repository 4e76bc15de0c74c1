"""The catalog: every deployment that a step could go to, its facts, and what stands in the way of using it now.

Pure: what the environment holds and what servers answered comes in as `Availability`. (Only a price that is not in it
is looked up in the installed list.) A fact that nobody established stays unknown; where the policy states facts of a
model under ``[models]``, they override all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

from smista_mcp.catalog import sizes
from smista_mcp.catalog.endpoints import host_and_port, plan_providers
from smista_mcp.catalog.family import family_of
from smista_mcp.catalog.identity import same_model
from smista_mcp.catalog.models import EMBEDDED, QUALITY_SOURCE, KnownModel, row_of, rows_of
from smista_mcp.catalog.prices import FREE, look_up, price_of
from smista_mcp.catalog.stated import NONE, stated_facts, with_facts
from smista_mcp.catalog.types import (
    CAPABILITIES,
    Availability,
    Catalog,
    Deployment,
    Dialect,
    Endpoint,
    Finding,
    Listing,
    Price,
    Reach,
    ServedModel,
    ServerKind,
    Snapshot,
)
from smista_mcp.catalog.verdict import judge
from smista_mcp.policy.known import LOCAL_SERVERS
from smista_mcp.policy.types import ModelSettings, Policy

LISTED_AT_MOST: Final = 100
"""Models of one server that nobody names and that still become candidates: a gateway may list a thousand."""

_NAMED_AT_MOST: Final = 5
"""Models that a message about a missing one lists."""

_LATEST: Final = ":latest"


def build_catalog(policy: Policy, availability: Availability) -> tuple[Catalog, Snapshot]:
    """The catalog for `policy` and, beside it, why some of it cannot be used now.

    In it are the models of our own table at every provider that has them, what local servers list, and every model
    that the policy names, known or not. Sorted by id; equal input gives equal output, in whatever order it comes.
    """
    reaches = dict(availability.providers) or {one.id: one for one in plan_providers(policy, {})}
    names: dict[str, set[str]] = {provider: set() for provider in reaches}
    for mentioned in _mentioned(policy):
        provider, _, model = mentioned.partition("/")
        names.setdefault(provider, set()).add(model)
    deployments: list[Deployment] = []
    unavailable: dict[str, str] = {}
    for provider in sorted(names):
        reach = reaches.get(provider) or _unheard_of(provider)
        finding = availability.findings.get(provider)
        for candidate in _candidates(reach, finding, names[provider]):
            deployment = _deployment(candidate, reach, finding, availability, policy)
            deployments.append(deployment)
            why = _why_not(candidate, reach, finding)
            if why:
                unavailable[deployment.id] = why
    deployments.sort(key=lambda one: one.id)
    snapshot = Snapshot(availability.taken_at, MappingProxyType(dict(sorted(unavailable.items()))))
    return Catalog(tuple(deployments)), snapshot


def models_to_price(policy: Policy, reaches: Iterable[Reach]) -> tuple[tuple[str, str], ...]:
    """Every ``(list_id, model)`` whose price a catalog for `policy` will want, sorted, each once."""
    wanted: set[tuple[str, str]] = set()
    mentioned = _mentioned(policy)
    for reach in reaches:
        if reach.list_id is None:
            continue
        wanted.update((reach.list_id, row.name) for row in _rows(reach))
        named = (one.partition("/") for one in mentioned)
        wanted.update((reach.list_id, model) for provider, _, model in named if provider == reach.id and model)
    return tuple(sorted(wanted))


def is_known_model(name: str) -> bool:
    """Whether ``provider/model`` names a model that the catalog knows something of.

    What a local server has is known only to that server: any model of one counts as known here. Nothing is asked over
    the network; a name that is not in our own table is looked up in the installed list of prices.
    """
    provider, _, model = name.partition("/")
    if not model:
        return False
    if provider == EMBEDDED.provider:
        return model == EMBEDDED.name
    if provider in LOCAL_SERVERS:
        return True
    return _row(provider, model) is not None or price_of(provider, model) is not None


def _mentioned(policy: Policy) -> list[str]:
    """Every model that the policy names, in a rule, a group or a table of facts, sorted, each once."""
    named = {one for one in policy.mentioned_models() if one not in policy.groups}
    grouped = {one for group in policy.groups.values() for one in group.models if "*" not in one}
    return sorted(named | grouped)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model at a provider and what is known of it before facts are put together."""

    name: str
    """As it stands in the id."""
    model: str
    """As the provider is asked for it."""
    row: KnownModel | None = None
    served: ServedModel | None = None


def _candidates(reach: Reach, finding: Finding | None, mentioned: Iterable[str]) -> list[_Candidate]:
    """The models of one provider, each once: of the table, of the policy and of the server's own listing."""
    if reach.dialect is Dialect.EMBEDDED:
        return _embedded_candidates(reach, finding, mentioned)
    served = _served(finding)
    rows = {row.name: row for row in _rows(reach)}
    family = reach.family or reach.id
    found: dict[str, _Candidate] = {}
    for name in sorted({*rows, *mentioned}):
        row = rows.get(name) or _row(family, name)
        found[name] = _Candidate(name, name, row, served.get(_canonical(reach, name)))
    taken = {_canonical(reach, name) for name in found}
    rest = [one for key, one in sorted(served.items()) if key not in taken]
    for one in [one for one in rest if sizes.answers_tasks(one.name, one.capabilities)][:LISTED_AT_MOST]:
        name = _canonical(reach, one.name)
        found[name] = _Candidate(name, name, None, one)
    return list(found.values())


def _embedded_candidates(reach: Reach, finding: Finding | None, mentioned: Iterable[str]) -> list[_Candidate]:
    """The embedded model. A GGUF file of the policy's own is run in its place: it goes by the file's name, and answers
    too where a rule names the usual model, so that the routes of the layers below lead somewhere."""
    own = _embedded_name(reach)
    row = None if reach.model_path else EMBEDDED
    served = finding.models[0] if finding and finding.models else None
    usual = {name: _Candidate(name, own, row, served) for name in (own, EMBEDDED.name)}
    return [usual.get(name) or _Candidate(name, name) for name in {*usual, *mentioned}]


def _embedded_name(reach: Reach) -> str:
    """The name of the model that an embedded provider runs."""
    return PurePath(reach.model_path).stem if reach.model_path else EMBEDDED.name


def _rows(reach: Reach) -> tuple[KnownModel, ...]:
    """The rows of our table that are to be expected at a provider."""
    return rows_of(reach.family) if reach.family else ()


def _row(provider: str, model: str) -> KnownModel | None:
    """The row of a model by its name, an alias or a dated form of either."""
    exact = row_of(provider, model)
    if exact is not None:
        return exact
    return next((row for row in rows_of(provider) if same_model(row.name, model, row.aliases)), None)


def _served(finding: Finding | None) -> dict[str, ServedModel]:
    """What the server lists, by the name under which names are compared. Of two under one name the one that is run
    elsewhere stands."""
    if finding is None or finding.models is None:
        return {}
    strip = _LATEST if finding.kind is ServerKind.OLLAMA else ""
    ordered = sorted(
        finding.models,
        key=lambda one: (one.remote, one.name, one.context_window or 0, one.parameters, sorted(one.capabilities)),
    )
    return {one.name.removesuffix(strip): one for one in ordered}


def _canonical(reach: Reach, model: str) -> str:
    """The name under which names are compared. At Ollama a name without a tag means the tag ``latest``."""
    return model.removesuffix(_LATEST) if _speaks_ollama(reach) else model


def _speaks_ollama(reach: Reach) -> bool:
    return reach.dialect is Dialect.OLLAMA


def _deployment(
    candidate: _Candidate,
    reach: Reach,
    finding: Finding | None,
    availability: Availability,
    policy: Policy,
) -> Deployment:
    row, served, model = candidate.row, candidate.served, candidate.model
    identity = f"{reach.id}/{candidate.name}" if candidate.name else reach.id
    settings = policy.models.get(identity)
    verdict = judge(reach, finding, model, sent_elsewhere=served is not None and served.remote)
    listing = Listing() if verdict.free else _listing(reach, model, availability)
    quality, quality_source = _quality(candidate, reach, finding)
    window = (served.context_window if served else None) or (row.context_window if row else None)
    capabilities = row.capabilities if row else frozenset(served.capabilities & set(CAPABILITIES)) if served else None
    aliases = {*(row.aliases if row else ()), *(settings.aliases if settings else ())}
    if row is not None:
        aliases.add(row.name)
    if served is not None:
        aliases.add(served.name)
    price = FREE if verdict.free else listing.price
    if settings is not None:
        price = _stated_price(settings, price)
        window = settings.context_window or window
        if settings.capabilities is not None:
            capabilities = frozenset(settings.capabilities)
        if settings.quality:
            quality = {**quality, **settings.quality}
            quality_source = f"stated in {settings.place or 'the policy'}"
    limit = row.max_output_tokens if row else None
    deployment = Deployment(
        id=identity,
        provider=reach.id,
        model=model,
        dialect=reach.dialect,
        endpoint=_endpoint(reach, finding),
        vendor=reach.vendor,
        local=verdict.local,
        local_evidence=verdict.evidence,
        price=price,
        context_window=window or listing.context_window,
        max_output_tokens=(settings.max_output_tokens if settings else None) or limit,
        capabilities=capabilities or frozenset(),
        efforts=row.efforts if row else (),
        quality=MappingProxyType(dict(sorted(quality.items()))),
        quality_source=quality_source,
        speed=row.speed if row and reach.vendor else None,
        aliases=tuple(sorted(aliases - {model})),
        trial=row is EMBEDDED,
        known=row is not None or served is not None or listing.price is not None or _is_own_file(candidate, reach),
        family=family_of(candidate.name),
    )
    facts = stated_facts(reach, verdict, policy.providers.get(reach.id), settings)
    return deployment if facts == NONE else with_facts(deployment, facts)


def _listing(reach: Reach, model: str, availability: Availability) -> Listing:
    """What the list of prices says, where the address proves whose prices apply."""
    if reach.list_id is None or not model:
        return Listing()
    found = availability.listings.get(f"{reach.list_id}/{model}")
    return found if found is not None else look_up(reach.list_id, model, _moment(availability.taken_at))


def _moment(timestamp: str) -> datetime:
    """The snapshot's time; now, where it is none."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _quality(candidate: _Candidate, reach: Reach, finding: Finding | None) -> tuple[Mapping[str, float], str]:
    if candidate.row is not None:
        return {"default": candidate.row.quality}, QUALITY_SOURCE
    if reach.dialect is Dialect.EMBEDDED and reach.model_path:
        guess = sizes.estimate(candidate.model)
        return guess.quality, guess.source
    served = candidate.served
    if served is not None and finding is not None and finding.kind is not ServerKind.UNKNOWN:
        guess = sizes.estimate(served.name, served.parameters)
        return guess.quality, guess.source
    return {}, ""


def _stated_price(settings: ModelSettings, price: Price | None) -> Price | None:
    """The policy's price; what it leaves out is kept from a known one in the same currency."""
    if settings.input_price is None and settings.output_price is None and settings.cached_input_price is None:
        return price
    base = price if price is not None and price.currency == settings.currency else None
    into = settings.input_price if settings.input_price is not None else base.input if base else None
    out = settings.output_price if settings.output_price is not None else base.output if base else None
    if into is None or out is None:
        return None
    cached = settings.cached_input_price
    if cached is None and base is not None and settings.input_price is None:
        cached = base.cached_input
    return Price(
        into, out, cached, settings.currency, source=f"policy ({settings.place})" if settings.place else "policy"
    )


def _endpoint(reach: Reach, finding: Finding | None) -> Endpoint:
    if finding is not None and finding.pinned:
        return Endpoint(finding.pinned, reach.endpoint.api_key, reach.endpoint.headers)
    return reach.endpoint


def _unheard_of(provider: str) -> Reach:
    return Reach(
        id=provider,
        type="",
        dialect=Dialect.OPENAI_CHAT,
        endpoint=Endpoint(""),
        problem=f"there is no provider {provider!r}: write provider/model, or add [providers.{provider}]",
    )


def _why_not(candidate: _Candidate, reach: Reach, finding: Finding | None) -> str:
    """Why the model cannot be used here and now, and what to do about it; empty where it can."""
    if reach.problem:
        return reach.problem
    if reach.dialect is Dialect.EMBEDDED:
        return _why_not_embedded(candidate, reach, finding)
    if not reach.probe:
        return ""
    place = host_and_port(reach.endpoint.base_url)
    if finding is None:
        return f"nobody has looked for a server at {place} yet"
    if finding.problem:
        return finding.problem
    if finding.models is None or candidate.served is not None:
        return ""
    if finding.kind is ServerKind.OLLAMA:
        return f"not pulled: run `ollama pull {candidate.model}`; {_named('pulled here', finding)}"
    return f"not served at {place}; {_named('served there', finding)}"


def _is_own_file(candidate: _Candidate, reach: Reach) -> bool:
    return reach.dialect is Dialect.EMBEDDED and candidate.model == _embedded_name(reach)


def _why_not_embedded(candidate: _Candidate, reach: Reach, finding: Finding | None) -> str:
    if finding is not None and finding.problem:
        return finding.problem
    own = _embedded_name(reach)
    return "" if candidate.model == own else f"the embedded provider runs {reach.id}/{own}"


def _named(what: str, finding: Finding) -> str:
    names = [one.name for one in finding.models or () if sizes.answers_tasks(one.name, one.capabilities)]
    if not names:
        return f"{what}: nothing"
    shown = ", ".join(sorted(names)[:_NAMED_AT_MOST])
    more = len(names) - _NAMED_AT_MOST
    return f"{what}: {shown} and {more} more" if more > 0 else f"{what}: {shown}"
