"""The provider route of a run, and the pages of an unfinished run with their cursors (D4, D13)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ingestion_audit_runs", sa.Column("route", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "ingestion_pages",
        sa.Column("run", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("last", sa.Boolean, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
    )
