"""The schema of the first version: identity, keys, duplicates, decisions, readings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "allowances",
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "day", name="pk_allowances"),
    )
    op.create_table(
        "conflicts",
        sa.Column("a", sa.String(length=40), nullable=False),
        sa.Column("b", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("a", "b", "reason", name="pk_conflicts"),
    )
    op.create_index("ix_conflicts_time", "conflicts", ["time"], unique=False)
    op.create_table(
        "dismissals",
        sa.Column("a", sa.String(length=40), nullable=False),
        sa.Column("b", sa.String(length=40), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("a", "b", name="pk_dismissals"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("lead", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.String(length=8), nullable=False),
        sa.Column("route", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("model_version", sa.String(length=80), nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_as_of", "decisions", ["as_of"], unique=False)
    op.create_index("ix_decisions_lead_as_of", "decisions", ["lead", "as_of"], unique=False)
    op.create_table(
        "duplicates",
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "position", name="pk_duplicates"),
    )
    op.create_table(
        "edges",
        sa.Column("pair", sa.String(length=32), nullable=False),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("a", sa.String(length=32), nullable=False),
        sa.Column("b", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("attached", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pair", "time", name="pk_edges"),
    )
    op.create_index("ix_edges_a", "edges", ["a"], unique=False)
    op.create_index("ix_edges_b", "edges", ["b"], unique=False)
    op.create_table(
        "hydrations",
        sa.Column("system", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("object", sa.String(length=253), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("traceparent", sa.String(length=55), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("system", "account", "scope", "kind", "object", name="pk_hydrations"),
    )
    op.create_index("ix_hydrations_state", "hydrations", ["system", "account", "state", "at"], unique=False)
    op.create_table(
        "identifiers",
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("blob", sa.String(length=32), nullable=False),
        sa.Column("lead", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("minted_from", sa.String(length=32), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_identifiers"),
    )
    op.create_index("ix_identifiers_blob", "identifiers", ["blob"], unique=False)
    op.create_index("ix_identifiers_lead", "identifiers", ["lead"], unique=False)
    op.create_index("ix_identifiers_turn", "identifiers", ["turn"], unique=False)
    op.create_table(
        "leads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("minted_from", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("forwarded_to", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_leads"),
    )
    op.create_index("ix_leads_minted_from", "leads", ["minted_from"], unique=False)
    op.create_table(
        "merges",
        sa.Column("absorbed", sa.String(length=40), nullable=False),
        sa.Column("absorbed_key", sa.String(length=40), nullable=False),
        sa.Column("survivor", sa.String(length=40), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("absorbed", name="pk_merges"),
    )
    op.create_index("ix_merges_survivor", "merges", ["survivor"], unique=False)
    op.create_index("ix_merges_trigger", "merges", ["stream", "position"], unique=False)
    op.create_table(
        "withdrawals",
        sa.Column("a", sa.String(length=32), nullable=False),
        sa.Column("b", sa.String(length=32), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("a", "b", name="pk_withdrawals"),
    )
    op.create_index("ix_withdrawals_b", "withdrawals", ["b"], unique=False)
    op.create_table(
        "person_keys",
        sa.Column("lead", sa.String(length=40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("lead", name="pk_person_keys"),
    )
    op.create_table(
        "readings",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.String(length=120), nullable=False),
        sa.Column("prompt_version", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("read_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_readings"),
    )
    op.create_table(
        "refused",
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("elements", sa.Integer(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("passed_as", sa.BigInteger(), nullable=True),
        sa.Column("dropped_at", sa.BigInteger(), nullable=True),
        sa.Column("dropped_by", sa.Text(), nullable=True),
        sa.Column("dropped_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("stream", "position", name="pk_refused"),
    )
    op.create_index("ix_refused_state_received", "refused", ["state", "received"], unique=False)
    op.create_table(
        "seen",
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("stream", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("lead", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_seen"),
    )
    op.create_table(
        "suggestions",
        sa.Column("a", sa.String(length=32), nullable=False),
        sa.Column("b", sa.String(length=32), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("agreed", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("a", "b", name="pk_suggestions"),
    )
