"""Symbols without a stated kind become plain: the policy of a run sets it, not that of the ingestion (D2)."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Before, the profile of the ingestion wrote ``fund`` or ``stock``. A synthetic market knows its own kinds."""
    connection = op.get_bind()
    made_up = connection.execute(sa.text("SELECT 1 FROM ingestion_audit WHERE provider = 'synthetic' LIMIT 1")).first()
    if made_up is not None:
        return
    chosen = "SELECT symbol, definition FROM instruments WHERE derived AND kind IN ('fund', 'stock')"
    for symbol, definition in connection.execute(sa.text(chosen)).all():
        text = json.dumps(json.loads(definition) | {"kind": "plain"}, sort_keys=True, separators=(",", ":"))
        update = "UPDATE instruments SET kind = 'plain', definition = :text WHERE symbol = :symbol"
        connection.execute(sa.text(update), {"text": text, "symbol": symbol})
