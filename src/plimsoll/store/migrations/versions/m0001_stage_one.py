"""Price history, macro history, instruments, states, quality and the ingestion audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ingestion_audit_runs",
        sa.Column("run", sa.String, primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False, unique=True),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("started", sa.String, nullable=False),
        sa.Column("finished", sa.String, nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
    )
    op.create_table(
        "ingestion_audit",
        sa.Column("run", sa.String, primary_key=True),
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("first", sa.String, nullable=False),
        sa.Column("last", sa.String, nullable=False),
        sa.Column("archived", sa.String, nullable=False),
    )
    op.create_table(
        "instruments",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("calendar", sa.String, nullable=False),
        sa.Column("derived", sa.Boolean, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
    )
    op.create_table(
        "price_history",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("date", sa.String, primary_key=True),
        *(
            sa.Column(name, sa.Float)
            for name in ("open", "high", "low", "close", "adj_close", "volume", "dividend", "split")
        ),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "macro_history",
        sa.Column("series", sa.String, primary_key=True),
        sa.Column("date", sa.String, primary_key=True),
        sa.Column("known", sa.String, primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "symbol_governance",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("run", sa.String, nullable=False),
    )
    op.create_table(
        "data_quality",
        sa.Column("symbol", sa.String, primary_key=True),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("expected", sa.Integer, nullable=False),
        sa.Column("missing_pct", sa.Float, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("first", sa.String, nullable=False),
        sa.Column("last", sa.String, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("run", sa.String, nullable=False),
    )
