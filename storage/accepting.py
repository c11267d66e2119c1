"""Make events durable: a batch is settled in memory against what is stored, then written at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from storage.bulk import run_many
from storage.dialects import Dialect
from storage.erasing import cancel_replies, erase_waiting, forget_finished, forget_scores
from storage.indexing import index_messages, unindex_messages
from storage.numbers import now, take
from storage.places import Author, author_ids, conversation_ids
from storage.records import Accepted, Event, InboxState, Role
from storage.tables import attachments, inbox, messages

Parameters: TypeAlias = dict[str, Any]

REACTIONS = ("reacted", "unreacted")

_known_events = select(inbox.c.key, inbox.c.id, inbox.c.conversation_id, inbox.c.state).where(
    inbox.c.key.in_(bindparam("keys", expanding=True))
)
_known_messages = select(
    messages.c.key,
    messages.c.id,
    messages.c.conversation_id,
    messages.c.author_id,
    messages.c.text,
    messages.c.reply_to,
    messages.c.sent_at,
    messages.c.edited_at,
    messages.c.deleted,
    messages.c.revision,
).where(messages.c.key.in_(bindparam("keys", expanding=True)))
_change_message = (
    update(messages)
    .where(messages.c.id == bindparam("message"))
    .values(
        author_id=bindparam("author_id"),
        text=bindparam("text"),
        packed="",
        reply_to=bindparam("reply_to"),
        sent_at=bindparam("sent_at"),
        edited_at=bindparam("edited_at"),
        deleted=bindparam("deleted"),
        revision=bindparam("revision"),
    )
)
_insert_messages = insert(messages)
_insert_attachments = insert(attachments)
_insert_events = insert(inbox)
_drop_attachments = delete(attachments).where(attachments.c.message_id.in_(bindparam("ids", expanding=True)))


@dataclass(slots=True)
class _Draft:
    """A message as the batch will leave it. `stored` is its text in the database, None when not there."""

    id: int
    key: str
    conversation_id: int
    author_id: int | None
    text: str
    reply_to: str | None
    sent_at: float
    edited_at: float | None
    deleted: bool
    revision: int
    stored: str | None = None
    changed: bool = False


def accept(dialect: Dialect, connection: Connection, events: list[Event]) -> list[Accepted]:
    """Write the events whose keys are new, in order; the others are duplicates and change nothing."""
    known = _known(connection, {event.key for event in events})
    fresh: dict[str, Event] = {}
    for event in events:
        if event.key not in known:
            fresh.setdefault(event.key, event)
    written = _accept_fresh(dialect, connection, list(fresh.values())) if fresh else {}
    answers = []
    for event in events:
        first = fresh.pop(event.key, None) is not None
        answer = written.get(event.key) or known[event.key]
        answers.append(answer if first else replace(answer, duplicate=True))
    return answers


def _known(connection: Connection, keys: Iterable[str]) -> dict[str, Accepted]:
    rows = connection.execute(_known_events, {"keys": list(keys)})
    return {row.key: Accepted(row.id, row.conversation_id, True, InboxState(row.state)) for row in rows}


def _accept_fresh(dialect: Dialect, connection: Connection, events: Sequence[Event]) -> dict[str, Accepted]:
    numbers = take(connection, len(events))
    conversations = conversation_ids(connection, events)
    authors = author_ids(connection, events)
    batch = _Batch(conversations, authors, _drafts(connection, events))
    for number, event in zip(numbers, events, strict=True):
        batch.apply(number, event)
    batch.write(dialect, connection)
    return {
        row["key"]: Accepted(row["id"], row["conversation_id"], False, InboxState(row["state"]))
        for row in batch.events
    }


def _drafts(connection: Connection, events: Sequence[Event]) -> dict[str, _Draft]:
    keys = {event.target or event.key for event in events}
    rows = connection.execute(_known_messages, {"keys": list(keys)})
    return {row.key: _Draft(**row._mapping, stored=row.text) for row in rows}


class _Batch:
    """The events of one transaction, applied to drafts in memory."""

    def __init__(
        self, conversations: dict[str, int], authors: dict[Author, int], drafts: dict[str, _Draft]
    ) -> None:
        self.events: list[Parameters] = []
        self._conversations = conversations
        self._authors = authors
        self._drafts = drafts
        self._files: list[Parameters] = []
        self._erased: list[int] = []
        self._moment = now()

    def apply(self, number: int, event: Event) -> None:
        """Settle one event; `number` becomes the id of its inbox row and the revision of its message."""
        draft = self._drafts.get(event.target or event.key)
        if event.kind in REACTIONS:
            draft = draft or self._hide(number, event)
        elif draft is None:
            draft = self._begin(number, event)
        elif event.kind == "deleted":
            self._delete(draft, number)
        elif event.kind == "edited":
            self._edit(draft, number, event)
        else:
            self._complete(draft, number, event)
        if not draft.deleted and event.kind not in REACTIONS:
            self._files += (_file(draft.id, each) for each in event.attachments)
        erased = draft.deleted and event.kind not in ("deleted", *REACTIONS)
        self.events.append(self._event(number, event, draft, erased=erased))

    def _begin(self, number: int, event: Event) -> _Draft:
        """The first that is heard of a message, be it its creation, an edit or its deletion."""
        deleted, sent_at = event.kind == "deleted", event.sent_at.timestamp()
        draft = _Draft(
            id=number,
            key=event.target or event.key,
            conversation_id=self._conversations[event.conversation],
            author_id=self._authors[event.platform, event.author],
            text="" if deleted else event.text,
            reply_to=event.reply_to,
            sent_at=sent_at,
            edited_at=sent_at if event.kind == "edited" else None,
            deleted=deleted,
            revision=number,
        )
        self._drafts[draft.key] = draft
        return draft

    def _hide(self, number: int, event: Event) -> _Draft:
        """A row that nobody sees, for a reaction to a message that was never heard of."""
        return self._begin(number, replace(event, kind="deleted", target=None, text=""))

    def _edit(self, draft: _Draft, number: int, event: Event) -> None:
        edited_at = event.sent_at.timestamp()
        if draft.deleted or (draft.edited_at is not None and edited_at <= draft.edited_at):
            return
        draft.text, draft.edited_at = event.text, edited_at
        draft.revision, draft.changed = number, True

    def _delete(self, draft: _Draft, number: int) -> None:
        if draft.deleted:
            return
        draft.text, draft.deleted = "", True
        draft.revision, draft.changed = number, True
        self._erased.append(draft.id)
        self._files = [file for file in self._files if file["message_id"] != draft.id]
        for row in self.events:
            if row["message_id"] == draft.id and row["kind"] != "deleted":
                row |= {"state": InboxState.ERASED, "packed": "", "finished_at": self._moment}

    def _complete(self, draft: _Draft, number: int, event: Event) -> None:
        """The creation of a message whose edit or deletion came first."""
        if draft.deleted:
            return
        draft.author_id = self._authors[event.platform, event.author]
        draft.sent_at, draft.reply_to = event.sent_at.timestamp(), event.reply_to
        draft.revision, draft.changed = number, True

    def _event(self, number: int, event: Event, draft: _Draft, *, erased: bool) -> Parameters:
        return {
            "id": number,
            "key": event.key,
            "conversation_id": draft.conversation_id,
            "message_id": draft.id,
            "platform": event.platform,
            "kind": event.kind,
            "priority": event.priority,
            "packed": "" if erased else event.packed,
            "received_at": self._moment,
            "state": InboxState.ERASED if erased else InboxState.PENDING,
            "attempts": 0,
            "fence": 0,
            "reason": "the message was deleted" if erased else "",
            "decision": "",
            "finished_at": self._moment if erased else None,
        }

    def write(self, dialect: Dialect, connection: Connection) -> None:
        """Bring the database to what the drafts say."""
        new = [draft for draft in self._drafts.values() if draft.stored is None]
        changed = [draft for draft in self._drafts.values() if draft.stored is not None and draft.changed]
        if new:
            run_many(connection, _insert_messages, [_row(draft) for draft in new])
        if changed:
            run_many(connection, _change_message, [_change(draft) for draft in changed])
            unindex_messages(
                dialect, connection, [(each.id, each.conversation_id, each.stored or "") for each in changed]
            )
        texts = [(each.id, each.conversation_id, each.text) for each in new + changed]
        index_messages(dialect, connection, texts)
        if self._erased:
            connection.execute(_drop_attachments, {"ids": self._erased})
            erase_waiting(connection, self._erased)
            cancel_replies(dialect, connection, self._erased)
            forget_finished(connection, self._erased)
            forget_scores(connection, self._erased)
        if self._files:
            run_many(connection, _insert_attachments, self._files)
        run_many(connection, _insert_events, self.events)


def _row(draft: _Draft) -> Parameters:
    return {"id": draft.id, "key": draft.key, "conversation_id": draft.conversation_id} | {
        "role": Role.PERSON,
        "packed": "",
        **_content(draft),
    }


def _change(draft: _Draft) -> Parameters:
    return {"message": draft.id, **_content(draft)}


def _content(draft: _Draft) -> Parameters:
    return {
        "author_id": draft.author_id,
        "text": draft.text,
        "reply_to": draft.reply_to,
        "sent_at": draft.sent_at,
        "edited_at": draft.edited_at,
        "deleted": draft.deleted,
        "revision": draft.revision,
    }


def _file(message_id: int, file: Any) -> Parameters:
    return {
        "id": file.id,
        "message_id": message_id,
        "name": file.name,
        "media_type": file.media_type,
        "size": len(file.content),
        "content": file.content,
    }
