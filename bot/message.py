"""The values that travel between connectors, core, plugins and worker: frozen and serialisable."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

from bot.controls import Control, control_fields, control_from

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class EventKind(StrEnum):
    """What happened to a message on its platform.

    Only what was created is answered. `SEEN` is an older message the bot is shown, such as one that
    someone asks about. A reaction's `text` is its emoji, its `target` the message it stands under.
    """

    CREATED = "created"
    EDITED = "edited"
    DELETED = "deleted"
    SEEN = "seen"
    REACTED = "reacted"
    UNREACTED = "unreacted"


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

    @classmethod
    def named(cls, conversation: str) -> Channel:
        """The channel of a conversation's key. Raises ValueError when it is none."""
        platform, colon, place = conversation.partition(":")
        channel, _, thread = place.partition("/")
        if not (platform and colon and channel):
            raise ValueError(f"{conversation!r} is no conversation: write platform:channel")
        return cls(platform, channel, thread or None)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a message; `size` in bytes. A skill reads its bytes by `context.files`.

    They stay in storage under `id`, or on the platform, where the connector finds them by `source`.
    `is_voice` is true for what was spoken into the platform's own recorder.
    """

    id: str
    name: str
    media_type: str
    size: int
    source: str = ""
    is_voice: bool = False

    @property
    def is_audio(self) -> bool:
        """Whether it can be listened to."""
        return self.is_voice or self.media_type.startswith("audio/")


@dataclass(frozen=True, slots=True)
class Call:
    """A skill called by its name with named arguments, as forms and slash commands do it."""

    skill: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a platform.

    `key` is canonical: the same event delivered twice has the same key, and an edit or a deletion
    has its own key beside `target`, the key of the message it changes. `sent_at` is aware.
    `call` names the skill where the platform's own form or menu did. `return_address` is the
    connector's own: how an answer finds its way back when the channel does not say it.
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
    call: Call | None = None
    return_address: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage an answer stands on. `location` is the page, line, sheet or slide, as shown to people."""

    document: str
    passage: str
    text: str
    heading: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class ReplyFile:
    """A file sent with a reply."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a skill returns. `text` is Markdown.

    `to_asker` asks for delivery to the asker alone, `to` names another conversation it goes to.
    `heard` holds the message's own words when it was spoken: it is then routed again with them.
    With `at_most_once`, a part that may have arrived is not sent again where the platform cannot tell.
    `files` go with it: 8 MB at most, which every platform takes.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    to_asker: bool = False
    skill: str = ""
    controls: tuple[Control, ...] = ()
    to: str = ""
    heard: str = ""
    at_most_once: bool = False
    files: tuple[ReplyFile, ...] = ()


def part_key(event: str, skill: str, number: int) -> str:
    """The key of one part of a reply, from 1: the same however often the event is worked on."""
    return f"{event}|{skill}|{number}"


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def clean_text(text: str) -> str:
    """Text every database and page accepts: lone surrogates and NULs become U+FFFD, CRLF becomes LF."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "\ufffd").replace("\r\n", "\n")


def words_of(message: Message) -> list[str]:
    """Everything a person wrote in a message: its text, and what its call was given."""
    return [message.text, *(value for _, value in (message.call.arguments if message.call else ()))]


def clean_message(message: Message) -> Message:
    """The message with its text, and what its call was given, as `clean_text` makes them."""
    call = message.call
    if call is not None:
        call = Call(call.skill, tuple((name, clean_text(value)) for name, value in call.arguments))
    return replace(message, text=clean_text(message.text), call=call)


def pack_message(message: Message) -> str:
    """A message as JSON without its text, which storage keeps once and erases on request.

    A reaction's emoji is kept: the text in storage is that of the message it stands under.
    """
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
        fields["attachments"] = [
            [a.id, a.name, a.media_type, a.size, a.source, a.is_voice] for a in message.attachments
        ]
    if message.call is not None:
        fields["call"] = [message.call.skill, message.call.arguments]
    if message.kind in (EventKind.REACTED, EventKind.UNREACTED):
        fields["emoji"] = message.text
    if message.return_address:
        fields["return_address"] = message.return_address
    return _compact.encode(fields)


def unpack_message(packed: str, text: str) -> Message:
    """The message of `pack_message`, with the text storage has for it now (edits included)."""
    fields = json.loads(packed)
    return Message(
        key=fields["key"],
        channel=Channel(*fields["channel"]),
        author=Author(*fields["author"]),
        text=fields.get("emoji", text),
        sent_at=datetime.fromtimestamp(fields["sent_at"], UTC),
        kind=EventKind(fields["kind"]),
        priority=Priority(fields["priority"]),
        mentions_bot=fields["mentions_bot"],
        reply_to=fields["reply_to"],
        target=fields["target"],
        attachments=tuple(Attachment(*each) for each in fields.get("attachments", ())),
        language=fields["language"],
        call=_call(fields["call"]) if "call" in fields else None,
        return_address=fields.get("return_address", ""),
    )


def _call(packed: list[Any]) -> Call:
    skill, arguments = packed
    return Call(skill, tuple((name, value) for name, value in arguments))


def pack_reply(reply: Reply) -> str:
    """A reply as JSON."""
    fields: dict[str, Any] = {"text": reply.text, "skill": reply.skill}
    for flag in ("to_asker", "to", "heard", "at_most_once"):
        if value := getattr(reply, flag):
            fields[flag] = value
    if reply.controls:
        fields["controls"] = [control_fields(each) for each in reply.controls]
    if reply.citations:
        fields["citations"] = [
            [c.document, c.passage, c.text, c.heading, c.location] for c in reply.citations
        ]
    if reply.files:
        fields["files"] = [
            [file.name, file.media_type, base64.b64encode(file.content).decode()] for file in reply.files
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
        controls=tuple(control_from(each) for each in fields.get("controls", ())),
        to=fields.get("to", ""),
        heard=fields.get("heard", ""),
        at_most_once=fields.get("at_most_once", False),
        files=tuple(
            ReplyFile(name, media_type, base64.b64decode(content))
            for name, media_type, content in fields.get("files", ())
        ),
    )
