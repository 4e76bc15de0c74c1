"""The ledger's tables."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA_VERSION: Final = 1
"""Raised with every change of the tables; a ledger of a later version is not opened."""

metadata = sa.MetaData()

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("recorded_at", sa.String(32), nullable=False, index=True),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("policy_digest", sa.String(64), nullable=False),
    sa.Column("snapshot_digest", sa.String(64), nullable=False),
    sa.Column("task_sha256", sa.String(64), nullable=False),
    sa.Column("task_chars", sa.Integer, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    # What it was made on, see `smista_mcp.ledger.inputs`; policy and catalog change seldom and are kept once.
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("snapshot", sa.LargeBinary, nullable=False),
    sa.Column("policy", sa.String(64), sa.ForeignKey("packed.digest"), nullable=False),
    sa.Column("catalog", sa.String(64), sa.ForeignKey("packed.digest"), nullable=False),
)

packed = sa.Table(
    "packed",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("decision_id", sa.String(32), sa.ForeignKey("decisions.id"), nullable=False, index=True),
    sa.Column("started_at", sa.String(32), nullable=False, index=True),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("answer_chars", sa.Integer, nullable=False),
    sa.Column("answer_sha256", sa.String(64), nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("deployment", sa.Text, nullable=False),
    sa.Column("model_asked", sa.Text, nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("model_answered", sa.Text),
    sa.Column("failure", sa.String(32)),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("request_id", sa.Text),
    sa.Column("input_tokens", sa.Integer, nullable=False),
    sa.Column("output_tokens", sa.Integer, nullable=False),
    sa.Column("cached_tokens", sa.Integer, nullable=False),
    sa.Column("reasoning_tokens", sa.Integer, nullable=False),
    sa.Column("usage_estimated", sa.Boolean, nullable=False),
    # Money as decimal text: SQLite has no exact decimal of its own.
    sa.Column("cost", sa.String(40)),
    sa.Column("currency", sa.String(3), nullable=False),
)
