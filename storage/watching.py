"""What observers and jobs stand on: the order of events, how far each one is, one commit per step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, null, or_, select, update

from storage.dialects import Dialect
from storage.errors import Fenced, StorageError
from storage.notes import Page, write_notes
from storage.numbers import NUMBER, now
from storage.places import place_ids
from storage.posting import Post, write_posts
from storage.reader import Reader
from storage.records import Part, Role
from storage.scores import Sheet, put_scores
from storage.tables import (
    AnyRow,
    authors,
    conversations,
    counters,
    inbox,
    leases,
    messages,
    notes,
    outbox,
    scores,
)
from storage.watched import Progress, Seen
from storage.writer import Writer

MARKS = "watching"
"""The area of the notes in which marks stand."""
PLUGIN = "plugin:"
"""What the areas of plugins' notes begin with."""

_newest = select(counters.c.value).where(counters.c.name == NUMBER)
_events = (
    select(
        inbox.c.id.label("number"),
        inbox.c.kind,
        inbox.c.packed,
        messages.c.key,
        conversations.c.key.label("conversation"),
        conversations.c.owner,
        authors.c.author,
        authors.c.name,
        messages.c.text,
        messages.c.sent_at,
        messages.c.deleted,
        messages.c.role,
    )
    .join(messages, messages.c.id == inbox.c.message_id)
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .join(authors, authors.c.id == messages.c.author_id, isouter=True)
    .where(inbox.c.id > bindparam("after"), inbox.c.id <= bindparam("until"))
    .order_by(inbox.c.id)
    .limit(bindparam("count"))
)
_answers = (
    select(
        outbox.c.id.label("number"),
        literal("created").label("kind"),
        literal("").label("packed"),
        messages.c.key,
        conversations.c.key.label("conversation"),
        conversations.c.owner,
        null().label("author"),
        null().label("name"),
        messages.c.text,
        messages.c.sent_at,
        messages.c.deleted,
        messages.c.role,
    )
    .join(messages, messages.c.id == outbox.c.message_id)
    .join(conversations, conversations.c.id == messages.c.conversation_id)
    .where(
        outbox.c.id > bindparam("after"), outbox.c.id <= bindparam("until"), outbox.c.inbox_id.is_not(None)
    )
    .order_by(outbox.c.id)
    .limit(bindparam("count"))
)
_mark = select(notes.c.value).where(notes.c.area == MARKS, notes.c.name == bindparam("of_name"))
_set_mark = (
    update(notes)
    .where(notes.c.area == MARKS, notes.c.name == bindparam("of_name"))
    .values(value=bindparam("new_value"))
)
_lease = select(leases.c.owner, leases.c.until).where(leases.c.name == bindparam("lease"))

