"""Leases and notes of connectors, the way from a platform's id to its part, messages by their moment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two tables and two indexes."""
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "notes",
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("area", "name", name="pk_notes"),
    )
    op.create_index("ix_messages_conversation_id_sent_at", "messages", ["conversation_id", "sent_at"])
    condition = sa.text("platform_id IS NOT NULL")
    op.create_index(
        "ix_outbox_platform_id",
        "outbox",
        ["platform_id", "platform"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
