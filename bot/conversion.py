"""Between the bot's values and storage's, which knows ids, roles and text alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.connector import Connector
from bot.message import Channel, EventKind, Message, Reply, now, pack_message, pack_reply, part_key
from storage import Event, NewAttachment, NewPart


def event_of(message: Message, files: Sequence[NewAttachment]) -> Event:
    """A message as storage accepts it."""
    channel = message.channel
    return Event(
        key=message.key,
        kind=message.kind,
        platform=channel.platform,
        conversation=channel.conversation,
        author=message.author.id,
        author_name=message.author.name,
        text=message.text,
        sent_at=message.sent_at,
        priority=message.priority,
        packed=pack_message(message),
        target=message.target,
        reply_to=message.reply_to,
        owner=message.author.id if channel.is_direct else None,
        attachments=tuple(files),
    )


def heard_as(message: Message, words: str) -> Message:
    """A spoken message's words, as an edit that gives it its text."""
    return replace(
        message,
        key=f"{message.key}:heard",
        kind=EventKind.EDITED,
        target=message.key,
        text=words,
        sent_at=now(),
        attachments=(),
    )


def parts_of(
    replies: Sequence[Reply], message: Message, connectors: Mapping[str, Connector]
) -> tuple[NewPart, ...]:
    """The replies to a message as their platforms take them, each part under a key of its own.

    What others may not see does not enter a shared history.
    """
    parts: list[NewPart] = []
    numbers: Counter[tuple[str, bool]] = Counter()
    for reply in replies:
        platform = Channel.named(reply.to).platform if reply.to else message.channel.platform
        hidden = bool(reply.to) or (reply.to_asker and not message.channel.is_direct)
        for part in connectors[platform].split(reply):
            numbers[reply.skill, bool(reply.to)] += 1
            key = part_key(message.key, reply.skill, numbers[reply.skill, bool(reply.to)])
            key += "|to" if reply.to else ""
            parts.append(new_part(key, part, platform, hidden=hidden))
    return tuple(parts)


def new_part(key: str, part: Reply, platform: str, *, hidden: bool) -> NewPart:
    """One part; the history keeps its files beside it, the outbox in it until they are sent."""
    if hidden or not part.files:
        return NewPart(key, "" if hidden else part.text, pack_reply(part), platform)
    kept = pack_reply(replace(part, files=()))
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    files = tuple(
        NewAttachment(f"sent-{name}-{number}", file.name, file.media_type, file.content)
        for number, file in enumerate(part.files, start=1)
    )
    return NewPart(key, part.text, pack_reply(part), platform, kept, files)
