"""What people do on the fake Discord: make places, write, edit, delete, react."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from bot.testing.discord.mentions import users_in
from bot.testing.discord.state import Channel, File, Flag, Json, Kind, Post, PostKind, User
from bot.testing.discord.world import World

KINDS = {"text": Kind.TEXT, "forum": Kind.FORUM, "voice": Kind.VOICE}
ANN = "ann"
OPUS_RATE = 48_000

Upload = tuple[str, bytes, str]


class People:
    """The people's side. Authors are named, and each name has one id for good."""

    world: World
    guild_id: int

    def add_guild(self, name: str) -> int:
        """A guild the bot is in, without channels."""
        return self.world.guild(name).id

    def add_channel(self, name: str, *, guild: int | None = None, kind: str = "text") -> int:
        """A channel: text, forum or voice."""
        return self.world.channel(guild or self.guild_id, name, KINDS[kind]).id

    def add_thread(self, parent: int, name: str, *, starter: int | None = None, author: str = ANN) -> int:
        """A thread, from a message when `starter` names one."""
        owner = self.world.state.person(author)
        if starter is not None:
            return self.world.grow(self.world.state.post(starter), name, owner).id
        return self.world.thread(self._channel(parent), name, owner).id

    def add_forum_post(self, forum: int, title: str, text: str, *, author: str = ANN) -> tuple[int, int]:
        """A post in a forum; the thread and its first message, which have the same number."""
        owner = self.world.state.person(author)
        thread = self.world.thread(self._channel(forum), title, owner)
        return thread.id, self.say(thread.id, text, author=author, message_id=thread.id)

    def archive(self, thread: int, *, locked: bool = False) -> None:
        """Put a thread away; a locked one takes no messages of the bot."""
        self.world.archive(self._channel(thread), archived=True, locked=locked)

    def dm(self, author: str = ANN) -> int:
        """The direct channel between the bot and somebody."""
        return self.world.state.direct(self.world.state.person(author)).id

    def forbid(self, channel: int, code: int = 50013) -> None:
        """Refuse the bot's messages there: 50013 no sending, 50001 no access, 50007 no direct messages."""
        self._channel(channel).refuses = code

    def allow(self, channel: int) -> None:
        """Take the bot's messages there again."""
        self._channel(channel).refuses = None

    def user_id(self, author: str) -> int:
        """Somebody's id."""
        return self.world.state.person(author).id

    def say(
        self,
        channel: int,
        text: str,
        *,
        author: str | None = None,
        message_id: int | None = None,
        reply_to: int | None = None,
        pings: bool = True,
        mention_bot: bool = False,
        files: Iterable[Upload] = (),
        voice: bytes | None = None,
        is_bot: bool = False,
        deliver: bool = True,
    ) -> int:
        """Write a message and return its id.

        The id of a message that is there delivers it again. A reply pings its author unless told
        otherwise. With `deliver` off it is in the history alone, as if the bot had been away.
        """
        state = self.world.state
        if message_id is not None and state.knows(message_id):
            return self.world.publish(state.post(message_id), deliver=deliver).id
        place = self._channel(channel)
        post = Post(
            message_id or state.snowflake(),
            channel,
            self._author(place, author, is_bot),
            content=f"<@{state.bot.id}> {text}".strip() if mention_bot else text,
            files=[File(state.snowflake(), *each) for each in files],
        )
        if voice is not None:
            self._speak(post, voice)
        self._address(post, reply_to, pings)
        return self.world.publish(post, deliver=deliver).id

    def edit(self, message_id: int, text: str, *, deliver: bool = True) -> None:
        """Change a message's text."""
        post = self.world.state.post(message_id)
        post.content = text
        self._name_users(post)
        self.world.rewrite(post, deliver=deliver)

    def preview(self, message_id: int) -> None:
        """A link's preview appears: the message is updated and was not edited."""
        post = self.world.state.post(message_id)
        embed: Json = {"type": "link", "url": "https://example.org/", "title": "Example"}
        post.embeds = [embed]
        self.world.update(post)

    def delete(self, message_id: int, *, deliver: bool = True) -> None:
        """Delete a message, whoever wrote it."""
        self.world.delete(self.world.state.post(message_id), deliver=deliver)

    def react(self, message_id: int, emoji: str, *, author: str = ANN) -> None:
        """React to a message."""
        self.world.react(self.world.state.post(message_id), emoji, self.world.state.person(author))

    def unreact(self, message_id: int, emoji: str, *, author: str = ANN) -> None:
        """Take a reaction back."""
        self.world.unreact(self.world.state.post(message_id), emoji, self.world.state.person(author))

    def _channel(self, number: int) -> Channel:
        return self.world.state.channels[number]

    def _author(self, place: Channel, author: str | None, is_bot: bool) -> User:
        if author is None and place.recipient is not None:
            return place.recipient
        return self.world.state.person(author or ANN, is_bot=is_bot)

    def _speak(self, post: Post, voice: bytes) -> None:
        waveform = base64.b64encode(bytes(range(0, 256, 4))).decode()
        extra: Json = {"duration_secs": _seconds(voice), "waveform": waveform}
        number = self.world.state.snowflake()
        post.files.append(File(number, "voice-message.ogg", voice, "audio/ogg", extra))
        post.flags |= Flag.VOICE

    def _address(self, post: Post, reply_to: int | None, pings: bool) -> None:
        self._name_users(post)
        if reply_to is None:
            return
        target = self.world.state.post(reply_to)
        post.kind, post.reference = PostKind.REPLY, self.world.reference_to(target)
        if pings and target.author not in post.mentions:
            post.mentions.append(target.author)

    def _name_users(self, post: Post) -> None:
        users = self.world.state.users
        post.mentions = [users[each] for each in users_in(post.content) if each in users]


def _seconds(ogg: bytes) -> float:
    """The length of Opus in Ogg: the position of its last page. One second where there is no page."""
    page = ogg.rfind(b"OggS")
    if page < 0 or len(ogg) < page + 14:
        return 1.0
    return round(int.from_bytes(ogg[page + 6 : page + 14], "little") / OPUS_RATE, 3)
