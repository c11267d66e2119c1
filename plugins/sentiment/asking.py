"""Read what `/mood` is asked about: a text, or a place or person over a span of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

DAY = timedelta(days=1)

_HERE = re.compile(
    r"^(?:of |in )?(?:here|this (?:channel|thread|conversation)|channel|这里|这个频道|频道)\b[,: ]*"
)
_ME = re.compile(r"^(?:of )?(?:me|my own|我)\b[,: ]*")
_CHANNEL = re.compile(r"^(?:of |in )?#([^\s,]+)[, ]*|^([a-z]+:[^/\s,]+(?:/[^\s,]+)?)[, ]*")
_PERSON = re.compile(r"^(?:of )?@([^\s,]+)[, ]*")
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": DAY,
    "week": 7 * DAY,
    "month": 30 * DAY,
}
_UNIT = r"(minute|hour|day|week|month)s?"
_SPANS = (
    (re.compile(rf"^(?:the )?(?:last |past )?(\d{{1,4}}) {_UNIT}$"), None),
    (re.compile(rf"^(?:the )?(?:last|past|this) {_UNIT}$"), None),
    (re.compile(r"^(?:since )?yesterday$|^从?昨天(?:以来|起)?$"), 1),
    (re.compile(r"^(?:since )?today$|^今天$"), 0),
)


class About(Enum):
    """What the mood is asked of."""

    TEXT = auto()
    HERE = auto()
    CHANNEL = auto()
    PERSON = auto()
    ME = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """`name` is the channel's or person's, or the text; `start` the beginning of the span."""

    about: About
    name: str = ""
    start: datetime | None = None
    span: str = "the last 24 hours"


def read_question(words: str, *, now: datetime) -> Question:
    """What the words ask about. What names no place, person or span is a text."""
    text = words.strip()
    about, name, rest = _subject(text)
    start = _start(rest, now)
    if about is None and start is None:
        return Question(About.TEXT, text)
    if rest and start is None:
        return Question(About.TEXT, text)
    return Question(about or About.HERE, name, start or now - DAY, rest if start else "the last 24 hours")


def _subject(text: str) -> tuple[About | None, str, str]:
    folded = text.casefold()
    for about, pattern in (
        (About.HERE, _HERE),
        (About.ME, _ME),
        (About.CHANNEL, _CHANNEL),
        (About.PERSON, _PERSON),
    ):
        if match := pattern.match(folded):
            place = next((number for number, each in enumerate(match.groups(), 1) if each), 0)
            name = text[match.start(place) : match.end(place)] if place else ""
            return about, name, folded[match.end() :].strip()
    return None, "", folded


def _start(span: str, now: datetime) -> datetime | None:
    """When a span begins; None for words that name none."""
    span = span.removeprefix("for ").removeprefix("over ").strip(" .?!")
    for pattern, days in _SPANS:
        match = pattern.match(span)
        if match and days is not None:
            return now.replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY
        if match:
            *count, unit = match.groups()
            return now - int(count[0] if count else 1) * _UNITS[unit]
    return None
