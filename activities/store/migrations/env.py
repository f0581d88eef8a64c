"""Alembic's entry: always runs on a connection that `activities.store.database.migrate` hands over."""

from alembic import context

from activities.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
