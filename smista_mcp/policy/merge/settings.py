"""Providers, models, identity and repositories: what trusted layers say is so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from smista_mcp.policy.findings import Finding, Severity, listed, shown
from smista_mcp.policy.known import KNOWN_PROVIDERS, PROVIDER_TYPES
from smista_mcp.policy.merge.files import TRUSTED, File, Said, conflict, entries, first, stated
from smista_mcp.policy.schema import FACTS
from smista_mcp.policy.types import (
    DeploymentFacts,
    Identity,
    Layer,
    ModelSettings,
    Place,
    ProviderSettings,
    Repository,
)

_COUNTRY_SETS = ("processing_countries", "storage_countries", "certifications")
_PRICES = ("input_price", "output_price", "cached_input_price", "currency")
_SAID_OF_A_PLACE: Final = frozenset({"local", "region", *FACTS})
"""What is true of an address and not of a name."""
_SATISFYING: Final = _SAID_OF_A_PLACE | frozenset(_PRICES)
"""What guardrails ask for. Where there is an organisation these are its own to state: whoever may say where a model
runs and what it costs decides what its guardrails let through. (`local` = false takes away, so anybody may say it.)"""

_Believed = Callable[[Layer, str], bool]


def _merged(
    files: Iterable[File], findings: list[Finding], table: str, believed: _Believed
) -> dict[str, dict[str, Said]]:
    """``[<table>.<name>]`` of all layers but the workspace's, key by key, the more trusted layer first."""
    merged: dict[str, dict[str, Said]] = {}
    files = tuple(files)
    governed = any(file.layer is Layer.ORGANISATION for file in files)
    for file in files:
        if file.layer is Layer.WORKSPACE:
            continue
        for name, entry in file.table(table).items():
            into = merged.setdefault(name, {})
            into.setdefault("", Said(None, file.layer, file.place(table, name)))
            for path, value in _keys(entry):
                if not believed(file.layer, path[0]):
                    continue
                if governed and file.layer is Layer.USER and _satisfies(path[0], value):
                    findings.append(_not_believed(path[0], name, file.place(table, name, *path)))
                    continue
                said = Said(value, file.layer, file.place(table, name, *path))
                key = ".".join(part.lower() if path[0] == "headers" else part for part in path)
                earlier = into.setdefault(key, said)
                if earlier.layer is file.layer and earlier.value != value:
                    findings.append(conflict(said.place, shown(".".join(path)), earlier.place))
    return merged


def _satisfies(key: str, value: Any) -> bool:
    return key in _SATISFYING and not (key == "local" and value is False)


def _not_believed(key: str, name: str, place: Place) -> Finding:
    message = (
        f"`{key}` of {shown(name)} is not believed here: where there is an organisation's policy, that is its to say."
    )
    fix = "Ask whoever keeps the organisation's policy to state it there."
    return Finding("not_believed", Severity.WARNING, place, message, fix)


def _without_another_place(keys: dict[str, Said], address: Said | None) -> dict[str, Said]:
    """`keys` without what the organisation says of the place, where the user has put it elsewhere."""
    if address is None or address.layer is not Layer.USER:
        return keys
    return {
        key: said
        for key, said in keys.items()
        if key not in _SAID_OF_A_PLACE or said.layer >= address.layer or not _satisfies(key, said.value)
    }


