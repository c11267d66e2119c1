"""How much sentences are alike: by shared words, and by meaning where a model reads their language."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bot import ModelError, Models, Priority, stems
from plugins.summarization.forms import is_cjk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

CHUNK = 64
MEANING = 0.5
"""How much meaning counts beside words. Tuned on the training part of DialogSum."""

SOME_CJK = 0.2


def by_words(texts: Sequence[str]) -> Matrix:
    """Cosines of word counts weighted by inverse document frequency: shape (n, n), from 0 to 1.

    The idf-modified cosine of Erkan and Radev (2004), LexRank, section 3.
    """
    counts = [Counter(stems(text)) for text in texts]
    frequency = Counter(word for each in counts for word in each)
    places = {word: place for place, word in enumerate(frequency)}
    rows = np.zeros((len(texts), len(places) or 1), np.float32)
    for row, each in zip(rows, counts, strict=True):
        for word, count in each.items():
            row[places[word]] = count * math.log((len(texts) + 1) / (frequency[word] + 0.5))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return np.asarray(rows @ rows.T)


async def likeness(texts: Sequence[str], models: Models, *, seconds: float) -> Matrix:
    """How alike texts are, from 0 to 1, shape (n, n). Without vectors within `seconds`, by words alone."""
    words = await asyncio.to_thread(by_words, texts)
    vectors = await _vectors(texts, models, seconds)
    if vectors is None:
        return words
    meaning = np.clip(vectors @ vectors.T, 0, 1)
    return np.asarray((1 - MEANING) * words + MEANING * meaning)


async def _vectors(texts: Sequence[str], models: Models, seconds: float) -> Matrix | None:
    """Unit vectors, asked for a few at a time so that others get their turn; None when there are none."""
    if sum(is_cjk(text) for text in texts) > SOME_CJK * len(texts):
        return None  # the built-in encoder knows English only
    priority = Priority.PERSON if len(texts) <= CHUNK else Priority.BACKGROUND
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    try:
        async with asyncio.timeout(seconds):
            rows = [await models.embed(each, priority=priority, deadline=seconds) for each in chunks]
    except (ModelError, TimeoutError):
        return None
    return np.concatenate(rows) if rows else None
