"""Tables of Stage 1, by the runbook's names (D13). Migrations under ``migrations/`` create them.

Prices are REAL: they are research figures; money that leaves the system is integers elsewhere (U8). Dates are ISO
text, so that the tables can be read with any SQL tool.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Integer, MetaData, String, Table, Text

metadata = MetaData()

ingestion_audit_runs = Table(
    "ingestion_audit_runs",
    metadata,
    Column("run", String, primary_key=True),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("provider", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("status", String, nullable=False),
    Column("started", String, nullable=False),
    Column("finished", String, nullable=False, default=""),
    Column("alert", Text, nullable=False, default=""),
    Column("route", Text, nullable=False, default=""),
)

ingestion_pages = Table(
    "ingestion_pages",
    metadata,
    Column("run", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cursor", Text, nullable=False),
    Column("last", Boolean, nullable=False),
    Column("sha256", String, nullable=False),
)

ingestion_audit = Table(
    "ingestion_audit",
    metadata,
    Column("run", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("provider", String, nullable=False),
    Column("status", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("flags", Text, nullable=False),
    Column("first", String, nullable=False),
    Column("last", String, nullable=False),
    Column("archived", String, nullable=False),
    Column("days", Text, nullable=False, default="[]"),
    Column("source", String, nullable=False, default=""),
)

instruments = Table(
    "instruments",
    metadata,
    Column("symbol", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("calendar", String, nullable=False),
    Column("derived", Boolean, nullable=False),
    Column("definition", Text, nullable=False),
)

price_history = Table(
    "price_history",
    metadata,
    Column("symbol", String, primary_key=True),
    Column("date", String, primary_key=True),
    Column("open", Float),
    Column("high", Float),
    Column("low", Float),
    Column("close", Float),
    Column("adj_close", Float),
    Column("volume", Float),
    Column("dividend", Float),
    Column("split", Float),
    Column("provider", String, nullable=False),
    Column("run", String, nullable=False),
    Column("source", String, nullable=False, default=""),
    sqlite_with_rowid=False,
)

macro_history = Table(
    "macro_history",
    metadata,
    Column("series", String, primary_key=True),
    Column("date", String, primary_key=True),
    Column("known", String, primary_key=True),
    Column("value", Float, nullable=False),
    Column("run", String, nullable=False),
    sqlite_with_rowid=False,
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("act", String, nullable=False),
    Column("symbol", String, nullable=False),
    Column("date", String, nullable=False),
    Column("person", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String, nullable=False),
    Column("detail", Text, nullable=False),
)

symbol_governance = Table(
    "symbol_governance",
    metadata,
    Column("symbol", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("provider", String, nullable=False),
    Column("run", String, nullable=False),
)

data_quality = Table(
    "data_quality",
    metadata,
    Column("symbol", String, primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("missing_pct", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("first", String, nullable=False),
    Column("last", String, nullable=False),
    Column("flags", Text, nullable=False),
    Column("run", String, nullable=False),
)
