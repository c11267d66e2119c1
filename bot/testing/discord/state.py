"""What the fake Discord remembers: people, guilds, channels and posts."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from hashlib import sha256
from typing import Any

Json = dict[str, Any]

EPOCH_MILLISECONDS = 1_420_070_400_000
BOT_ID = 1_100_000_000_000_000_001
APPLICATION_ID = 1_100_000_000_000_000_002


class Kind(IntEnum):
    """Types of channels."""

    TEXT = 0
    DM = 1
    VOICE = 2
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    FORUM = 15


THREADS = (Kind.PUBLIC_THREAD, Kind.PRIVATE_THREAD)


class PostKind(IntEnum):
    """Types of messages."""

    DEFAULT = 0
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER = 21
    CONTEXT_MENU_COMMAND = 23


class Flag(IntFlag):
    """Flags of messages."""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    VOICE = 1 << 13
    COMPONENTS_V2 = 1 << 15


@dataclass(slots=True)
class User:
    """Someone who writes. The bot is one of them."""

    id: int
    name: str
    is_bot: bool = False


@dataclass(slots=True)
class Guild:
    """A server; `channels` holds the ids of its channels and threads."""

    id: int
    name: str
    owner: User
    channels: list[int] = field(default_factory=list)


@dataclass(slots=True)
class File:
    """An attachment with its bytes."""

    id: int
    name: str
    content: bytes
    media_type: str
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class Post:
    """A message. `pinged` is whom it notified, over all its edits: `everyone`, `here`, `user:1`, `role:2`."""

    id: int
    channel_id: int
    author: User
    content: str = ""
    kind: PostKind = PostKind.DEFAULT
    reference: Json | None = None
    files: list[File] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    mentions: list[User] = field(default_factory=list)
    pinged: list[str] = field(default_factory=list)
    reactions: dict[str, list[int]] = field(default_factory=dict)
    interaction: Json | None = None
    thread_id: int | None = None
    edited_at: datetime | None = None

    @property
    def created_at(self) -> datetime:
        """The moment its id holds."""
        return datetime.fromtimestamp(((self.id >> 22) + EPOCH_MILLISECONDS) / 1000, UTC)

    @property
    def is_ephemeral(self) -> bool:
        """Whether one person alone sees it."""
        return bool(self.flags & Flag.EPHEMERAL)

    @property
    def text(self) -> str:
        """All that people read in it: its content and the text among its components."""
        return "\n".join(part for part in (self.content, *_texts(self.components)) if part)


def _texts(components: list[Json]) -> list[str]:
    found = []
    for component in components:
        if component["type"] == 10:
            found.append(component["content"])
        found += _texts(component.get("components") or [])
    return found


@dataclass(slots=True)
class Channel:
    """A place for posts.

    `refuses` is the error code that sending there gets; `joined` tells that the bot is in a thread.
    """

    id: int
    kind: Kind
    name: str
    guild_id: int | None = None
    parent_id: int | None = None
    owner_id: int | None = None
    recipient: User | None = None
    last_message_id: int | None = None
    archived: bool = False
    locked: bool = False
    joined: bool = False
    refuses: int | None = None
    count: int = 0
    posts: dict[int, Post] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    nonces: dict[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        """Whether it hangs under another channel."""
        return self.kind in THREADS

    def keep(self, post: Post) -> None:
        """Remember a post in its place; an ephemeral one is found by id, but is not in the history."""
        self.posts[post.id] = post
        if post.is_ephemeral:
            return
        insort(self.order, post.id)
        self.count += 1
        self.last_message_id = max(self.last_message_id or 0, post.id)

    def forget(self, post_id: int) -> None:
        """Delete a post."""
        if not self.posts.pop(post_id).is_ephemeral:
            del self.order[bisect_left(self.order, post_id)]

    def history(
        self, limit: int, *, before: int | None = None, after: int | None = None, around: int | None = None
    ) -> list[Post]:
        """Posts, newest first."""
        if around is not None:
            middle = bisect_left(self.order, around)
            found = self.order[max(middle - limit // 2, 0) : middle + (limit + 1) // 2]
        elif after is not None:
            start = bisect_right(self.order, after)
            found = self.order[start : start + limit]
        else:
            end = len(self.order) if before is None else bisect_left(self.order, before)
            found = self.order[max(end - limit, 0) : end]
        return [self.posts[each] for each in reversed(found)]


class State:
    """Everything there is, by id. `history` is how many posts a channel remembers, None for all."""

    def __init__(self, history: int | None = None) -> None:
        self._history = history
        self.bot = User(BOT_ID, "parley", is_bot=True)
        self.users: dict[int, User] = {BOT_ID: self.bot}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.files: dict[int, File] = {}
        self.commands: list[Json] = []
        self._last_id = 0
        self._places: dict[int, int] = {}

    def snowflake(self) -> int:
        """A new id, later than every one before it."""
        now = int(time.time() * 1000) - EPOCH_MILLISECONDS
        self._last_id = max(self._last_id + 1, now << 22)
        return self._last_id

    def person(self, name: str, *, is_bot: bool = False) -> User:
        """Whoever has that name; the id stays the same from one run to the next."""
        number = 10**17 + int.from_bytes(sha256(name.encode()).digest()[:7]) % 10**17
        return self.users.setdefault(number, User(number, name, is_bot))

    def post(self, post_id: int) -> Post:
        """A post that is still there. Raises LookupError."""
        channel = self.channels.get(self._places.get(post_id, 0))
        if channel is None or post_id not in channel.posts:
            raise LookupError(f"no message {post_id} is there")
        return channel.posts[post_id]

    def knows(self, post_id: int) -> bool:
        """Whether a post of that id was ever made."""
        return post_id in self._places

    def keep(self, post: Post) -> None:
        """Remember a post and its files."""
        self._places[post.id] = post.channel_id
        channel = self.channels[post.channel_id]
        channel.keep(post)
        self.files |= {each.id: each for each in post.files}
        if self._history is not None and len(channel.order) > self._history:
            oldest = channel.order[0]
            channel.forget(oldest)
            del self._places[oldest]

    def direct(self, person: User) -> Channel:
        """The direct channel with somebody."""
        number = person.id + 10**17
        return self.channels.setdefault(number, Channel(number, Kind.DM, person.name, recipient=person))

    def of_guild(self, guild_id: int) -> list[Channel]:
        """A guild's channels and threads."""
        return [self.channels[each] for each in self.guilds[guild_id].channels]
