"""Channels and threads: which is which, what they are called, and to which guild they belong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.connectors.discord.rest import Denied, Json, Rest

TEXT, DIRECT, ANNOUNCEMENT, FORUM, MEDIA = 0, 1, 5, 15, 16
PRIVATE_THREAD = 12
THREADS = (10, 11, PRIVATE_THREAD)
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Place:
    """A channel or thread; `parent` is a thread's channel, `guild` is empty in direct messages."""

    id: str
    kind: int
    guild: str = ""
    parent: str = ""
    name: str = ""

    @property
    def is_thread(self) -> bool:
        return self.kind in THREADS

    @property
    def is_direct(self) -> bool:
        return self.kind == DIRECT

    @property
    def can_thread(self) -> bool:
        """Whether threads are begun here from messages."""
        return self.kind in (TEXT, ANNOUNCEMENT)


class Places:
    """What is known of places, from the gateway or else asked for."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: dict[str, Place] = {}

    def learn(self, channel: Json, guild: str = "") -> Place:
        """Note a channel or thread as the gateway tells it."""
        place = Place(
            id=str(channel["id"]),
            kind=int(channel.get("type", NOWHERE)),
            guild=str(channel.get("guild_id") or guild),
            parent=str(channel.get("parent_id") or ""),
            name=str(channel.get("name") or ""),
        )
        self._known[place.id] = place
        return place

    def learn_all(self, channels: Iterable[Json], guild: str) -> None:
        """Note a guild's channels."""
        for each in channels:
            self.learn(each, guild)

    def forget(self, channel: str) -> None:
        """A channel is gone."""
        self._known.pop(channel, None)

    def forget_guild(self, guild: str) -> None:
        """The bot left a guild."""
        self._known = {each.id: each for each in self._known.values() if each.guild != guild}

    def known(self, channel: str) -> Place | None:
        """A place, when it is known."""
        return self._known.get(channel)

    async def find(self, channel: str, guild: str = "") -> Place:
        """A place. Raises RetryLater or Uncertain when it is not known and cannot be asked for."""
        if found := self._known.get(channel):
            return found
        try:
            told = await self._rest.ask("GET", "/channels/{channel_id}", channel_id=channel)
        except Denied:
            return Place(channel, NOWHERE, guild)
        return self.learn(told, guild)
