"""What a deletion takes along: waiting events, unsent replies to the message, and its scores."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, Connection, bindparam, delete, select, update

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.indexing import unindex_messages
from storage.numbers import now, take
from storage.records import InboxState, OutboxState
from storage.tables import attachments, has_state, inbox, messages, outbox, scores

_ids: BindParameter[list[int]] = bindparam("ids", expanding=True)
_erase_events = (
    update(inbox)
    .where(
        inbox.c.message_id.in_(_ids),
        has_state(inbox.c.state, InboxState.PENDING, InboxState.CLAIMED),
        inbox.c.kind != "deleted",
    )
    .values(
        state=InboxState.ERASED, packed="", reason="the message was deleted", finished_at=bindparam("moment")
    )
)
_forget_finished = (
    update(inbox)
    .where(
        inbox.c.message_id.in_(_ids),
        inbox.c.kind != "deleted",
        inbox.c.finished_at.is_not(None),
        ~select(outbox.c.id)
        .where(
            outbox.c.inbox_id == inbox.c.id,
            has_state(outbox.c.state, OutboxState.PENDING, OutboxState.ATTEMPTING),
        )
        .exists(),
    )
    .values(packed="")
)
_cancel_parts = (
    update(outbox)
    .where(
        outbox.c.inbox_id.in_(select(inbox.c.id).where(inbox.c.message_id.in_(_ids))),
        has_state(outbox.c.state, OutboxState.PENDING),
    )
    .values(
        state=OutboxState.CANCELLED,
        packed=None,
        reason="the message it answers was deleted",
        finished_at=bindparam("moment"),
    )
    .returning(outbox.c.message_id)
)
_replies = select(messages.c.id, messages.c.conversation_id, messages.c.text).where(messages.c.id.in_(_ids))
_erase_reply = (
    update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(text="", packed="", deleted=True, revision=bindparam("number"))
)

_drop_files = delete(attachments).where(attachments.c.message_id.in_(_ids))
_drop_scores = delete(scores).where(
    scores.c.message_key.in_(select(messages.c.key).where(messages.c.id.in_(_ids)))
)


def erase_waiting(connection: Connection, message_ids: Sequence[int]) -> None:
    """End the events of deleted messages that are not finished; a later finish is refused."""
    connection.execute(_erase_events, {"ids": message_ids, "moment": now()})


def forget_finished(connection: Connection, message_ids: Sequence[int]) -> None:
    """Forget what finished events of deleted messages were called with; replies under way still need it."""
    connection.execute(_forget_finished, {"ids": message_ids})


def forget_scores(connection: Connection, message_ids: Sequence[int]) -> None:
    """Forget what was measured of deleted messages."""
    connection.execute(_drop_scores, {"ids": message_ids})


def cancel_replies(dialect: Dialect, connection: Connection, message_ids: Sequence[int]) -> None:
    """Cancel what would still be sent in answer to deleted messages, and forget its text."""
    cancelled = connection.execute(_cancel_parts, {"ids": message_ids, "moment": now()})
    replies = [number for number in cancelled.scalars() if number is not None]
    if not replies:
        return
    connection.execute(_drop_files, {"ids": replies})
    texts = connection.execute(_replies, {"ids": replies})
    unindex_messages(dialect, connection, [(row.id, row.conversation_id, row.text) for row in texts])
    numbers = take(connection, len(replies))
    run_many(
        connection,
        _erase_reply,
        [{"message": reply, "number": number} for reply, number in zip(replies, numbers, strict=True)],
    )
