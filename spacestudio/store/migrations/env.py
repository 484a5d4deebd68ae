"""Runs the migrations over the connection the database hands in."""

from alembic import context

from spacestudio.store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
