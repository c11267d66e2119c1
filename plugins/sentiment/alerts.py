"""Alerts: what moderators are told, kept so that they can be looked up and judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot import Button, Look, Notes, Reply

KEPT = 200
LINKS = 5
QUOTED = 160


class Cause(StrEnum):
    """Why moderators are told."""

    STRONG = "strongly negative message"
    FALL = "falling mood"


class Verdict(StrEnum):
    """What a moderator said of an alert."""

    RIGHT = "right"
    FALSE = "false"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a channel. Further reasons of its window are counted in `more`, with their links.

    `words` are those that decided, `numbers` what was measured, in a sentence.
    """

    number: int
    conversation: str
    cause: Cause
    raised_at: datetime
    numbers: str
    quote: str = ""
    words: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    more: int = 0
    is_posted: bool = False
    verdict: str = ""

    def with_another(self, link: str) -> Alert:
        """The same with one more reason."""
        links = (*self.links, link) if link and len(self.links) < LINKS else self.links
        return replace(self, more=self.more + 1, links=links)

    def pack(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self) | {"raised_at": self.raised_at.isoformat()}, ensure_ascii=False)

    @classmethod
    def unpack(cls, packed: str) -> Alert:
        """That of `pack`."""
        fields = json.loads(packed)
        return cls(
            **fields
            | {
                "raised_at": datetime.fromisoformat(fields["raised_at"]),
                "cause": Cause(fields["cause"]),
                "words": tuple(fields["words"]),
                "links": tuple(fields["links"]),
            }
        )


class Book:
    """The alerts of this bot, in the plugin's notes: the last 200."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def next_number(self) -> int:
        """The number of a new alert."""
        number = int(await self._notes.get("alerts") or 0) + 1
        await self._notes.set("alerts", str(number))
        if number > KEPT:
            await self._notes.set(_key(number - KEPT), None)
        return number

    async def keep(self, alert: Alert) -> None:
        """Write an alert down, in place of what was known of it."""
        await self._notes.set(_key(alert.number), alert.pack())

    async def find(self, number: int) -> Alert | None:
        """The alert of a number, unless it is too old or never was."""
        packed = await self._notes.get(_key(number))
        return Alert.unpack(packed) if packed else None

    async def last(self, count: int = KEPT) -> list[Alert]:
        """The last alerts, newest first."""
        kept = await self._notes.all("alert:")
        alerts = sorted((Alert.unpack(each) for each in kept.values()), key=lambda each: -each.number)
        return alerts[:count]


def _key(number: int) -> str:
    return f"alert:{number:08d}"


def notice(alert: Alert, *, to: str) -> Reply:
    """What the moderators read, with buttons to judge it."""
    lines = [
        f"**Alert {alert.number}: {alert.cause}** in {alert.conversation}",
        alert.numbers,
        f"> {_short(alert.quote)}" if alert.quote else "",
        f"Decisive: {', '.join(alert.words)}" if alert.words else "",
        more_line(alert),
        " ".join(alert.links),
    ]
    controls = (
        Button("Right", f"/verdict {alert.number} right", Look.PRIMARY),
        Button("False alarm", f"/verdict {alert.number} false"),
    )
    return Reply("\n".join(line for line in lines if line), to=to, controls=controls)


def update(alert: Alert, *, to: str) -> Reply:
    """What the moderators read when the window of an alert ends and there was more in it."""
    return Reply(
        f"Alert {alert.number}, {alert.conversation}: {more_line(alert)} {' '.join(alert.links)}", to=to
    )


def more_line(alert: Alert) -> str:
    """How many further reasons there were; empty for none."""
    if not alert.more:
        return ""
    return f"{alert.more} more {'reason' if alert.more == 1 else 'reasons'} since."


def listing(alerts: Sequence[Alert]) -> str:
    """Alerts as a list, newest first."""
    return "\n".join(
        f"- **{each.number}** {each.raised_at:%d %b %H:%M} {each.conversation}: {each.cause}. {each.numbers}"
        + (f" > {_short(each.quote)}" if each.quote else "")
        + (f" {more_line(each)}" if each.more else "")
        + (f" [{each.verdict}]" if each.verdict else "")
        + ("" if each.is_posted else " (not posted)")
        + (f" {each.links[0]}" if each.links else "")
        for each in alerts
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1]}…"
