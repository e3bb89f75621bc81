"""Alembic's entry: runs the versions on the connection that `hub.infra.schema` hands over."""

from alembic import context
from sqlmodel import SQLModel

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    transaction_per_migration=True,
    include_name=lambda name, kind, _parents: (
        not (kind == "table" and name is not None and name.startswith("idempotency_keys_"))
    ),
)
with context.begin_transaction():
    context.run_migrations()
