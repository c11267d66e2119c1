"""Find the passages that may hold an answer, by words and by meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.errors import ModelError
from bot.knowledge.fusion import fuse
from bot.knowledge.indexing import subject_of
from bot.knowledge.vectors import VectorCache
from bot.knowledge.words import coverage, question_stems, stems, terms, word_weights
from bot.models import Models
from bot.passage import Passage
from storage import StoredPassage
from storage.knowledge import Knowledge as Shelf

if TYPE_CHECKING:
    from bot.models import Vectors

CANDIDATES = 50
REMEMBERED = 1024
QUESTION_SECONDS = 15.0


class Search:
    """Search over all passages of a database, restricted to scopes."""

    def __init__(self, shelf: Shelf, models: Models) -> None:
        self._shelf = shelf
        self._models = models
        self._vectors = VectorCache(shelf)

    def forget(self) -> None:
        """Passages were dropped, or got their vectors late."""
        self._vectors.forget()

    async def find(self, question: str, scopes: Collection[str], limit: int) -> list[Passage]:
        """The best passages of the scopes first; by words alone while no model answers."""
        vector, found = await asyncio.gather(
            self._embed(question), self._shelf.match(terms(question), scopes, CANDIDATES)
        )
        words, meanings = dict(found), dict[int, float]()
        if vector is not None:
            meanings = await self._vectors.compare(vector, scopes, list(words), CANDIDATES)
        ranked = fuse(words, meanings)[: max(limit, CANDIDATES)]
        stored = await self._shelf.passages([number for number, _ in ranked])
        if len(stored) < len(ranked):
            self.forget()
        return await asyncio.to_thread(_judged, question, stored, dict(ranked), meanings, limit)

    async def _embed(self, question: str) -> Vectors | None:
        try:
            vectors = await self._models.embed([question], deadline=QUESTION_SECONDS)
        except ModelError:
            return None
        first: Vectors = vectors[0]
        return first


def _judged(
    question: str,
    stored: Sequence[StoredPassage],
    scores: Mapping[int, float],
    meanings: Mapping[int, float],
    limit: int,
) -> list[Passage]:
    present = [_stems(each.document, each.heading, each.text) for each in stored]
    weights = word_weights(question_stems(question), present)
    return [
        Passage(
            id=str(each.id),
            document=each.document,
            heading=each.heading,
            location=each.location,
            text=each.text,
            score=scores[each.id],
            similarity=meanings.get(each.id),
            coverage=coverage(weights, words),
        )
        for each, words in zip(stored[:limit], present, strict=False)
    ]


@lru_cache(maxsize=REMEMBERED)
def _stems(document: str, heading: str, text: str) -> frozenset[str]:
    return frozenset(stems(f"{subject_of(document)} {heading} {text}"))
