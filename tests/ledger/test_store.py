"""What the ledger keeps, in real SQLite files, written by several processes at once."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from smista_mcp.catalog.types import Catalog, Deployment, Dialect, Endpoint, Price, Snapshot
from smista_mcp.errors import LedgerError
from smista_mcp.facts.types import Attributes, Facts, Intent, IntentSource, PathFact, Source, Values
from smista_mcp.ledger.inputs import Inputs
from smista_mcp.ledger.store import Ledger
from smista_mcp.ledger.types import Attempt, Run, RunOutcome
from smista_mcp.policy.types import Effort, Permission, Policy, Tool

FAILED = Attempt(
    deployment="openai/gpt-5.5",
    model_asked="gpt-5.5",
    started_at="2026-01-01T00:00:00.000Z",
    duration_ms=12,
    failure="overloaded",
    detail="503 from api.openai.com",
    status=503,
    cost=Decimal("0.000000000001"),
)
ANSWERED = replace(
    FAILED, deployment="ollama/qwen", failure=None, detail="", status=None, input_tokens=7, cost=Decimal(0)
)


def decision(name: str = "d_1") -> dict[str, object]:
    return {
        "decision_id": name,
        "outcome": "routed",
        "policy_digest": "p",
        "snapshot": {"digest": "s", "taken_at": "2026-01-01T00:00:00.000Z"},
        "why": "naïve — “quoted”",
    }


def run(name: str = "r_1", decided: str = "d_1", started: str = "2026-01-01T00:00:00.000Z") -> Run:
    return Run(name, decided, started, RunOutcome.RUNNING)


INPUTS = Inputs(
    facts=Facts(
        Intent("review", IntentSource.CALLER, 1.0),
        paths=(PathFact("odd\udcff", ("odd\udcff",), Source.OBSERVED, canonical=False),),
        attributes=Attributes(labels=Values(bound=frozenset({"b", "a"}))),
        effort=Effort.HIGH,
    ),
    policy=Policy("p", "0" * 64, permissions={Tool.SHELL: Permission.DENY}, regions={"eu": frozenset({"DE", "FR"})}),
    catalog=Catalog(
        (
            Deployment(
                id="openai/gpt-5.5",
                provider="openai",
                model="gpt-5.5",
                dialect=Dialect.OPENAI_CHAT,
                endpoint=Endpoint("https://api.openai.com/v1", "${env:OPENAI_API_KEY}"),
                price=Price(Decimal("0.10"), Decimal("1E+1")),
                processing_countries=frozenset({"US", "DE"}),
            ),
        )
    ),
    snapshot=Snapshot("2026-01-01T00:00:00.000Z", {"openai/gpt-5.5": "no key"}),
)


async def record(ledger: Ledger, one: Run) -> None:
    await ledger.begin(decision(one.decision_id), INPUTS, one)


async def test_gives_back_what_was_recorded_to_the_last_digit(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "deep" / "ledger.sqlite3")
    ended = replace(run(), outcome=RunOutcome.ANSWERED, attempts=(FAILED, ANSWERED), answer_chars=5, duration_ms=40)
    await record(ledger, run())
    await ledger.settle(ended)
    await ledger.close()

    reopened = await Ledger.open(tmp_path / "deep" / "ledger.sqlite3")
    entry = await reopened.entry()
    await reopened.close()
    assert entry is not None
    assert entry.decision == decision()
    assert entry.runs == (ended,)
    assert entry.runs[0].cost == Decimal("0.000000000001")


async def test_what_a_decision_was_made_on_comes_back_equal(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.sqlite3")
    await record(ledger, run())
    back = await ledger.inputs("d_1")
    assert back == INPUTS
    assert await ledger.inputs("d_2") is None
    assert await ledger.latest(5) == ("d_1",)
    await ledger.close()


async def test_a_run_that_never_ended_stays_recorded_as_running(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.sqlite3")
    await record(ledger, run())
    entry = await ledger.entry("r_1")
    await ledger.close()
    assert entry is not None
    assert [one.outcome for one in entry.runs] == [RunOutcome.RUNNING]


async def test_a_decision_carried_out_twice_is_kept_once_with_both_runs(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.sqlite3")
    await record(ledger, run("r_1"))
    await record(ledger, run("r_2", started="2026-01-02T00:00:00.000Z"))
    entry = await ledger.entry("d_1")
    await ledger.close()
    assert entry is not None
    assert [one.id for one in entry.runs] == ["r_1", "r_2"]


async def test_is_found_by_the_beginning_of_an_id_unless_two_begin_so(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.sqlite3")
    await record(ledger, run("r_abc", "d_123"))
    await record(ledger, run("r_abd", "d_124", started="2026-01-02T00:00:00.000Z"))
    latest, by_run, unknown = [await ledger.entry(wanted) for wanted in (None, "r_abc", "d_%")]
    with pytest.raises(LedgerError, match="more than one id: d_123, d_124"):
        await ledger.entry("d_12")
    await ledger.close()
    assert latest is not None
    assert latest.decision["decision_id"] == "d_124"
    assert by_run is not None
    assert by_run.decision["decision_id"] == "d_123"
    assert unknown is None


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    await (await Ledger.open(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_that_is_no_ledger_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"not a database, but somebody's notes" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"ledger\.sqlite3"):
        await Ledger.open(path)
    assert path.read_bytes() == before


async def test_a_ledger_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match="version 99") as caught:
        await Ledger.open(path)
    assert "newer smista-mcp" in caught.value.hint


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerError, match="cannot create the ledger at"):
        await Ledger.open(tmp_path / "file" / "ledger.sqlite3")


async def test_a_file_that_is_moved_away_under_an_open_ledger_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = await Ledger.open(path)
    await record(ledger, run("r_1", "d_1"))
    for leftover in tmp_path.glob("ledger.sqlite3*"):
        leftover.rename(tmp_path / f"old-{leftover.name}")
    await record(ledger, run("r_2", "d_2"))
    await ledger.close()
    reopened = await Ledger.open(path)
    assert await reopened.latest(5) == ("d_2",)
    assert await reopened.inputs("d_2") == INPUTS
    await reopened.close()


_WRITER = """
import asyncio, sys
from pathlib import Path
from tests.ledger.test_store import record, run, replace, ANSWERED
from smista_mcp.ledger.store import Ledger
from smista_mcp.ledger.types import RunOutcome
async def main(path, name):
    ledger = await Ledger.open(Path(path))
    for number in range(20):
        one = run(f"r_{name}_{number}", f"d_{name}_{number % 3}")
        await record(ledger, one)
        await ledger.settle(replace(one, outcome=RunOutcome.ANSWERED, attempts=(ANSWERED,)))
    await ledger.close()
asyncio.run(main(*sys.argv[1:]))
"""


async def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WRITER, str(path), name, stderr=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        for name in "abc"
    ]
    for writer in writers:
        _, errors = await writer.communicate()
        assert writer.returncode == 0, errors.decode()
    ledger = await Ledger.open(path)
    entries = [await ledger.entry(f"d_{name}_{number}") for name in "abc" for number in range(3)]
    await ledger.close()
    assert sum(len(entry.runs) for entry in entries if entry) == 60
    assert all(one.outcome is RunOutcome.ANSWERED for entry in entries if entry for one in entry.runs)
