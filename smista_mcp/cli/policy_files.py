"""Policies for the commands that look into them: the layers in force, or files that are not in force anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from smista_mcp import places
from smista_mcp.errors import PolicyError
from smista_mcp.policy.types import Layer, Policy

if TYPE_CHECKING:
    from smista_mcp.catalog.types import Catalog
    from smista_mcp.policy.document import Document
    from smista_mcp.policy.findings import Finding
    from smista_mcp.policy.layers import PolicyPlaces


@dataclass(frozen=True, slots=True)
class Files:
    """A merged policy and the files it came from."""

    policy: Policy
    sources: tuple[tuple[Layer, Document], ...]


def in_force(workspace: Path) -> Files:
    """The layers in force in the workspace around `workspace`.

    Raises:
        PolicyError: a file is wrong or not to be trusted.
    """
    from smista_mcp.catalog.build import is_known_model
    from smista_mcp.policy.layers import load_policy, read_places

    standard = standard_places(workspace)
    policy = load_policy(standard, is_known_model=is_known_model).policy
    reading = read_places(standard, is_known_model)
    return Files(policy, tuple((one.layer, one.document) for one in reading.files if one.layer is not None))


def standard_places(workspace: Path) -> PolicyPlaces:
    """Where the layers of the workspace around `workspace` are."""
    from smista_mcp.policy.layers import PolicyPlaces

    return PolicyPlaces.standard(places.find_workspace(workspace))


def from_files(paths: Sequence[Path]) -> Files:
    """What these files come to together, over the built-in policy.

    A file called ``.smista/policy.toml`` is the workspace's, one in the organisation's place the organisation's, the
    built-in one the built-in layer's. Of any other, what it says decides: one that only the organisation could have
    written is the organisation's, else it is taken to be the user's.

    Raises:
        PolicyError: a file is missing or wrong.
    """
    from smista_mcp.catalog.build import is_known_model
    from smista_mcp.policy.document import Document
    from smista_mcp.policy.findings import Finding, Severity, has_errors
    from smista_mcp.policy.layers import in_order, printable, read_file, understand
    from smista_mcp.policy.merge import merge
    from smista_mcp.policy.types import Place

    sources: list[tuple[Layer | None, Document]] = []
    built_in = places.shipped_policies() / "default.toml"
    for path in dict.fromkeys(
        (*paths, *(() if any(map(built_in.samefile, filter(Path.exists, paths))) else (built_in,)))
    ):
        name = f"built-in/{built_in.name}" if path is built_in else printable(str(path))
        document = read_file(path, name)
        if document is None:
            missing = Finding("unreadable", Severity.ERROR, Place(name), "There is no such file.", "Check the path.")
            document = Document(name, findings=(missing,))
        sources.append((_layer(path, document, built_in), document))
    reading = understand(sources, is_known_model)
    findings = reading.findings
    if has_errors(findings):
        raise _wrong(findings)
    policy, conflicts = merge(reading.files)
    if has_errors(conflicts):
        raise _wrong(in_order((*findings, *conflicts)))
    return Files(policy, tuple((one.layer, one.document) for one in reading.files if one.layer is not None))


def assumed(policy: Policy, also: Iterable[str] = ()) -> tuple[Catalog, str]:
    """The catalog with everything known at hand, and the moment it is made for."""
    from smista_mcp.catalog.assumed import assumed_catalog

    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return assumed_catalog(policy, moment, also=also), moment


def _layer(path: Path, document: Document, built_in: Path) -> Layer:
    from smista_mcp.policy.trust import OrganisationPlace

    if path is built_in or (path.exists() and path.samefile(built_in)):
        return Layer.BUILTIN
    if path.absolute().parts[-2:] == (".smista", "policy.toml"):
        return Layer.WORKSPACE
    if path.absolute().is_relative_to(OrganisationPlace.standard().directory) or _only_an_organisation(document):
        return Layer.ORGANISATION
    return Layer.USER


def _only_an_organisation(document: Document) -> bool:
    """Whether it states what nobody but the organisation may."""
    data = document.data
    routing, policy = data.get("routing"), data.get("policy")
    rules = routing.get("rules") if isinstance(routing, dict) else None
    overridable = any(
        isinstance(one, dict) and "overridable" in one for one in (rules if isinstance(rules, list) else ())
    )
    required = isinstance(policy, dict) and "required" in policy
    return "guarantees" in data or overridable or required


def _wrong(findings: tuple[Finding, ...]) -> PolicyError:
    from smista_mcp.policy.findings import Severity

    errors = [one for one in findings if one.severity is Severity.ERROR]
    return PolicyError(
        f"The policy cannot be used. {errors[0]}", findings=findings, hint="`smista-mcp check FILE` shows everything."
    )
