"""What a plugin remembers from one call to the next: notes, and scores of messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MOST_SCORES = 1000


@dataclass(frozen=True, slots=True)
class Score:
    """What a plugin measured of a message: a value, and a label in its own words.

    `key`, `conversation` and `sent_at` are the message's, `author_id` is its author's.
    """

    key: str
    conversation: str
    author_id: str
    sent_at: datetime
    value: float
    label: str = ""


class Notes(Protocol):
    """Short texts by name, each plugin's own. What is noted about a person goes with the person's data
    when the name is `author:PLATFORM:ID`, or begins with that and a slash.
    """

    async def get(self, key: str) -> str | None:
        """A note, or None."""

    async def set(self, key: str, value: str | None) -> None:
        """Replace a note; None removes it."""

    async def all(self, prefix: str = "") -> dict[str, str]:
        """The notes whose names begin so, by name."""


class Scores(Protocol):
    """One score per message, each plugin's own. It goes when its message is deleted."""

    async def put(self, score: Score) -> None:
        """Keep a score; one for the same message takes the place of that before."""

    async def series(
        self,
        *,
        conversation: str | None = None,
        author: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = MOST_SCORES,
    ) -> list[Score]:
        """The scores of a conversation, of an author or of all messages, oldest first.

        Of messages sent from `start` until before `end`; of more than `limit`, the last.
        """


class DraftNotes(Notes):
    """Notes that are not written yet, over those that are. `drafted` holds them, None for one removed."""

    def __init__(self, kept: Notes | None = None) -> None:
        self.drafted: dict[str, str | None] = {}
        self._kept = kept

    async def get(self, key: str) -> str | None:
        """A note as it will be."""
        if key in self.drafted or self._kept is None:
            return self.drafted.get(key)
        return await self._kept.get(key)

    async def set(self, key: str, value: str | None) -> None:
        """Draft a note."""
        self.drafted[key] = value

    async def all(self, prefix: str = "") -> dict[str, str]:
        """Notes as they will be."""
        kept = await self._kept.all(prefix) if self._kept else {}
        changed = kept | {key: value for key, value in self.drafted.items() if key.startswith(prefix)}
        return {key: value for key, value in changed.items() if value is not None}


class DraftScores(Scores):
    """Scores that are not written yet, over those that are. `drafted` holds them by message."""

    def __init__(self, kept: Scores | None = None) -> None:
        self.drafted: dict[str, Score] = {}
        self._kept = kept

    async def put(self, score: Score) -> None:
        """Draft a score."""
        self.drafted[score.key] = score

    async def series(
        self,
        *,
        conversation: str | None = None,
        author: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = MOST_SCORES,
    ) -> list[Score]:
        """Scores as they will be."""
        kept: list[Score] = []
        if self._kept:
            # A drafted score may take the place of a kept one, or lie elsewhere than that: ask for more.
            kept = await self._kept.series(
                conversation=conversation,
                author=author,
                start=start,
                end=end,
                limit=limit + len(self.drafted),
            )
        unchanged = [each for each in kept if each.key not in self.drafted]
        drafted = _within(self.drafted.values(), conversation, author, start, end)
        return sorted([*unchanged, *drafted], key=lambda each: (each.sent_at, each.key))[-limit:]


def _within(
    scores: Iterable[Score],
    conversation: str | None,
    author: str | None,
    start: datetime | None,
    end: datetime | None,
) -> list[Score]:
    return [
        each
        for each in scores
        if conversation in (None, each.conversation)
        and author in (None, each.author_id)
        and (start is None or each.sent_at >= start)
        and (end is None or each.sent_at < end)
    ]
