"""A message of the bot's as people see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.testing.slack.markup import links
from bot.testing.slack.state import Json, Posted


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file under a message."""

    id: str
    name: str
    title: str
    mimetype: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot's as people see it now.

    `mentions_effective`: what would notify somebody. `previews`: the links that Slack would fetch.
    """

    channel: str
    ts: str
    text: str
    blocks: tuple[Json, ...]
    thread_ts: str | None
    metadata: Json | None
    files: tuple[ShownFile, ...]
    edited: bool
    streaming: bool
    streamed: bool
    chunks: tuple[Json, ...]
    mentions_effective: tuple[str, ...]
    unfurl_links: bool | None
    unfurl_media: bool | None
    previews: tuple[str, ...]
    reactions: Mapping[str, int]


def as_shown(message: Posted) -> Shown:
    """What people see of a message now."""
    silent = message.unfurl_links is False and message.unfurl_media is False
    return Shown(
        channel=message.place.id,
        ts=message.ts,
        text=message.text,
        blocks=tuple(message.blocks),
        thread_ts=message.thread_ts,
        metadata=message.metadata,
        files=tuple(
            ShownFile(file.id, file.name, file.title, file.mimetype, file.content) for file in message.files
        ),
        edited=message.edited is not None,
        streaming=message.streaming,
        streamed=message.streamed,
        chunks=tuple(message.chunks),
        mentions_effective=message.mentions,
        unfurl_links=message.unfurl_links,
        unfurl_media=message.unfurl_media,
        previews=() if silent else links(message.text, message.blocks),
        reactions={name: len(users) for name, users in message.reactions.items()},
    )
