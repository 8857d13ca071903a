"""Runs the steps on the connection that the opener hands over; there is no other way in."""

from __future__ import annotations

from alembic import context

from plimsoll.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
