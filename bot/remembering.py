"""Notes and scores in storage, as one plugin has them: what is written stands at once."""

from __future__ import annotations

from datetime import datetime

from bot.memory import MOST_SCORES, Notes, Score, Scores
from storage import Score as StoredScore
from storage import Store, area_of


class KeptNotes(Notes):
    """The notes of one plugin."""

    def __init__(self, store: Store, plugin: str) -> None:
        self._notes = store.notes
        self._area = area_of(plugin)

    async def get(self, key: str) -> str | None:
        """A note, or None."""
        return await self._notes.get(self._area, key)

    async def set(self, key: str, value: str | None) -> None:
        """Write a note; durable when it returns."""
        await self._notes.write(self._area, {key: value})

    async def all(self, prefix: str = "") -> dict[str, str]:
        """The notes whose names begin so."""
        return await self._notes.beginning(self._area, prefix)


class KeptScores(Scores):
    """The scores of one plugin."""

    def __init__(self, store: Store, plugin: str) -> None:
        self._scores = store.scores
        self._plugin = plugin

    async def put(self, score: Score) -> None:
        """Write a score; durable when it returns. That of a deleted message is left out."""
        await self._scores.put(self._plugin, [to_stored(score)])

    async def series(
        self,
        *,
        conversation: str | None = None,
        author: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = MOST_SCORES,
    ) -> list[Score]:
        """The last `limit` scores of a span, oldest first."""
        found = await self._scores.series(
            self._plugin, conversation=conversation, author=author, start=start, end=end, limit=limit
        )
        return [
            Score(each.key, each.conversation, each.author, each.sent_at, each.value, each.label)
            for each in found
        ]


def to_stored(score: Score) -> StoredScore:
    """A score as storage keeps it."""
    return StoredScore(
        score.key, score.conversation, score.author_id, score.sent_at, score.value, score.label
    )
