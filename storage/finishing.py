"""End claimed events: state, decision, reply and history in one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.errors import Fenced, StorageError
from storage.numbers import now
from storage.posting import Post, write_posts
from storage.records import Finish, InboxState, NewPart, Part
from storage.tables import AnyRow, conversations, inbox

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
_set_skill = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(skill=bindparam("new_skill"))
)


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
    posts = [_post(part, event) for each, event in held for part in each.parts]
    written = iter(write_posts(dialect, connection, posts, moment))
    return [[next(written) for _ in each.parts] for each, _ in held]


def _post(part: NewPart, event: AnyRow) -> Post:
    platform = part.platform or event.platform
    return Post(part, event.conversation_id, platform, event.id, event.key, event.packed)


def _ending(finish: Finish, moment: float) -> dict[str, Any]:
    return {
        "event": finish.inbox_id,
        "new_state": finish.state,
        "why": finish.reason,
        "how": finish.decision,
        "moment": moment,
    }
