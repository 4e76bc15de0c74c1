"""The shape of one policy file: which keys there are, and what each may hold.

Strict throughout: no key that is not named here, no value of another type. Every key says in words what it is for and
shows an example; findings, the reference of ``docs/policy.md`` and the JSON Schema for editors are made from those. A
new key or table of the language is one entry in one of these modules; conditions that several tables share stand in
`MATCH`.

The shape is declared as data for pydantic's own core, without its model classes: importing pydantic and building those
takes longer than everything else that happens between the start of a command and its decision.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

from pydantic_core import CoreSchema, SchemaValidator
from pydantic_core import core_schema as core

from smista_mcp.policy.schema.conditions import CONTROLLED, MATCH
from smista_mcp.policy.schema.language import Form, Key, Table, tables_of
from smista_mcp.policy.schema.limits import BUDGET, GUARANTEE, GUARDRAIL, PRIVACY, REGIONS
from smista_mcp.policy.schema.routing import CLASSIFICATION, GROUP, OVERRIDES, ROUTING, TOOLS
from smista_mcp.policy.schema.settings import FACTS, IDENTITY, MODEL, POLICY, PROVIDER, REPOSITORY
from smista_mcp.policy.schema.tests import TEST
from smista_mcp.policy.schema.values import LONGEST_TEXT, MOST_ENTRIES, bounded

__all__ = ["CONTROLLED", "FACTS", "FILE", "LONGEST_TEXT", "MATCH", "MOST_ENTRIES", "Form", "Key", "Table", "tables",
           "validator"]  # fmt: skip

FILE: Final = Table(
    "A whole policy file.",
    {
        "policy": Key("What the policy is called and whom to ask.", "[policy]", table=POLICY),
        "routing": Key("Which step goes where.", "[[routing.rules]]", table=ROUTING),
        "groups": Key("Names for several models.", "[groups.approved]", table=GROUP, form=Form.NAMED),
        "guardrails": Key("What holds whichever rule decides.", "[[guardrails]]", table=GUARDRAIL, form=Form.LIST),
        "guarantees": Key("Work that no ceiling on cost holds up.", "[[guarantees]]", table=GUARANTEE, form=Form.LIST),
        "budgets": Key("How much money may go.", "[[budgets]]", table=BUDGET, form=Form.LIST),
        "regions": Key("What the names of regions mean.", "[regions]", table=REGIONS),
        "classification": Key("How a step's intent is found.", "[classification]", table=CLASSIFICATION),
        "privacy": Key("What must never leave this machine.", "[privacy]", table=PRIVACY),
        "overrides": Key("Whether a caller may propose a model.", "[overrides]", table=OVERRIDES),
        "tools": Key("What a delegated model may do by itself.", "[tools.permissions]", table=TOOLS),
        "identity": Key("Who runs this.", "[identity]", table=IDENTITY),
        "repositories": Key("What is bound to a repository.", "[[repositories]]", table=REPOSITORY, form=Form.LIST),
        "providers": Key("How to reach providers.", "[providers.acme]", table=PROVIDER, form=Form.NAMED),
        "models": Key("Facts of models.", '[models."acme/coder"]', table=MODEL, form=Form.NAMED),
        "tests": Key("The policy's own tests.", "[[tests]]", table=TEST, form=Form.LIST),
    },
)


@functools.cache
def validator() -> SchemaValidator:
    """What holds data against `FILE`. It returns the same data with enums, decimals and tuples for what was written."""
    return SchemaValidator(_schema(FILE))


def _schema(table: Table) -> CoreSchema:
    if table.each is not None:
        return bounded(core.dict_schema(core.str_schema(), _holds(table.each), strict=True))
    fields = {name: core.typed_dict_field(_holds(key), required=key.required) for name, key in table.keys.items()}
    return core.typed_dict_schema(fields, extra_behavior="forbid", strict=True)


def _holds(key: Key) -> CoreSchema:
    if key.table is None:
        return key.holds or core.any_schema()
    inner = _schema(key.table)
    if key.form is Form.LIST:
        return bounded(core.list_schema(inner, strict=True))
    if key.form is Form.NAMED:
        return bounded(core.dict_schema(core.str_schema(), inner, strict=True))
    return inner


def tables(table: Table = FILE) -> Iterator[tuple[str, Table]]:
    """Every table of the language below `table` by the name under which it is written, e.g. ``[[routing.rules]]``."""
    return tables_of(table)
