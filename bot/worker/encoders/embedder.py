"""Sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bot.models import Task
from bot.worker.catalogue import Entry
from bot.worker.encoders.encoding import Encoding
from bot.worker.encoders.windows import Window

if TYPE_CHECKING:
    from bot.models import Vectors


class Embedder(Encoding):
    """An engine: the mean of the last hidden states over the text's tokens, then unit length, in float32.

    A folder that declares another pooling in `1_Pooling/config.json` is refused, save for the first
    token's.
    """

    task = Task.EMBEDDING

    def __init__(self, entry: Entry, threads: int) -> None:
        super().__init__(entry, threads)
        self.dimensions = len(self.compute([[self.network.traits.filler]])[0])

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, cut to the model's length."""
        return self.network.tokens.beginnings(texts)

    def compute(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """One unit-length row per member. Raises MemoryError when the device has no room for it."""
        vectors: Vectors = np.stack(self.network.run([Window(tokens) for tokens in batch]))
        return vectors
