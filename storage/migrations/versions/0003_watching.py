"""Scores, and parts that answer no event: what observers and jobs say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table, and let a part of the outbox stand without an event."""
    op.create_table(
        "scores",
        sa.Column("message_key", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("message_key", "plugin", name="pk_scores"),
    )
    for column in ("conversation", "author"):
        op.create_index(f"ix_scores_plugin_{column}_sent_at", "scores", ["plugin", column, "sent_at"])
    op.create_index("ix_scores_plugin_sent_at", "scores", ["plugin", "sent_at"])
    if op.get_bind().dialect.name == "sqlite":
        _write_outbox_anew()
    else:
        op.alter_column("outbox", "inbox_id", nullable=True)


def _write_outbox_anew() -> None:
    """SQLite cannot change a column: the rows move into a new table."""
    op.rename_table("outbox", "outbox_before")
    op.create_table(
        "outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("conversation_id", NUMBER, nullable=False),
        sa.Column("inbox_id", NUMBER, nullable=True),
        sa.Column("message_id", NUMBER, nullable=True),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("packed", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("platform_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name="fk_outbox_conversation_id"),
        sa.ForeignKeyConstraint(["inbox_id"], ["inbox.id"], name="fk_outbox_inbox_id"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_outbox_message_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.execute("INSERT INTO outbox SELECT * FROM outbox_before")
    op.drop_table("outbox_before")
    op.create_index("ix_outbox_inbox_id", "outbox", ["inbox_id"])
    _partial_index("ix_outbox_open", ["id", "platform"], "state IN ('pending', 'attempting')")
    _partial_index("ix_outbox_platform_id", ["platform_id", "platform"], "platform_id IS NOT NULL")


def _partial_index(name: str, columns: list[str], condition: str) -> None:
    op.create_index(name, "outbox", columns, sqlite_where=sa.text(condition))
