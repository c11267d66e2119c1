"""Where on Slack something stands: team, channel and thread."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import Refused
from bot.message import Channel


@dataclass(frozen=True, slots=True)
class Place:
    """A channel of a team, and perhaps a thread in it. The core writes both as `team.channel`."""

    team: str
    channel: str
    thread: str | None = None

    @classmethod
    def of(cls, channel: Channel) -> Place:
        """The place of the core's channel. Raises Refused when it names none."""
        team, dot, identity = channel.id.partition(".")
        if not (team and dot and identity):
            raise Refused(f"{channel.id!r} is no channel on Slack: write slack:TEAM.CHANNEL")
        return cls(team, identity, channel.thread)

    @property
    def is_direct(self) -> bool:
        """Whether it is a conversation of two."""
        return self.channel.startswith("D")
