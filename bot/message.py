"""The values that travel between connectors, core, plugins and worker: frozen and serialisable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class EventKind(StrEnum):
    """What happened to a message on its platform."""

    CREATED = "created"
    EDITED = "edited"
    DELETED = "deleted"


class Priority(IntEnum):
    """Who waits: lower is served first. Waiting work ages, so none starves."""

    ALERT = 0
    PERSON = 1
    BACKGROUND = 2


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message. `id` is the platform's own and unique within that platform."""

    id: str
    name: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a message stands. `thread` is None outside threads; `is_direct` means bot and one person."""

    platform: str
    id: str
    thread: str | None = None
    is_direct: bool = False
    name: str = ""

    @property
    def conversation(self) -> str:
        """The key under which storage keeps this place: `platform:channel` or `platform:channel/thread`."""
        place = f"{self.platform}:{self.id}"
        return place if self.thread is None else f"{place}/{self.thread}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a message. Its bytes stay in storage and are read by `id`; `size` in bytes."""

    id: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a platform.

    `key` is canonical: the same event delivered twice has the same key, and an edit or a deletion
    has its own key beside `target`, the key of the message it changes. `sent_at` is aware.
    """

    key: str
    channel: Channel
    author: Author
    text: str
    sent_at: datetime
    kind: EventKind = EventKind.CREATED
    priority: Priority = Priority.PERSON
    mentions_bot: bool = False
    reply_to: str | None = None
    target: str | None = None
    attachments: tuple[Attachment, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage an answer stands on. `location` is the page, line, sheet or slide, as shown to people."""

    document: str
    passage: str
    text: str
    heading: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a skill returns. `text` is Markdown; `to_asker` asks for delivery to the asker alone."""

    text: str
    citations: tuple[Citation, ...] = ()
    to_asker: bool = False
    skill: str = ""


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def clean_text(text: str) -> str:
    """Text every database and page accepts: lone surrogates and NULs become U+FFFD, CRLF becomes LF."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "\ufffd").replace("\r\n", "\n")


def pack_message(message: Message) -> str:
    """A message as JSON without its text, which storage keeps once and erases on request."""
    channel, author = message.channel, message.author
    fields: dict[str, Any] = {
        "key": message.key,
        "channel": [channel.platform, channel.id, channel.thread, channel.is_direct, channel.name],
        "author": [author.id, author.name, author.is_bot],
        "sent_at": message.sent_at.timestamp(),
        "kind": message.kind,
        "priority": int(message.priority),
        "mentions_bot": message.mentions_bot,
        "reply_to": message.reply_to,
        "target": message.target,
        "language": message.language,
    }
    if message.attachments:
        fields["attachments"] = [[a.id, a.name, a.media_type, a.size] for a in message.attachments]
    return _compact.encode(fields)


def unpack_message(packed: str, text: str) -> Message:
    """The message of `pack_message`, with the text storage has for it now (edits included)."""
    fields = json.loads(packed)
    return Message(
        key=fields["key"],
        channel=Channel(*fields["channel"]),
        author=Author(*fields["author"]),
        text=text,
        sent_at=datetime.fromtimestamp(fields["sent_at"], UTC),
        kind=EventKind(fields["kind"]),
        priority=Priority(fields["priority"]),
        mentions_bot=fields["mentions_bot"],
        reply_to=fields["reply_to"],
        target=fields["target"],
        attachments=tuple(Attachment(*each) for each in fields.get("attachments", ())),
        language=fields["language"],
    )


def pack_reply(reply: Reply) -> str:
    """A reply as JSON."""
    fields: dict[str, Any] = {"text": reply.text, "skill": reply.skill}
    if reply.to_asker:
        fields["to_asker"] = True
    if reply.citations:
        fields["citations"] = [
            [c.document, c.passage, c.text, c.heading, c.location] for c in reply.citations
        ]
    return _compact.encode(fields)


def unpack_reply(packed: str) -> Reply:
    """The reply of `pack_reply`."""
    fields = json.loads(packed)
    return Reply(
        text=fields["text"],
        citations=tuple(Citation(*each) for each in fields.get("citations", ())),
        to_asker=fields.get("to_asker", False),
        skill=fields["skill"],
    )
