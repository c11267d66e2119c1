"""What a skill meets of knowledge: passages with their scores, and the right to look for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.message import Citation


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that may hold the answer.

    `score` orders the passages of one search, higher is better. `similarity` is the cosine between
    question and passage (None when no model could be asked). `coverage` is the share of the
    question's weight (inverse document frequency) whose words occur in the passage, from 0 to 1.
    """

    id: str
    document: str
    heading: str
    location: str
    text: str
    score: float
    similarity: float | None
    coverage: float

    def cite(self) -> Citation:
        """This passage as the source of an answer."""
        return Citation(self.document, self.id, self.text, self.heading, self.location)


class Knowledge(Protocol):
    """Search over the documents the asker may read, and no others."""

    async def search(self, question: str, *, limit: int = 5) -> list[Passage]:
        """The best passages first; by words alone while no model answers."""

    async def is_empty(self) -> bool:
        """Whether there is nothing to search."""

    async def titles(self) -> list[str]:
        """The names of the documents, sorted."""

    async def read(self, title: str, *, limit: int = 500) -> list[Passage]:
        """The first passages of the document of this name in reading order; none when there is none."""
