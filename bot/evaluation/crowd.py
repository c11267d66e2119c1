"""Simulated channels: people's messages by the hour of the day, and shifts of mood of known time and size."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.message import Author, EventKind
from bot.observers import Observed

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
LABELS = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Shift:
    """From `start` until `end`, `size` more of a channel's messages are negative."""

    channel: str
    start: datetime
    end: datetime
    size: float


def shifts_of(channel: str, weeks: int, chance: random.Random) -> list[Shift]:
    """One shift in each week after the first, on a working day, for 3 to 12 hours."""
    found = []
    for week in range(1, weeks + 1):
        start = BEGIN + week * WEEK + timedelta(days=chance.randrange(5), hours=chance.uniform(8, 18))
        size = chance.choice((0.2, 0.4, 0.6))
        found.append(Shift(channel, start, start + chance.uniform(3, 12) * HOUR, size))
    return found


def messages_of(
    labels: Mapping[str, str], shifts: Sequence[Shift], *, weeks: int, channels: int, chance: random.Random
) -> list[Observed]:
    """All messages in order: a Poisson process in each channel, busiest in the afternoon."""
    texts = {label: [text for text, each in labels.items() if each == label] for label in LABELS}
    found: list[Observed] = []
    for number in range(channels):
        channel, moment = f"sim:{number}", BEGIN
        busiest = chance.uniform(10, 60)
        shares = (chance.uniform(0.1, 0.3), chance.uniform(0.3, 0.5))
        while (moment := moment + HOUR * chance.expovariate(busiest)) < BEGIN + (weeks + 1) * WEEK:
            if chance.random() > _rhythm(moment):
                continue
            more = sum(each.size for each in shifts if holds(each, channel, moment))
            negative = shares[0] + more * (1 - shares[0])
            neutral = shares[1] * (1 - negative) / (1 - shares[0])
            drawn = chance.choices(LABELS, (negative, neutral, max(0.0, 1 - negative - neutral)))[0]
            found.append(
                _said(channel, chance.choice(texts[drawn]), moment, f"{number}-{len(found)}", chance)
            )
    return sorted(found, key=lambda each: each.sent_at)


def _rhythm(moment: datetime) -> float:
    """How busy the hour is: 1 at three in the afternoon, 0.05 at three at night."""
    return 0.525 + 0.475 * math.cos((moment.hour + moment.minute / 60 - 15) / 24 * 2 * math.pi)


def holds(shift: Shift, channel: str, moment: datetime) -> bool:
    return shift.channel == channel and shift.start <= moment < shift.end


def _said(channel: str, text: str, moment: datetime, key: str, chance: random.Random) -> Observed:
    author = Author(str(chance.randrange(40)))
    return Observed(EventKind.CREATED, f"sim:{key}", channel, author, text, moment)
