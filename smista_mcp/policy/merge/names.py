"""Names that stand for several things: regions and groups. A name means the same to everybody who uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.merge.files import File, Said, conflict
from smista_mcp.policy.types import Group, Layer, Place


def regions(files: Iterable[File], findings: list[Finding]) -> Mapping[str, frozenset[str]]:
    """``[regions]`` of all layers."""
    found: dict[str, Said] = {}
    for file in files:
        for name, codes in file.table("regions").items():
            said = Said(frozenset(codes), file.layer, file.place("regions", name))
            _define(found, name, said, f"The region {shown(name)}", findings)
    return MappingProxyType({name: found[name].value for name in sorted(found)})


def groups(files: Iterable[File], findings: list[Finding]) -> Mapping[str, Group]:
    """``[groups.<name>]`` of all layers."""
    found: dict[str, Said] = {}
    places: dict[str, Place] = {}
    for file in files:
        for name, table in file.table("groups").items():
            said = Said((table["models"], table.get("weights", ())), file.layer, file.place("groups", name))
            _define(found, name, said, f"The group {shown(name)}", findings)
            places.setdefault(name, said.place)
    return MappingProxyType(
        {
            name: Group(name, found[name].layer, models=found[name].value[0], weights=found[name].value[1],
                        place=places[name])
            for name in sorted(found)
        }
    )  # fmt: skip


def _define(found: dict[str, Said], name: str, said: Said, what: str, findings: list[Finding]) -> None:
    earlier = found.setdefault(name, said)
    if earlier.value == said.value or said.layer is Layer.BUILTIN:
        return
    if earlier.layer is said.layer:
        findings.append(conflict(said.place, what, earlier.place))
        return
    message = f"{what} is already defined at {earlier.place} ({earlier.layer.label}), and differently."
    fix = "Use that one, or give your own another name: a name means the same to everybody."
    findings.append(Finding("redefined", Severity.ERROR, said.place, message, fix))