_drop_scores = delete(scores).where(
    scores.c.author == bindparam("by_author"),
    func.substr(scores.c.conversation, 1, bindparam("place_length")) == bindparam("place"),
)
_drop_notes = delete(notes).where(
    func.substr(notes.c.area, 1, len(PLUGIN)) == PLUGIN,
    or_(
        notes.c.name == bindparam("about"),
        func.substr(notes.c.name, 1, bindparam("name_length")) == bindparam("beginning"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Beginning:
    mark: str
    value: str | None


@dataclass(frozen=True, slots=True)
class _Person:
    platform: str
    author: str


class Watching:
    """The events in the order they were stored in, and the marks of those who follow them."""

    def __init__(self, dialect: Dialect, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._commit = partial(_commit_all, dialect)

    async def newest(self) -> int:
        """The number up to which everything is stored: what comes later has a higher one."""
        return int((await self._reader.rows(_newest))[0].value)

    async def begin(self, mark: str, value: str | None = None) -> str:
        """Where a mark stands; one that is new is set to `value`, or to the newest number."""
        return await self._writer.submit(_begin_all, _Beginning(mark, value))

    async def events(self, after: int, until: int, limit: int) -> list[Seen]:
        """The events numbered above `after` up to `until`, in order, at most `limit`."""
        wanted = {"after": after, "until": until, "count": limit}
        return [_seen(row) for row in await self._reader.rows(_events, wanted)]

    async def answers(self, after: int, until: int, limit: int) -> list[Seen]:
        """The bot's answers to people in the same numbering, but for those that one person alone may see."""
        wanted = {"after": after, "until": until, "count": limit}
        return [_seen(row) for row in await self._reader.rows(_answers, wanted)]

    async def commit(self, progress: Progress) -> list[Part]:
        """Write one step in one transaction; the parts to send, in order.

        Raises Fenced when the lease is another's or has run out, or the mark stands elsewhere.
        """
        return await self._writer.submit(self._commit, progress, urgent=True)

    async def forget(self, platform: str, author: str) -> None:
        """Erase a person's scores, and the notes `author:PLATFORM:ID` and `author:PLATFORM:ID/…`."""
        await self._writer.submit(_forget_all, _Person(platform, author))


def _begin_all(connection: Connection, beginnings: list[_Beginning]) -> list[str]:
    return [_begin(connection, each) for each in beginnings]


def _begin(connection: Connection, beginning: _Beginning) -> str:
    found = connection.execute(_mark, {"of_name": beginning.mark}).scalar()
    if found is not None:
        return str(found)
    value = beginning.value
    if value is None:
        value = str(connection.execute(_newest).scalar_one())
    connection.execute(insert(notes), {"area": MARKS, "name": beginning.mark, "value": value})
    return value


def _commit_all(
    dialect: Dialect, connection: Connection, steps: list[Progress]
) -> list[list[Part] | StorageError]:
    return [_refusal(connection, each) or _write(dialect, connection, each) for each in steps]


def _refusal(connection: Connection, step: Progress) -> StorageError | None:
    held = connection.execute(_lease, {"lease": step.lease}).one_or_none()
    if held is None or held.owner != step.owner or held.until < now():
        return Fenced(f"The lease {step.lease} is no longer held.")
    if connection.execute(_mark, {"of_name": step.mark}).scalar() != step.before:
        return Fenced(f"The mark {step.mark} was moved by another.")
    return None


def _write(dialect: Dialect, connection: Connection, step: Progress) -> list[Part]:
    connection.execute(_set_mark, {"of_name": step.mark, "new_value": step.after})
    if step.notes:
        write_notes(connection, [Page(area_of(step.plugin), step.notes)])
    if step.scores:
        put_scores(connection, [Sheet(step.plugin, step.scores)])
    if not step.posts:
        return []
    places = place_ids(connection, [place for place, _ in step.posts])
    posts = [
        Post(part, places[place], part.platform or place.partition(":")[0]) for place, part in step.posts
    ]
    return write_posts(dialect, connection, posts, now())


def _forget_all(connection: Connection, people: list[_Person]) -> list[None]:
    for person in people:
        place, name = f"{person.platform}:", f"author:{person.platform}:{person.author}"
        connection.execute(
            _drop_scores, {"by_author": person.author, "place": place, "place_length": len(place)}
        )
        connection.execute(
            _drop_notes, {"about": name, "beginning": f"{name}/", "name_length": len(name) + 1}
        )
    return [None] * len(people)


def area_of(plugin: str) -> str:
    """The area of a plugin's notes."""
    return f"{PLUGIN}{plugin}"


def _seen(row: AnyRow) -> Seen:
    return Seen(
        number=row.number,
        kind=row.kind,
        key=row.key,
        conversation=row.conversation,
        owner=row.owner,
        author=row.author or "",
        author_name=row.name or "",
        text=row.text,
        sent_at=datetime.fromtimestamp(row.sent_at, UTC),
        packed=row.packed,
        erased=row.deleted,
        role=Role(row.role),
    )
