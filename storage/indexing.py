"""Keep the full text of messages in step with their texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from sqlalchemy import Connection

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.segmentation import segment

Words: TypeAlias = tuple[int, int, str]
"""Message id, conversation id, text."""


def index_messages(dialect: Dialect, connection: Connection, texts: Iterable[Words]) -> None:
    """Make messages findable; empty texts are not."""
    run_many(connection, dialect.index_message, _rows(texts))


def unindex_messages(dialect: Dialect, connection: Connection, texts: Iterable[Words]) -> None:
    """Forget messages, given with exactly the texts they were indexed with."""
    run_many(connection, dialect.unindex_message, _rows(texts))


def _rows(texts: Iterable[Words]) -> list[dict[str, Any]]:
    rows = []
    for message_id, conversation_id, text in texts:
        if text:
            words, characters = segment(text)
            rows.append(
                {"id": message_id, "words": words, "characters": characters, "scope": f"c{conversation_id}"}
            )
    return rows
