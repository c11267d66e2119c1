"""What an operator may choose about the mood: what is watched, when moderators are told, and where."""

from __future__ import annotations

from datetime import datetime, time
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from bot import PluginSettings

HOURS = r"^$|^([01]?\d|2[0-3]):[0-5]\d-([01]?\d|2[0-3]):[0-5]\d$"


class ChannelMood(PluginSettings):
    """Other values for some channels; the first table whose pattern fits counts."""

    match: str = Field(description="Pattern of conversation keys, such as 'discord:1234*'.")
    strong: float | None = Field(None, gt=0, le=1, description="As `strong` above.")
    fall: float | None = Field(None, gt=0, description="As `fall` above.")
    quiet_hours: str | None = Field(None, pattern=HOURS, description="As `quiet_hours` above.")


class SentimentSettings(PluginSettings):
    """Watching the mood of channels. Nothing is watched until `monitored` names a channel."""

    monitored: tuple[str, ...] = Field(
        (), description="Patterns of the conversations whose messages are scored, such as 'discord:1234*'."
    )
    channel: str = Field(
        "",
        pattern=r"^$|^[a-z]+:[^/\s]+(/[^/\s]+)?$",
        description="The moderators' conversation, where alerts and the digest go, such as slack:T1.C1.",
    )
    moderators: tuple[str, ...] = Field(
        (),
        description="Who else may see alerts and the mood of others, such as 'discord:42'. "
        "Whoever writes in the moderators' conversation always may.",
    )
    dry_run: bool = Field(
        True, description="Post no alert: keep what would have been posted, for `/alerts` to show."
    )
    strong: float = Field(
        0.9, gt=0, le=1, description="A message is strongly negative from this probability on."
    )
    fall: float = Field(
        10.0,
        gt=0,
        description="How far the mood must fall below the channel's usual before moderators are told: the "
        "sum of deviations (CUSUM), in standard deviations. Lower is quicker, and wrong more often.",
    )
    cool_down_minutes: float = Field(
        60.0, gt=0, description="After an alert, further reasons in the same channel are counted so long."
    )
    quiet_hours: str = Field(
        "", pattern=HOURS, description="When alerts wait, such as 22:00-07:00; they come at the end of it."
    )
    time_zone: str = Field("", description="Whose clock that is, such as Europe/Berlin. Empty: UTC.")
    digest: bool = Field(
        True, description="Send a digest of the week to the moderators, Mondays at 9:00 UTC."
    )
    channels: tuple[ChannelMood, ...] = Field((), description="Other values for some channels.")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone: write one such as Europe/Berlin") from None
        return name

    def is_monitored(self, conversation: str) -> bool:
        """Whether a conversation's messages are scored. The moderators' own never is."""
        if conversation.partition("/")[0] == self.channel.partition("/")[0]:
            return False
        return any(fnmatchcase(conversation, pattern) for pattern in self.monitored)

    def of(self, conversation: str) -> ChannelMood:
        """What counts in a conversation."""
        own = next((each for each in self.channels if fnmatchcase(conversation, each.match)), None)
        return ChannelMood(
            match=conversation,
            strong=own.strong if own and own.strong is not None else self.strong,
            fall=own.fall if own and own.fall is not None else self.fall,
            quiet_hours=own.quiet_hours if own and own.quiet_hours is not None else self.quiet_hours,
        )

    def is_quiet(self, conversation: str, moment: datetime) -> bool:
        """Whether alerts of a conversation wait at a moment."""
        hours = self.of(conversation).quiet_hours
        if not hours:
            return False
        begin, end = map(time.fromisoformat, (each.zfill(5) for each in hours.split("-")))
        clock = moment.astimezone(ZoneInfo(self.time_zone or "UTC")).time()
        return begin <= clock < end if begin <= end else clock >= begin or clock < end
