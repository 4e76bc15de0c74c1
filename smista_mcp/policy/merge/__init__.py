"""From the files of all layers to one `Policy`: who wins where they speak of the same thing.

======================  ===============================================================================
rules                   organisation, workspace, the organisation's overridable ones, user, built-in
default routes          all, most trusted first
guardrails, budgets     all of them
guarantees              the organisation's only
regions, groups         all; a name that one layer defined means the same to all others
restricted paths        the union
``[privacy.detect]``    the strictest
overrides               every layer must allow them; of model lists the intersection
permissions             the strictest that organisation and user state, else the built-in one; the
                        workspace may only tighten that
providers, models       key by key, the more trusted layer wins; a workspace defines none
identity                key by key, the more trusted layer wins; a workspace has no say
repositories            all but the workspace's, most trusted first
``local``               believed from organisation and user only
======================  ===============================================================================

Where two files of one layer contradict each other there is no order to go by, so that is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smista_mcp.policy.digest import digest
from smista_mcp.policy.findings import Finding
from smista_mcp.policy.merge import limits, names, routing, settings
from smista_mcp.policy.merge.files import File, first, stated
from smista_mcp.policy.merge.settings import provider_without_type
from smista_mcp.policy.merge.tests import tests
from smista_mcp.policy.types import Policy

if TYPE_CHECKING:
    from smista_mcp.policy.layers import ReadFile

__all__ = ["merge", "provider_without_type"]


def merge(files: Iterable[ReadFile]) -> tuple[Policy, tuple[Finding, ...]]:
    """The policy that `files` come to, and what is wrong only once they are seen together.

    All files have a layer and no errors of their own; they come most trusted first. Where the findings hold an
    error, the policy must not be used.
    """
    known = [
        File(file.layer, file, file.tables) for file in files if file.layer is not None and file.tables is not None
    ]
    known.sort(key=lambda file: file.layer)
    findings: list[Finding] = []
    groups = names.groups(known, findings)
    detected, detecting = limits.detect(known)
    policy = Policy(
        name=first(_policy_key(known, "name")) or "built-in",
        digest="",
        rules=routing.rules(known),
        defaults=routing.defaults(known, findings),
        classification=routing.classification(known),
        default_intent=first(stated(known, findings, "classification", "default_intent")),
        restricted_paths=_restricted_paths(known),
        providers=settings.providers(known, findings),
        models=settings.models(known, findings),
        overrides=routing.overrides(known, groups),
        permissions=routing.permissions(known),
        guardrails=(*limits.guardrails(known), *detecting),
        guarantees=limits.guarantees(known),
        budgets=limits.budgets(known, findings),
        regions=names.regions(known, findings),
        groups=groups,
        identity=settings.identity(known, findings),
        repositories=settings.repositories(known),
        detect=detected,
        tests=tests(known),
        layers=tuple((file.layer, file.source.document.file) for file in known),
        owner=first(_policy_key(known, "owner")),
        serial=first(_policy_key(known, "serial")),
    )
    return replace(policy, digest=digest(policy)), tuple(findings)


def _policy_key(files: Iterable[File], key: str) -> Iterator[Any]:
    for file in files:
        if (value := file.table("policy").get(key)) is not None:
            yield value


def _restricted_paths(files: Iterable[File]) -> tuple[str, ...]:
    paths = (path for file in files for path in file.table("privacy").get("restricted_paths", ()))
    return tuple(dict.fromkeys(paths))
