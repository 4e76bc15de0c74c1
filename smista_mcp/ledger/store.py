"""The ledger in a SQLite file: decisions, runs and attempts, written before anybody is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from smista_mcp.catalog.types import Catalog, Snapshot
from smista_mcp.errors import LedgerError
from smista_mcp.facts.types import Facts
from smista_mcp.ledger.inputs import Inputs, digest, pack, unpack
from smista_mcp.ledger.tables import SCHEMA_VERSION, attempts, decisions, metadata, packed, runs
from smista_mcp.ledger.types import Attempt, Run, RunOutcome
from smista_mcp.policy.types import JsonDict, Policy

_BUSY_SECONDS = 10
"""How long to wait for another process that is writing."""

_ATTEMPT_FIELDS = tuple(field.name for field in fields(Attempt))


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded decision with the runs that carried it out, oldest first."""

    recorded_at: str
    decision: JsonDict
    """As `smista_mcp.routing.record.decision_json` gave it."""
    runs: tuple[Run, ...]


class Ledger:
    """The store. Safe for several processes of one user at a time (write-ahead log, waits for a busy writer)."""

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_WRITES: True})
        self._path = path
        self._last_packed: dict[type, tuple[object, str, bytes]] = {}
        self._file: tuple[int, int] | None = None
        self._stored: set[str] = set()
        """Digests that this process knows to be in `packed`."""

    @classmethod
    async def open(cls, path: Path) -> Ledger:
        """Open the ledger at `path`, creating it (readable by its owner only) where it does not exist.

        Raises:
            LedgerError: the file cannot be created or is no ledger of this version.
        """
        _create(path)
        engine = create_async_engine(
            sa.URL.create("sqlite+aiosqlite", database=str(path)), connect_args={"timeout": _BUSY_SECONDS}
        )
        sa.event.listen(engine.sync_engine, "connect", _configure)
        sa.event.listen(engine.sync_engine, "begin", _begin)
        ledger = cls(engine, path)
        try:
            await ledger._prepare()
        except BaseException as error:
            await engine.dispose()
            if isinstance(error, _FAILURES):
                raise ledger._failed("open", error) from None
            raise
        return ledger

    async def close(self) -> None:
        """Close every connection. The ledger cannot be used afterwards."""
        await self._engine.dispose()

    async def begin(self, decision: JsonDict, inputs: Inputs, run: Run) -> None:
        """Record a decision (once, however often it is carried out) with its inputs, and the start of a run of it.

        Raises:
            LedgerError: nothing was recorded, so nothing may be run.
        """
        entry = {
            "id": decision["decision_id"],
            "recorded_at": run.started_at,
            "outcome": decision["outcome"],
            "policy_digest": decision["policy_digest"],
            "snapshot_digest": decision["snapshot"]["digest"],
            "task_sha256": inputs.facts.task_sha256,
            "task_chars": inputs.facts.task_chars,
            "record": json.dumps(decision, separators=(",", ":")),
            "facts": pack(inputs.facts),
            "snapshot": pack(inputs.snapshot),
        }
        shared = {"policy": self._packed(inputs.policy), "catalog": self._packed(inputs.catalog)}
        await self._follow()
        entry |= {column: name for column, (name, _) in shared.items()}
        missing = [{"digest": name, "body": body} for name, body in shared.values() if name not in self._stored]
        try:
            async with self._writing.begin() as connection:
                if missing:
                    await connection.execute(insert(packed).on_conflict_do_nothing(), missing)
                await connection.execute(insert(decisions).values(entry).on_conflict_do_nothing())
                await connection.execute(sa.insert(runs).values(_run_row(run)))
            self._stored.update(name for name, _ in shared.values())
        except _FAILURES as error:
            raise self._failed("write to", error) from None

    async def settle(self, run: Run) -> None:
        """Record how a run that was begun has ended, with all its attempts, in one transaction.

        Raises:
            LedgerError: the store could not be written; the run stays recorded as running.
        """
        try:
            async with self._writing.begin() as connection:
                row = _run_row(run)
                await connection.execute(sa.update(runs).where(runs.c.id == run.id).values(row))
                if run.attempts:
                    rows = [_attempt_row(run.id, number, one) for number, one in enumerate(run.attempts, 1)]
                    await connection.execute(sa.insert(attempts), rows)
        except _FAILURES as error:
            raise self._failed("write to", error) from None

    async def entry(self, wanted: str | None = None) -> Entry | None:
        """The decision with the id `wanted` (its own, a run's, or an unambiguous beginning of either), or the last.

        Returns:
            The entry, or ``None`` where there is none.

        Raises:
            LedgerError: the store could not be read, or `wanted` begins more than one id.
        """
        try:
            async with self._engine.connect() as connection:
                decision_id = await self._find(connection, wanted)
                return None if decision_id is None else await _read(connection, decision_id)
        except _FAILURES as error:
            raise self._failed("read", error) from None

    async def latest(self, count: int) -> tuple[str, ...]:
        """Ids of the last `count` decisions, the latest first.

        Raises:
            LedgerError: the store could not be read.
        """
        query = sa.select(decisions.c.id).order_by(decisions.c.recorded_at.desc(), decisions.c.id).limit(count)
        try:
            async with self._engine.connect() as connection:
                return tuple((await connection.execute(query)).scalars())
        except _FAILURES as error:
            raise self._failed("read", error) from None

    async def inputs(self, decision_id: str) -> Inputs | None:
        """What the decision with exactly this id was made on, or ``None`` where there is none.

        Raises:
            LedgerError: the store could not be read, or what it holds cannot.
        """
        policy, catalog = packed.alias(), packed.alias()
        query = (
            sa.select(decisions.c.facts, decisions.c.snapshot, policy.c.body, catalog.c.body)
            .join(policy, policy.c.digest == decisions.c.policy)
            .join(catalog, catalog.c.digest == decisions.c.catalog)
            .where(decisions.c.id == decision_id)
        )
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query)).one_or_none()
        except _FAILURES as error:
            raise self._failed("read", error) from None
        if row is None:
            return None
        return Inputs(
            facts=unpack(Facts, row[0]),
            policy=unpack(Policy, row[2]),
            catalog=unpack(Catalog, row[3]),
            snapshot=unpack(Snapshot, row[1]),
        )

    async def _follow(self) -> None:
        """Begin a new ledger where the file was moved away under us, as the hint of our own errors advises: what is
        written into a file without a name is lost."""
        if _identity(self._path) == self._file:
            return
        await self._engine.dispose()
        self._stored.clear()
        _create(self._path)
        try:
            await self._prepare()
        except _FAILURES as error:
            raise self._failed("open", error) from None

    def _packed(self, value: Policy | Catalog) -> tuple[str, bytes]:
        """Digest and bytes; packing a catalog takes milliseconds, and the next step mostly has the same one."""
        found = self._last_packed.get(type(value))
        if found is None or found[0] is not value:
            body = pack(value)
            found = self._last_packed[type(value)] = (value, digest(body), body)
        return found[1], found[2]

    async def _find(self, connection: AsyncConnection, wanted: str | None) -> str | None:
        if wanted is None:
            latest = sa.select(runs.c.decision_id).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(1)
            return (await connection.execute(latest)).scalar()
        by_decision = sa.select(decisions.c.id).where(decisions.c.id.startswith(wanted, autoescape=True))
        by_run = sa.select(runs.c.decision_id).where(runs.c.id.startswith(wanted, autoescape=True))
        found = (await connection.execute(by_decision.union(by_run).limit(3))).scalars().all()
        if len(found) > 1:
            raise LedgerError(f"{wanted!r} begins more than one id: {', '.join(found)}", hint="give more of it")
        return found[0] if found else None

    async def _prepare(self) -> None:
        """Make the tables where there are none; only then is anything written."""
        async with self._engine.connect() as connection:
            version = await _version(connection)
        self._file = _identity(self._path)
        if version == 0:
            async with self._writing.begin() as connection:
                version = await _version(connection)  # another process may have been quicker
                if version == 0:
                    await connection.run_sync(metadata.create_all)
                    await connection.execute(sa.text(f"PRAGMA user_version = {SCHEMA_VERSION:d}"))
                    return
        if version != SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger at {self._path} has version {version}, this program reads {SCHEMA_VERSION}",
                hint="use the newer smista-mcp that wrote it, or move the file away to begin a new ledger",
            )

    def _failed(self, doing: str, error: Exception) -> LedgerError:
        return LedgerError(
            f"cannot {doing} the ledger at {self._path}: {getattr(error, 'orig', None) or error}", hint=_HINT
        )


