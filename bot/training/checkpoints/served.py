"""A classifier as the worker computes it, from any folder that the worker loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.models import Labels, Task
from bot.worker.catalogue import DOORS, Entry, make_engine
from bot.worker.encoders.network import TORCH

if TYPE_CHECKING:
    from bot.evaluation.calibration import Floats
    from bot.training.checkpoints.classifier import Advance

CHUNK = 256


class Served:
    """Labels texts by the worker's own engine: graphs for onnxruntime, too. Raises BadModel.

    The engine is torch where the folder has weights for it.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self.folder = folder
        task = Task.CLASSIFICATION
        entry = Entry(task, folder.name, folder, "", 0, DOORS[task], task=task, runtime=TORCH)
        self.engine = make_engine(entry, threads)
        self.labels: tuple[str, ...] = tuple(self.engine.labels)

    def probabilities(self, texts: Sequence[str], advance: Advance | None = None) -> Floats:
        """Of each text (rows) and label (columns, in the order of `labels`)."""
        rows: list[list[float]] = []
        for start in range(0, len(texts), CHUNK):
            rows += [self._row(each.labels) for each in self._judged(texts[start : start + CHUNK])]
            if advance:
                advance(len(rows), len(texts))
        return np.array(rows, dtype=np.float32).reshape(len(texts), len(self.labels))

    def classify(self, texts: Sequence[str]) -> list[Labels]:
        """The probabilities of each text's labels, likeliest first."""
        return [Labels(tuple(each.labels)) for each in self._judged(texts)]

    def _judged(self, texts: Sequence[str]) -> Sequence[Any]:
        judged: Sequence[Any] = self.engine.compute(self.engine.tokenize(texts))
        return judged

    def _row(self, ranked: Sequence[tuple[str, float]]) -> list[float]:
        chances = dict(ranked)
        return [chances[label] for label in self.labels]
