"""Conversations and authors: found by their keys, written when first met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, insert, select, update

from storage.bulk import run_many
from storage.numbers import now, take
from storage.records import Event
from storage.tables import authors, conversations

Author: TypeAlias = tuple[str, str]
"""Platform and the author's id there."""

TITLE_CHARACTERS = 60

_known_conversations = select(conversations.c.key, conversations.c.id).where(
    conversations.c.key.in_(bindparam("keys", expanding=True))
)
_touch = (
    update(conversations)
    .where(conversations.c.id == bindparam("conversation"))
    .values(last_message_at=bindparam("moment"))
)
_known_authors = select(authors.c.platform, authors.c.author, authors.c.id, authors.c.name).where(
    authors.c.author.in_(bindparam("authors", expanding=True)),
    authors.c.platform.in_(bindparam("platforms", expanding=True)),
)
_insert_conversations = insert(conversations)
_insert_authors = insert(authors)
_rename = update(authors).where(authors.c.id == bindparam("number")).values(name=bindparam("new_name"))


def conversation_ids(connection: Connection, events: Sequence[Event]) -> dict[str, int]:
    """The numbers of the events' conversations, new ones written with the first event as their title."""
    wanted: dict[str, Event] = {}
    for event in events:
        wanted.setdefault(event.conversation, event)
    found = connection.execute(_known_conversations, {"keys": list(wanted)})
    ids: dict[str, int] = {row.key: row.id for row in found}
    touch(connection, ids.values())
    missing = [event for key, event in wanted.items() if key not in ids]
    if missing:
        numbers = take(connection, len(missing))
        rows = [_conversation(number, event) for number, event in zip(numbers, missing, strict=True)]
        run_many(connection, _insert_conversations, rows)
        ids |= {event.conversation: number for number, event in zip(numbers, missing, strict=True)}
    return ids


def place_ids(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    """The numbers of conversations, those where nobody has spoken yet written as open to all."""
    wanted = list(dict.fromkeys(keys))
    found = connection.execute(_known_conversations, {"keys": wanted})
    ids: dict[str, int] = {row.key: row.id for row in found}
    missing = [key for key in wanted if key not in ids]
    if missing:
        ids |= dict(zip(missing, take(connection, len(missing)), strict=True))
        rows = [_place(ids[key], key, key.partition(":")[0]) for key in missing]
        run_many(connection, _insert_conversations, rows)
    return ids


def touch(connection: Connection, ids: Iterable[int]) -> None:
    """Note that conversations have a new message."""
    moment = now()
    run_many(connection, _touch, [{"conversation": number, "moment": moment} for number in ids])


def author_ids(connection: Connection, events: Sequence[Event]) -> dict[Author, int]:
    """The numbers of the events' authors; a new name replaces the old one."""
    names = {(event.platform, event.author): event.author_name for event in events}
    wanted = {"authors": [author for _, author in names], "platforms": list({name for name, _ in names})}
    found = (connection.execute(_known_authors, wanted)).all()
    ids: dict[Author, int] = {(row.platform, row.author): row.id for row in found}
    renamed = [
        {"number": row.id, "new_name": name}
        for row in found
        if (name := names.get((row.platform, row.author))) and name != row.name
    ]
    run_many(connection, _rename, renamed)
    missing = [author for author in names if author not in ids]
    if missing:
        numbers = take(connection, len(missing))
        ids |= dict(zip(missing, numbers, strict=True))
        run_many(
            connection,
            _insert_authors,
            [
                {"id": ids[each], "platform": each[0], "author": each[1], "name": names[each]}
                for each in missing
            ],
        )
    return ids


def _conversation(number: int, event: Event) -> dict[str, object]:
    title = " ".join(event.text[: 4 * TITLE_CHARACTERS].split()) if event.kind == "created" else ""
    if len(title) > TITLE_CHARACTERS:
        title = title[: TITLE_CHARACTERS - 1].rstrip() + "…"
    return _place(number, event.conversation, event.platform) | {"owner": event.owner, "title": title}


def _place(number: int, key: str, platform: str) -> dict[str, object]:
    return {
        "id": number,
        "key": key,
        "platform": platform,
        "owner": None,
        "title": "",
        "skill": None,
        "last_message_at": now(),
        "lease_owner": None,
        "lease_until": None,
        "fence": 0,
    }
