"""Measure retrieval on a corpus and queries with known answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bot.evaluation.rows import Advance, Row, read_rows, since, work_on
from bot.evaluation.shelf import index, open_shelf
from bot.models import Models

DEPTH = 100


@dataclass(frozen=True, slots=True)
class RetrievalFigures:
    """How well documents were found: shares of the `n` queries, and the mean reciprocal rank up to 10."""

    recall_at_1: float
    recall_at_5: float
    mrr_at_10: float
    n: int
    seconds: float

    def as_json(self) -> dict[str, float]:
        """With the usual names, such as `recall@1`."""
        return {
            "recall@1": self.recall_at_1,
            "recall@5": self.recall_at_5,
            "mrr@10": self.mrr_at_10,
            "n": self.n,
            "seconds": self.seconds,
        }


async def evaluate_retrieval(
    models: Models,
    corpus: Path,
    queries: Path,
    *,
    limit: int | None = None,
    advance: Advance | None = None,
) -> RetrievalFigures:
    """Index a corpus in a new database and rank its documents, by their best passage, for every query."""
    begun = time.monotonic()
    texts = read_rows(corpus, {"id": str, "text": str})
    documents = [(row["id"], str(row.get("title") or ""), row["text"]) for row in texts]
    asked = read_rows(queries, {"text": str, "relevant": list}, limit)
    async with open_shelf(models) as (library, store):
        await models.ready()
        await index(library, documents, advance)

        async def rank(row: Row) -> int:
            passages = await library.search(row["text"], [""], DEPTH)
            found = await store.knowledge.passages([int(each.id) for each in passages])
            ranking = list(dict.fromkeys(each.uri.partition(":")[2] for each in found))
            return next((place for place, key in enumerate(ranking, start=1) if key in row["relevant"]), 0)

        places = await work_on(rank, asked, "queries", advance)
    return RetrievalFigures(
        round(fmean(place == 1 for place in places), 4),
        round(fmean(1 <= place <= 5 for place in places), 4),
        round(fmean(1 / place if 1 <= place <= 10 else 0.0 for place in places), 4),
        len(places),
        since(begun),
    )
