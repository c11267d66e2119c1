"""Scores: what plugins measure of messages, by conversation, by author, by time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text

from storage.bulk import run_many
from storage.reader import Reader
from storage.tables import AnyRow, messages, scores
from storage.watched import Score
from storage.writer import Writer

ASKED_AT_ONCE = 500
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_put = text(
    "INSERT INTO scores (message_key, plugin, conversation, author, sent_at, value, label)"
    " VALUES (:message_key, :plugin, :conversation, :author, :sent_at, :value, :label)"
    " ON CONFLICT (message_key, plugin) DO UPDATE SET conversation = excluded.conversation,"
    " author = excluded.author, sent_at = excluded.sent_at, value = excluded.value, label = excluded.label"
)
_deleted = select(messages.c.key).where(
    messages.c.key.in_(bindparam("keys", expanding=True)), messages.c.deleted
)
_series = (
    select(
        scores.c.message_key,
        scores.c.conversation,
        scores.c.author,
        scores.c.sent_at,
        scores.c.value,
        scores.c.label,
    )
    .where(
        scores.c.plugin == bindparam("of_plugin"),
        scores.c.sent_at >= bindparam("start"),
        scores.c.sent_at < bindparam("end"),
    )
    .order_by(scores.c.sent_at.desc(), scores.c.message_key.desc())
    .limit(bindparam("count"))
)
_in = scores.c.conversation == bindparam("in_conversation")
_by = scores.c.author == bindparam("by_author")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Scores of one plugin."""

    plugin: str
    scores: tuple[Score, ...]


class Scores:
    """One score per plugin and message; it goes when its message is deleted."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def put(self, plugin: str, scores: Iterable[Score]) -> None:
        """Write scores; one for the same message takes the place of that before.

        Those of messages that were deleted are left out.
        """
        await self._writer.submit(put_scores, Sheet(plugin, tuple(scores)))

    async def series(
        self,
        plugin: str,
        *,
        conversation: str | None = None,
        author: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 1000,
    ) -> list[Score]:
        """Scores of messages sent from `start` until before `end`, oldest first, the last `limit`."""
        wanted: dict[str, Any] = {
            "of_plugin": plugin,
            "start": (start or BEGINNING).timestamp(),
            "end": (end or END).timestamp(),
            "count": limit,
        }
        statement: Select[Any] = _series
        if conversation is not None:
            statement, wanted = statement.where(_in), wanted | {"in_conversation": conversation}
        if author is not None:
            statement, wanted = statement.where(_by), wanted | {"by_author": author}
        return [_score(row) for row in reversed(await self._reader.rows(statement, wanted))]


def put_scores(connection: Connection, sheets: list[Sheet]) -> list[None]:
    """Write the scores of all sheets, but for those of deleted messages."""
    deleted = _deleted_of(connection, {score.key for sheet in sheets for score in sheet.scores})
    rows = [
        _row(sheet.plugin, score) for sheet in sheets for score in sheet.scores if score.key not in deleted
    ]
    run_many(connection, _put, rows)
    return [None] * len(sheets)


def _deleted_of(connection: Connection, keys: Iterable[str]) -> set[str]:
    found: set[str] = set()
    remaining = iter(keys)
    while some := list(islice(remaining, ASKED_AT_ONCE)):
        found.update(connection.execute(_deleted, {"keys": some}).scalars())
    return found


def _row(plugin: str, score: Score) -> dict[str, Any]:
    return {
        "message_key": score.key,
        "plugin": plugin,
        "conversation": score.conversation,
        "author": score.author,
        "sent_at": score.sent_at.timestamp(),
        "value": score.value,
        "label": score.label,
    }


def _score(row: AnyRow) -> Score:
    key, conversation, author, sent_at, value, label = row  # names would cost more than the query
    return Score(key, conversation, author, datetime.fromtimestamp(sent_at, UTC), value, label)
