"""Leases and notes of connectors, and the way from a platform's id to the part it belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two tables and an index."""
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
    condition = sa.text("platform_id IS NOT NULL")
    op.create_index(
        "ix_outbox_platform_id",
        "outbox",
        ["platform_id", "platform"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
