"""A recorded decision can be made again, to the byte: what is kept of its inputs is all that it was made on."""

from __future__ import annotations

import json

from hypothesis import given, settings

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.facts.types import Facts
from smista_mcp.ledger.inputs import pack, unpack
from smista_mcp.policy.types import Policy
from smista_mcp.routing.decide import decide
from smista_mcp.routing.record import decision_json
from tests.routing.strategies import catalogs, facts, policies, snapshots


@settings(max_examples=150, deadline=None)
@given(facts, policies, catalogs, snapshots)
def test_replay_from_what_is_kept_equals_the_record(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    record = json.dumps(decision_json(decide(step, policy, catalog, snapshot)))
    kept = (pack(step), pack(policy), pack(catalog), pack(snapshot))
    again = decide(unpack(Facts, kept[0]), unpack(Policy, kept[1]), unpack(Catalog, kept[2]), unpack(Snapshot, kept[3]))
    assert json.dumps(decision_json(again)) == record


@settings(max_examples=50, deadline=None)
@given(facts, policies, catalogs, snapshots)
def test_what_is_kept_is_the_same_bytes_for_the_same_inputs(
    step: Facts, policy: Policy, catalog: Catalog, snapshot: Snapshot
) -> None:
    for value in (step, policy, catalog, snapshot):
        assert pack(unpack(type(value), pack(value))) == pack(value)