_FAILURES = (sa.exc.SQLAlchemyError, UnicodeError, OverflowError)
"""What a store that cannot be used raises: the database's own errors, and values that it cannot hold."""

_WRITES = "smista_writes"
"""Execution option of connections that write."""

_HINT = "the ledger must be a writable file of this user; move a damaged one away and a new one is begun"


async def _version(connection: AsyncConnection) -> int:
    return int((await connection.execute(sa.text("PRAGMA user_version"))).scalar_one())


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands under `path`; ``None`` where none does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _create(path: Path) -> None:
    """Make the file before SQLite does, so that it never exists with a wider mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise LedgerError(f"cannot create the ledger at {path}: {error.strerror}", hint=_HINT) from None


def _begin(connection: sa.Connection) -> None:
    """Begin in the mode that `_WRITES` asks for. What writes takes the lock at once: a transaction that reads first and
    writes later could be refused half-way. What only reads waits for no writer."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure(connection: Any, _record: Any) -> None:
    """Settings of one SQLite connection: readers beside one writer; what is committed survives a crash of ours."""
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver's own guess
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _run_row(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "decision_id": run.decision_id,
        "started_at": run.started_at,
        "outcome": run.outcome.value,
        "duration_ms": run.duration_ms,
        "answer_chars": run.answer_chars,
        "answer_sha256": run.answer_sha256,
    }


def _attempt_row(run_id: str, number: int, attempt: Attempt) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(attempt, name) for name in _ATTEMPT_FIELDS}
    row["cost"] = None if attempt.cost is None else str(attempt.cost)
    return {"run_id": run_id, "number": number, **row}


async def _read(connection: AsyncConnection, decision_id: str) -> Entry:
    decision = (await connection.execute(sa.select(decisions).where(decisions.c.id == decision_id))).mappings().one()
    run_rows = await connection.execute(
        sa.select(runs).where(runs.c.decision_id == decision_id).order_by(runs.c.started_at, runs.c.id)
    )
    found = [await _read_run(connection, dict(row)) for row in run_rows.mappings().all()]
    return Entry(decision["recorded_at"], json.loads(decision["record"]), tuple(found))


async def _read_run(connection: AsyncConnection, row: dict[str, Any]) -> Run:
    listed = await connection.execute(
        sa.select(attempts).where(attempts.c.run_id == row["id"]).order_by(attempts.c.number)
    )
    read = [
        Attempt(**{name: one[name] for name in _ATTEMPT_FIELDS if name != "cost"}, cost=_decimal(one["cost"]))
        for one in listed.mappings()
    ]
    return Run(**{**row, "outcome": RunOutcome(row["outcome"])}, attempts=tuple(read))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
