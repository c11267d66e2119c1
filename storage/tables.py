"""The tables, the same on SQLite and PostgreSQL.

Moments are seconds since 1970 (UTC), so that both databases compare them alike. Ids come from the
counter `number`, drawn inside the write transaction: they grow in commit order and are never reused.
The full-text tables `message_words` and `passage_words` are each dialect's own.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")


def _number(name: str, *rules: Any, nullable: bool = False) -> Column[int]:
    return Column(name, Number, *rules, nullable=nullable)


def _id() -> Column[int]:
    return Column("id", Number, primary_key=True, autoincrement=False)


def _text(name: str, *, nullable: bool = False, unique: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, unique=unique)


def _moment(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _partial(name: str, condition: str, *columns: Column[Any]) -> Index:
    return Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


counters = Table("counters", metadata, Column("name", Text, primary_key=True), _number("value"))

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _text("key", unique=True),
    _text("platform"),
    _text("owner", nullable=True),
    _text("title"),
    _text("skill", nullable=True),
    _moment("last_message_at", nullable=True),
    _text("lease_owner", nullable=True),
    _moment("lease_until", nullable=True),
    _number("fence"),
    Index(None, "platform", "owner"),
)
_partial("ix_conversations_leased", "lease_owner IS NOT NULL", conversations.c.lease_owner)

authors = Table(
    "authors",
    metadata,
    _id(),
    _text("platform"),
    _text("author"),
    _text("name"),
    UniqueConstraint("platform", "author"),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _text("key", unique=True),
    _number("conversation_id", ForeignKey("conversations.id")),
    _number("author_id", ForeignKey("authors.id"), nullable=True),
    _text("role"),
    _text("text"),
    _text("packed"),
    _text("reply_to", nullable=True),
    _moment("sent_at"),
    _moment("edited_at", nullable=True),
    Column("deleted", Boolean, nullable=False),
    _number("revision"),
    Index(None, "conversation_id", "id"),
    Index(None, "conversation_id", "revision"),
    Index(None, "conversation_id", "sent_at"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", Text, primary_key=True),
    _number("message_id", ForeignKey("messages.id")),
    _text("name"),
    _text("media_type"),
    _number("size"),
    Column("content", LargeBinary, nullable=False),
    Index(None, "message_id"),
)

inbox = Table(
    "inbox",
    metadata,
    _id(),
    _text("key", unique=True),
    _number("conversation_id", ForeignKey("conversations.id")),
    _number("message_id", ForeignKey("messages.id")),
    _text("platform"),
    _text("kind"),
    Column("priority", SmallInteger, nullable=False),
    _text("packed"),
    _moment("received_at"),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    _number("fence"),
    _text("reason"),
    _text("decision"),
    _moment("finished_at", nullable=True),
    Index(None, "message_id"),
)
_partial(
    "ix_inbox_pending",
    "state = 'pending'",
    inbox.c.conversation_id,
    inbox.c.id,
    inbox.c.priority,
    inbox.c.platform,
    inbox.c.attempts,
)
_partial("ix_inbox_claimed", "state = 'claimed'", inbox.c.conversation_id, inbox.c.id)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _text("key", unique=True),
    _number("conversation_id", ForeignKey("conversations.id")),
    _number("inbox_id", ForeignKey("inbox.id"), nullable=True),
    _number("message_id", ForeignKey("messages.id"), nullable=True),
    _text("platform"),
    _text("packed", nullable=True),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    _moment("created_at"),
    _moment("finished_at", nullable=True),
    _text("platform_id", nullable=True),
    _text("reason"),
    _moment("first_tried_at", nullable=True),
    Index(None, "inbox_id"),
)
_partial("ix_outbox_open", "state IN ('pending', 'attempting')", outbox.c.id, outbox.c.platform)

_partial("ix_outbox_platform_id", "platform_id IS NOT NULL", outbox.c.platform_id, outbox.c.platform)

leases = Table("leases", metadata, Column("name", Text, primary_key=True), _text("owner"), _moment("until"))

notes = Table(
    "notes",
    metadata,
    Column("area", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    _text("value"),
)

scores = Table(
    "scores",
    metadata,
    Column("message_key", Text, primary_key=True),
    Column("plugin", Text, primary_key=True),
    _text("conversation"),
    _text("author"),
    _moment("sent_at"),
    Column("value", Double, nullable=False),
    _text("label"),
    Index(None, "plugin", "conversation", "sent_at"),
    Index(None, "plugin", "author", "sent_at"),
    Index(None, "plugin", "sent_at"),
)

documents = Table(
    "documents",
    metadata,
    _id(),
    _text("uri"),
    _text("scope"),
    _text("title"),
    _text("media_type"),
    _text("sha256"),
    _number("size"),
    _moment("modified"),
    _moment("added_at"),
    Column("passages", Integer, nullable=False),
    UniqueConstraint("scope", "uri"),
)

passages = Table(
    "passages",
    metadata,
    _id(),
    _number("document_id", ForeignKey("documents.id")),
    Column("position", Integer, nullable=False),
    _text("scope"),
    _text("heading"),
    _text("location"),
    _text("text"),
    Column("vector", LargeBinary, nullable=True),
    Index(None, "document_id"),
)
_partial("ix_passages_unembedded", "vector IS NULL", passages.c.id)

feedback = Table(
    "feedback",
    metadata,
    Column("message_key", Text, primary_key=True),
    Column("author", Text, primary_key=True),
    Column("value", SmallInteger, nullable=False),
    _text("comment"),
    _moment("given_at"),
)


AnyRow: TypeAlias = Any
"""A row of a result; its columns are named as in the statement."""


def has_state(column: Column[str], *states: str) -> ColumnElement[bool]:
    """Whether a row is in one of some states, written out so that the partial indexes serve it."""
    written: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in states]
    return column == written[0] if len(written) == 1 else column.in_(written)
