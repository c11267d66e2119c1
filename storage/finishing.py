"""End claimed events: state, decision, reply and history in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.errors import Fenced, StorageError
from storage.indexing import index_messages
from storage.numbers import now, take
from storage.places import touch
from storage.records import Finish, InboxState, NewPart, OutboxState, Part, Role
from storage.tables import AnyRow, conversations, inbox, messages, outbox

_claims = select(
    inbox.c.id,
    inbox.c.key,
    inbox.c.conversation_id,
    inbox.c.platform,
    inbox.c.packed,
    inbox.c.state,
    inbox.c.fence,
).where(inbox.c.id.in_(bindparam("ids", expanding=True)))
_end = (
    update(inbox)
    .where(inbox.c.id == bindparam("event"))
    .values(
        state=bindparam("new_state"),
        reason=bindparam("why"),
        decision=bindparam("how"),
        finished_at=bindparam("moment"),
    )
)
_insert_messages = insert(messages)
_insert_parts = insert(outbox)
_set_skill = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(skill=bindparam("new_skill"))
)


@dataclass(frozen=True, slots=True)
class _Reply:
    """One part with the event it answers and the number it gets."""

    number: int
    event: AnyRow
    part: NewPart


def finish(
    dialect: Dialect, connection: Connection, finishes: list[Finish]
) -> list[list[Part] | StorageError]:
    """Write each end whose claim still holds and give its parts; the others are refused."""
    rows = connection.execute(_claims, {"ids": [each.inbox_id for each in finishes]})
    events = {row.id: row for row in rows}
    held: list[tuple[Finish, AnyRow]] = []
    outcomes: list[list[Part] | StorageError] = []
    for each in finishes:
        event = events.pop(each.inbox_id, None)
        if event is None or event.state != InboxState.CLAIMED or event.fence != each.fence:
            outcomes.append(_refusal(event))
        else:
            held.append((each, event))
            outcomes.append([])
    if held:
        parts = iter(_end_all(dialect, connection, held))
        outcomes = [each if isinstance(each, StorageError) else next(parts) for each in outcomes]
    return outcomes


def _refusal(event: AnyRow | None) -> StorageError:
    if event is None:
        return Fenced("The event is finished already or was never accepted.")
    if event.state == InboxState.ERASED:
        return Fenced("The message was deleted while it was answered.")
    return Fenced(f"The event is {event.state} and no longer held under this claim.")


def _end_all(dialect: Dialect, connection: Connection, held: list[tuple[Finish, AnyRow]]) -> list[list[Part]]:
    moment = now()
    run_many(connection, _end, [_ending(each, moment) for each, _ in held])
    skills = [
        {"conversation": event.conversation_id, "new_skill": each.skill}
        for each, event in held
        if each.skill is not None
    ]
    run_many(connection, _set_skill, skills)
    numbers = iter(take(connection, count) if (count := sum(len(each.parts) for each, _ in held)) else ())
    replies = [[_Reply(next(numbers), event, part) for part in each.parts] for each, event in held]
    _write_replies(dialect, connection, [reply for group in replies for reply in group], moment)
    return [[_part(reply, moment) for reply in group] for group in replies]


def _ending(finish: Finish, moment: float) -> dict[str, Any]:
    return {
        "event": finish.inbox_id,
        "new_state": finish.state,
        "why": finish.reason,
        "how": finish.decision,
        "moment": moment,
    }


def _write_replies(dialect: Dialect, connection: Connection, replies: list[_Reply], moment: float) -> None:
    """The parts to send and, for those with a text, the bot's messages."""
    spoken = [reply for reply in replies if reply.part.text]
    if spoken:
        run_many(connection, _insert_messages, [_message(reply, moment) for reply in spoken])
        texts = [(reply.number, reply.event.conversation_id, reply.part.text) for reply in spoken]
        index_messages(dialect, connection, texts)
        touch(connection, {reply.event.conversation_id for reply in spoken})
    run_many(connection, _insert_parts, [_outgoing(reply, moment) for reply in replies])


def _message(reply: _Reply, moment: float) -> dict[str, Any]:
    return {
        "id": reply.number,
        "key": reply.part.key,
        "conversation_id": reply.event.conversation_id,
        "author_id": None,
        "role": Role.BOT,
        "text": reply.part.text,
        "packed": reply.part.packed,
        "reply_to": reply.event.key,
        "sent_at": moment,
        "edited_at": None,
        "deleted": False,
        "revision": reply.number,
    }


def _outgoing(reply: _Reply, moment: float) -> dict[str, Any]:
    """A row of the outbox; what a message keeps is not kept twice."""
    return {
        "id": reply.number,
        "key": reply.part.key,
        "conversation_id": reply.event.conversation_id,
        "inbox_id": reply.event.id,
        "message_id": reply.number if reply.part.text else None,
        "platform": reply.part.platform or reply.event.platform,
        "packed": None if reply.part.text else reply.part.packed,
        "state": OutboxState.PENDING,
        "attempts": 0,
        "created_at": moment,
        "finished_at": None,
        "platform_id": None,
        "reason": "",
    }


def _part(reply: _Reply, moment: float) -> Part:
    return Part(
        id=reply.number,
        key=reply.part.key,
        platform=reply.part.platform or reply.event.platform,
        conversation_id=reply.event.conversation_id,
        inbox_id=reply.event.id,
        packed=reply.part.packed,
        trigger=reply.event.packed,
        state=OutboxState.PENDING,
        attempts=0,
        created_at=datetime.fromtimestamp(moment, UTC),
    )
