"""The values of watching: what observers see, what plugins measure, one step of an observer or a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.records import NewPart, Role


@dataclass(frozen=True, slots=True)
class Seen:
    """What an observer sees: an event of the inbox, or an answer of the bot.

    `number` grows in the order in which things were stored. `key`, `author` and `sent_at` are those of the
    message that the event is about, `text` is its text as it is now. `packed` is the event's own, empty
    for answers. `erased` says that the message was deleted since.
    """

    number: int
    kind: str
    key: str
    conversation: str
    owner: str | None
    author: str
    author_name: str
    text: str
    sent_at: datetime
    packed: str
    erased: bool
    role: Role


@dataclass(frozen=True, slots=True)
class Score:
    """What a plugin measured of a message: a value, and a label in the plugin's own words."""

    key: str
    conversation: str
    author: str
    sent_at: datetime
    value: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of an observer or a job, to be written as a whole or not at all.

    It is written while `owner` holds `lease` and `mark` still stands at `before`; the mark then stands at
    `after`. `notes` and `scores` are those of `plugin`; None removes a note. Each post names the
    conversation it goes to.
    """

    lease: str
    owner: str
    mark: str
    before: str
    after: str
    plugin: str
    notes: tuple[tuple[str, str | None], ...] = ()
    scores: tuple[Score, ...] = ()
    posts: tuple[tuple[str, NewPart], ...] = ()