def _keys(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What one table states; a table within it counts key by key."""
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from (((key, inner), one) for inner, one in value.items())
        else:
            yield (key,), value


def _inner(keys: dict[str, Said], key: str) -> Mapping[str, Any]:
    prefix = f"{key}."
    return MappingProxyType({at.removeprefix(prefix): keys[at].value for at in sorted(keys) if at.startswith(prefix)})


def _value(keys: dict[str, Said], key: str) -> Any:
    return keys[key].value if key in keys else None


def _top(keys: dict[str, Said]) -> Layer:
    return min(said.layer for said in keys.values())


def _facts(keys: dict[str, Said]) -> DeploymentFacts:
    found = {key: keys[key].value for key in FACTS if key in keys}
    for key in _COUNTRY_SETS:
        if key in found:
            found[key] = tuple(sorted(set(found[key])))
    return DeploymentFacts(**found)


def providers(files: Iterable[File], findings: list[Finding]) -> Mapping[str, ProviderSettings]:
    """``[providers.<id>]`` of all layers that may say so."""

    def believed(layer: Layer, key: str) -> bool:
        return key != "local" or layer in (Layer.ORGANISATION, Layer.USER)

    found: dict[str, ProviderSettings] = {}
    for name, stated_keys in sorted(_merged(files, findings, "providers", believed).items()):
        keys = _without_another_place(stated_keys, stated_keys.get("base_url"))
        place = keys[""].place
        kind = _value(keys, "type") or KNOWN_PROVIDERS.get(name)
        if kind is None:
            findings.append(provider_without_type(name, place))
            continue
        if kind == "openai-compatible" and name not in KNOWN_PROVIDERS and "base_url" not in keys:
            message = f"The provider {shown(name)} has no `base_url`, and there is no address to assume."
            example = 'Write for example: base_url = "https://llm.acme.example/v1"'
            findings.append(Finding("missing_key", Severity.ERROR, place, message, example))
        found[name] = ProviderSettings(
            id=name,
            type=kind,
            layer=_top(keys),
            base_url=_value(keys, "base_url"),
            base_url_layer=keys["base_url"].layer if "base_url" in keys else None,
            api_key=_value(keys, "api_key"),
            local=_value(keys, "local"),
            region=_value(keys, "region"),
            headers=_inner(keys, "headers"),
            enabled=_value(keys, "enabled") is not False,
            model_path=_value(keys, "model_path"),
            facts=_facts(keys),
            place=place,
        )
    return MappingProxyType(found)


def provider_without_type(name: str, place: Place) -> Finding:
    """The finding for a provider that is not well known and whose kind nobody says."""
    message = f"The provider {shown(name)} is not a well-known one, so it needs a `type`."
    return Finding("missing_key", Severity.ERROR, place, message, f"Write `type` = {listed(PROVIDER_TYPES)}.")


def models(files: Iterable[File], findings: list[Finding]) -> Mapping[str, ModelSettings]:
    """``[models."provider/model"]`` of all layers that may say so."""
    found: dict[str, ModelSettings] = {}
    files = tuple(files)
    # Findings of the providers' own tables were made where those are merged.
    reached = _merged(files, [], "providers", lambda _layer, key: key == "base_url")
    for name, stated_keys in sorted(_merged(files, findings, "models", lambda _layer, _key: True).items()):
        address = reached.get(name.partition("/")[0], {}).get("base_url")
        keys = _without_another_place(stated_keys, address)
        found[name] = ModelSettings(
            id=name,
            layer=_top(keys),
            context_window=_value(keys, "context_window"),
            max_output_tokens=_value(keys, "max_output_tokens"),
            capabilities=_value(keys, "capabilities"),
            input_price=_value(keys, "input_price"),
            output_price=_value(keys, "output_price"),
            cached_input_price=_value(keys, "cached_input_price"),
            currency=_value(keys, "currency") or "USD",
            quality=_inner(keys, "quality"),
            aliases=_value(keys, "aliases") or (),
            facts=_facts(keys),
            place=keys[""].place,
        )
    return MappingProxyType(found)


def identity(files: Iterable[File], findings: list[Finding]) -> Identity:
    """``[identity]``, key by key, the most trusted layer that says anything."""
    trusted = [file for file in files if file.layer in TRUSTED]
    keys = ("user", "team", "tenant", "tier", "workload")
    return Identity(**{key: first(stated(trusted, findings, "identity", key)) for key in keys})


def repositories(files: Iterable[File]) -> tuple[Repository, ...]:
    """``[[repositories]]``, most trusted first."""
    return tuple(
        Repository(
            layer=entry.layer,
            order=entry.order,
            place=entry.place,
            **{key: entry.table[key] for key in entry.table},
        )
        for entry in entries((file for file in files if file.layer in TRUSTED), "repositories")
    )
