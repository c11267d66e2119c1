"""What can happen on the fake Discord: each change is remembered and told to the gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.testing.discord import mentions, shapes
from bot.testing.discord.state import Channel, Flag, Guild, Json, Kind, Post, PostKind, State, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.testing.discord.gateway import Gateway


class World:
    """The state with its rules. `previews` are the links fetched for the bot's own messages."""

    def __init__(self, state: State, gateway: Gateway) -> None:
        self.state = state
        self.gateway = gateway
        self.previews: list[str] = []
        self.typing: list[tuple[int, float]] = []
        self.created = 0
        self.nonce_seconds = 180.0
        self.told: Callable[[str, Json], None] = lambda event, body: None

    def tell(self, event: str, body: Json, guild_id: int | None) -> None:
        """Tell the gateway."""
        self.told(event, body)
        self.gateway.dispatch(event, body, guild_id)

    def guild(self, name: str) -> Guild:
        """A new guild."""
        number = self.state.snowflake()
        guild = Guild(number, name, self.state.person("owner"))
        # The bot's own role has the number after the guild's.
        self.state.snowflake()
        self.state.guilds[number] = guild
        self.tell("GUILD_CREATE", shapes.guild_json(guild, self.state), number)
        return guild

    def channel(self, guild_id: int, name: str, kind: Kind) -> Channel:
        """A new channel."""
        channel = Channel(self.state.snowflake(), kind, name, guild_id)
        self._settle(channel)
        self.tell("CHANNEL_CREATE", shapes.channel_json(channel, self.state), guild_id)
        return channel

    def thread(self, parent: Channel, name: str, owner: User, *, number: int | None = None) -> Channel:
        """A new thread; `number` is the message it grows from."""
        thread = Channel(
            number or self.state.snowflake(), Kind.PUBLIC_THREAD, name, parent.guild_id, parent.id, owner.id
        )
        thread.joined = owner is self.state.bot
        self._settle(thread)
        created = shapes.channel_json(thread, self.state) | {"newly_created": True}
        self.tell("THREAD_CREATE", created, thread.guild_id)
        return thread

    def grow(self, starter: Post, name: str, owner: User) -> Channel:
        """A thread from a message, which shows it from then on."""
        thread = self.thread(self.state.channels[starter.channel_id], name, owner, number=starter.id)
        starter.flags |= Flag.HAS_THREAD
        starter.thread_id = thread.id
        self.update(starter)
        reference = self.reference_to(starter)
        self.publish(
            Post(self.state.snowflake(), thread.id, owner, kind=PostKind.THREAD_STARTER, reference=reference)
        )
        return thread

    def _settle(self, channel: Channel) -> None:
        self.state.channels[channel.id] = channel
        if channel.guild_id is not None:
            self.state.guilds[channel.guild_id].channels.append(channel.id)

    def reference_to(self, post: Post) -> Json:
        """How a message refers to another."""
        reference = {"type": 0, "channel_id": str(post.channel_id), "message_id": str(post.id)}
        guild_id = self.guild_of(post.channel_id)
        return reference if guild_id is None else reference | {"guild_id": str(guild_id)}

    def guild_of(self, channel_id: int) -> int | None:
        """The guild of a channel, None for a direct one."""
        return self.state.channels[channel_id].guild_id

    def publish(self, post: Post, *, deliver: bool = True) -> Post:
        """A new message, or the same one delivered again."""
        channel = self.state.channels[post.channel_id]
        if post.id not in channel.posts:
            self.state.keep(post)
            self._revive(channel)
        if post.author is self.state.bot:
            channel.joined = True
            self._preview(post)
        if deliver and not post.is_ephemeral:
            nonce = {} if post.nonce is None else {"nonce": post.nonce}
            self.tell("MESSAGE_CREATE", self.event_json(post) | nonce, channel.guild_id)
        return post

    def update(self, post: Post, *, deliver: bool = True) -> None:
        """A message changed."""
        if post.author is self.state.bot:
            self._preview(post)
        if deliver and not post.is_ephemeral:
            self.tell("MESSAGE_UPDATE", self.event_json(post), self.guild_of(post.channel_id))

    def rewrite(self, post: Post, *, deliver: bool = True) -> None:
        """A message was edited."""
        post.edited_at = datetime.now(UTC)
        self.update(post, deliver=deliver)

    def delete(self, post: Post, *, deliver: bool = True) -> None:
        """A message is gone."""
        channel = self.state.channels[post.channel_id]
        channel.forget(post.id)
        if deliver and not post.is_ephemeral:
            self.tell("MESSAGE_DELETE", self._placed({"id": str(post.id)}, channel), channel.guild_id)

    def react(self, post: Post, emoji: str, user: User) -> None:
        """A reaction appears, once for each person."""
        people = post.reactions.setdefault(emoji, [])
        if user.id not in people:
            people.append(user.id)
            self._tell_reaction("MESSAGE_REACTION_ADD", post, emoji, user)

    def unreact(self, post: Post, emoji: str, user: User) -> None:
        """A reaction is taken back."""
        people = post.reactions.get(emoji, [])
        if user.id in people:
            people.remove(user.id)
            if not people:
                del post.reactions[emoji]
            self._tell_reaction("MESSAGE_REACTION_REMOVE", post, emoji, user)

    def _tell_reaction(self, event: str, post: Post, emoji: str, user: User) -> None:
        channel = self.state.channels[post.channel_id]
        body: Json = {
            "user_id": str(user.id),
            "message_id": str(post.id),
            "emoji": shapes.emoji_json(emoji),
            "burst": False,
            "type": 0,
        }
        if event == "MESSAGE_REACTION_ADD":
            body["message_author_id"] = str(post.author.id)
            if channel.guild_id is not None:
                body["member"] = shapes.member_json(user, channel.guild_id)
        self.tell(event, self._placed(body, channel), channel.guild_id)

    def event_json(self, post: Post) -> Json:
        """A message as the gateway tells it: with its guild and memberships."""
        shape = shapes.post_json(post, self.state)
        guild_id = self.guild_of(post.channel_id)
        if guild_id is None:
            return shape
        for user, mention in zip(post.mentions, shape["mentions"], strict=True):
            mention["member"] = shapes.partial_member_json(user, guild_id)
        member = shapes.partial_member_json(post.author, guild_id)
        return shape | {"guild_id": str(guild_id)} | ({} if post.interaction else {"member": member})

    def archive(self, thread: Channel, *, archived: bool, locked: bool) -> None:
        """A thread is put away, or comes back."""
        thread.archived, thread.locked = archived, locked
        self.tell("THREAD_UPDATE", shapes.channel_json(thread, self.state), thread.guild_id)

    def _revive(self, channel: Channel) -> None:
        if channel.archived:
            self.archive(channel, archived=False, locked=channel.locked)

    def _preview(self, post: Post) -> None:
        if not post.flags & Flag.SUPPRESS_EMBEDS:
            self.previews += mentions.links(post.text)

    @staticmethod
    def _placed(body: Json, channel: Channel) -> Json:
        placed = body | {"channel_id": str(channel.id)}
        return placed if channel.guild_id is None else placed | {"guild_id": str(channel.guild_id)}
