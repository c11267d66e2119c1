"""How much passages have to do with a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bot.errors import BadModel
from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.encoders.encoding import Encoding
from bot.worker.encoders.windows import Member

if TYPE_CHECKING:
    from bot.worker.encoders.network import Floats


class Reranker(Encoding):
    """An engine: a cross-encoder, which reads question and passage together.

    It has one logit, or two of which the second speaks for relevance. Of a long passage the best
    window counts.
    """

    task = Task.RERANKING

    def __init__(self, entry: Entry, threads: int) -> None:
        super().__init__(entry, threads)
        if len(self.network.traits.labels) > 2:
            raise BadModel(f"{entry.name} is no reranker: it has {len(self.network.traits.labels)} labels.")

    def tokenize(self, pairs: Sequence[tuple[str, str]]) -> list[Member]:
        """The windows of each passage, which stands behind its question."""
        windows = self.network.tokens.pairs(pairs)
        return [Member(passage, each) for (_, passage), each in zip(pairs, windows, strict=True)]

    def compute(self, batch: Sequence[Member]) -> list[float]:
        """Relevance from 0 to 1. Raises MemoryError, and ValueError for numbers that are none."""
        temperature = self.network.traits.temperature
        return [relevance(np.stack(logits) / temperature) for _, logits in self.outputs(batch)]


def relevance(logits: Floats) -> float:
    """The highest of the rows: the sigmoid of one logit, or the second's part in the softmax of two."""
    odds = logits[:, -1] - (logits[:, 0] if logits.shape[1] == 2 else 0)
    return float(1 / (1 + np.exp(-np.clip(odds.max(), -60, 60))))
