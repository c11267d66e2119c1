"""Fit the weights of `plugins/summarization/support.py`, and measure what the check keeps and lets through.

    python tests/benchmarks/fit_summary_support.py [FOLDER]

FOLDER holds the research data (default: `../shared/data` beside the repository). Each sentence of a
dialogue's summary by a person is held against that dialogue, which should support it, and against
another, which should not. Weights come from the training file alone; the table is of the development file.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bot import sentences
from bot.models import Models
from bot.worker.client.models import WorkerClient
from bot.worker.options import WorkerOptions
from plugins.summarization.support import MEANING, WORDS, Sources, _nearest
from plugins.summarization.turns import Turn, turns_in

DIALOGUES = {"train": 150, "dev": 150}
RIDGE = 1e-3
Pair = tuple[list[Turn], str, bool]


def pairs(folder: Path, part: str) -> Iterator[Pair]:
    """Turns, a sentence, and whether it is from their own summary."""
    file = folder / "summarization" / f"en_dialogsum.{part}.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(1).shuffle(rows)
    rows = rows[: DIALOGUES[part]]
    for row, other in zip(rows, [*rows[1:], rows[0]], strict=True):
        turns = turns_in(row["dialogue"])
        for source, is_own in ((row, True), (other, False)):
            summary = source.get("summary") or source["summaries"][0]
            yield from ((turns, sentence, is_own) for sentence in sentences(summary))


async def features(models: Models, found: Sequence[Pair]) -> np.ndarray[Any, Any]:
    """The share of words covered and the best cosine of each pair: shape (pairs, 2)."""
    rows = []
    for turns, sentence, _ in found:
        sources = Sources(turns)
        held = sources._hold(sentence)
        vectors = await sources._vectors([held], models, 60.0)
        assert vectors is not None
        stretch, covered = held.stretches[0]
        nearest = _nearest(vectors[sentence], np.stack([vectors[turns[each].text] for each in stretch]))
        rows.append((covered, nearest))
    return np.array(rows)


def fit(values: np.ndarray[Any, Any], own: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Constant and weights of a logistic regression, by Newton's method."""
    inputs = np.column_stack([np.ones(len(values)), values])
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        probable = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (own - probable) - RIDGE * weights
        curve = (inputs * (probable * (1 - probable))[:, None]).T @ inputs + RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(curve, slope)
    return weights


async def main(folder: Path) -> None:
    """Print the weights and the shares."""
    with TemporaryDirectory() as run_dir:
        async with WorkerClient(WorkerOptions(threads=1), Path(run_dir)) as models:
            train, dev = list(pairs(folder, "train")), list(pairs(folder, "dev"))
            own = np.array([each[2] for each in train], float)
            values = await features(models, train)
            print("MEANING", np.round(fit(values, own), 2), "now", MEANING)
            print("WORDS", np.round(fit(values[:, :1], own), 2), "now", WORDS)
            kept = [
                (await Sources(turns).check([sentence], models, seconds=60.0))[0] is not None
                for turns, sentence, _ in dev
            ]
    for name, is_own in (("own summary: kept", True), ("another's: let through", False)):
        shown = [each for each, (_, _, own_) in zip(kept, dev, strict=True) if own_ is is_own]
        print(f"{name:24} {100 * np.mean(shown):.1f} % of {len(shown)}")


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[3] / "shared" / "data"
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else here))
