"""Alembic's entry: runs the revisions on the connection that `upgrade` opened."""

from __future__ import annotations

from alembic import context

from ingestion.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
