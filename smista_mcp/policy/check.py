"""Check policy files without using them: single ones, or the layers as they are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from smista_mcp.policy.document import Document
from smista_mcp.policy.findings import MAX_FINDINGS, Finding, Severity, has_errors
from smista_mcp.policy.known import KNOWN_PROVIDERS
from smista_mcp.policy.layers import (
    PolicyPlaces,
    Reading,
    editions,
    in_order,
    printable,
    read_file,
    read_places,
    understand,
)
from smista_mcp.policy.meaning import KnownModel, ties
from smista_mcp.policy.trust import OrganisationPlace
from smista_mcp.policy.types import Layer, Match, Place

_WORKSPACE_FILE: Final = (".smista", "policy.toml")


def check_files(paths: Sequence[Path], *, is_known_model: KnownModel | None = None) -> tuple[Finding, ...]:
    """Everything to say about these files, each for itself. Never raises.

    Providers and intents that any of them defines are known to all. A file called ``.smista/policy.toml`` is checked
    as a workspace's, one in the organisation's place as the organisation's, any other as nobody's in particular.
    """
    sources = [(_layer(path), _document(path)) for path in paths]
    reading = understand(sources, is_known_model)
    found = list(reading.findings)
    for file in reading.files:
        found.extend(islice(ties((file.document,)), MAX_FINDINGS))
    found.extend(islice(_without_type(reading), MAX_FINDINGS))
    return in_order(found)


def check_places(
    places: PolicyPlaces, *, is_known_model: KnownModel | None = None, state_dir: Path | None = None
) -> tuple[Finding, ...]:
    """Everything to say about the layers in these places, and about what they come to. Never raises.

    With `state_dir`, as in `load_policy`, also whether the organisation's policy is older than one seen before; what
    is seen now is not remembered.
    """
    from smista_mcp.policy.merge import merge

    reading = read_places(places, is_known_model)
    found = list(reading.findings)
    if state_dir is not None and reading.untrusted is None:
        found.extend(editions(places, reading, state_dir, keep=False)[0])
    for layer in Layer:
        found.extend(islice(ties(reading.of_layer(layer)), MAX_FINDINGS))
    if not has_errors(reading.findings):
        policy, conflicts = merge(reading.files)
        found.extend(conflicts)
        if not policy.defaults and all(_states_something(rule.match) for rule in policy.rules):
            message = "No layer has a [routing.default]: a step that no rule matches is refused."
            fix = 'Write for example: [routing.default] and below it model = "ollama/qwen2.5-coder".'
            found.append(Finding("no_default", Severity.WARNING, Place(policy.layers[0][1]), message, fix))
    return in_order(found)


def _states_something(match: Match) -> bool:
    return match != Match()


def _layer(path: Path) -> Layer | None:
    if path.absolute().parts[-2:] == _WORKSPACE_FILE:
        return Layer.WORKSPACE
    return Layer.ORGANISATION if path.absolute().is_relative_to(OrganisationPlace.standard().directory) else None


def _document(path: Path) -> Document:
    name = printable(str(path))
    document = read_file(path, name)
    if document is None:
        missing = Finding("unreadable", Severity.ERROR, Place(name), "There is no such file.", "Check the path.")
        document = Document(name, findings=(missing,))
    return document


def _without_type(reading: Reading) -> list[Finding]:
    """Providers that need a type and have none in any of the files."""
    from smista_mcp.policy.merge import provider_without_type

    typed: set[str] = set(KNOWN_PROVIDERS)
    places: dict[str, Place] = {}
    for file in reading.files:
        for name, table in (file.tables or {}).get("providers", {}).items():
            places.setdefault(name, file.document.place(("providers", name)))
            if "type" in table:
                typed.add(name)
    return [provider_without_type(name, place) for name, place in sorted(places.items()) if name not in typed]
