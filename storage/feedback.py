"""Thumbs on the bot's messages: one per message and author."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from storage.bulk import run_many
from storage.numbers import now
from storage.reader import Reader
from storage.records import Feedback
from storage.tables import feedback
from storage.writer import Writer

_insert = insert(feedback)
_drop = delete(feedback).where(
    feedback.c.message_key == bindparam("of_message"), feedback.c.author == bindparam("of_author")
)
_counts = select(feedback.c.value, func.count()).group_by(feedback.c.value)
_of_message = select(feedback.c.author, feedback.c.value, feedback.c.comment).where(
    feedback.c.message_key == bindparam("key")
)

_of_author = select(feedback.c.message_key, feedback.c.value).where(
    feedback.c.author == bindparam("author"), feedback.c.message_key.in_(bindparam("keys", expanding=True))
)


class FeedbackBox:
    """What people thought of answers."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def put(self, thumb: Feedback) -> None:
        """Store a thumb in place of the author's earlier one on that message; a value of 0 takes it back."""
        await self._writer.submit(_put_all, thumb)

    async def of(self, message_key: str) -> list[Feedback]:
        """The thumbs on one message."""
        rows = await self._reader.rows(_of_message, {"key": message_key})
        return [Feedback(message_key, row.author, row.value, row.comment) for row in rows]

    async def given(self, author: str, message_keys: Collection[str]) -> dict[str, int]:
        """The author's thumbs on these messages, by message key; those without one are left out."""
        if not message_keys:
            return {}
        rows = await self._reader.rows(_of_author, {"author": author, "keys": list(message_keys)})
        return {row.message_key: row.value for row in rows}

    async def counts(self) -> tuple[int, int]:
        """How many thumbs point up, and how many down."""
        counts = {row[0]: row[1] for row in await self._reader.rows(_counts)}
        return counts.get(1, 0), counts.get(-1, 0)


def _put_all(connection: Connection, thumbs: list[Feedback]) -> list[None]:
    last = {(thumb.message_key, thumb.author): thumb for thumb in thumbs}
    run_many(connection, _drop, [{"of_message": key, "of_author": author} for key, author in last])
    moment = now()
    rows = [
        {
            "message_key": key,
            "author": author,
            "value": thumb.value,
            "comment": thumb.comment,
            "given_at": moment,
        }
        for (key, author), thumb in last.items()
        if thumb.value
    ]
    run_many(connection, _insert, rows)
    return [None] * len(thumbs)
