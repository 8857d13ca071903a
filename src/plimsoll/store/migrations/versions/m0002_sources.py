"""The source of each row, the days behind each flag, and persons' confirmations (D10)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("price_history", sa.Column("source", sa.String, nullable=False, server_default=""))
    op.add_column("ingestion_audit", sa.Column("days", sa.Text, nullable=False, server_default="[]"))
    op.add_column("ingestion_audit", sa.Column("source", sa.String, nullable=False, server_default=""))
    op.create_table(
        "confirmations",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("act", "symbol", "date", "person", "reason", "at", "detail")
        ),
    )
