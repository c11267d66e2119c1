"""Bring words and meaning together: one score per passage from its BM25 and its cosine."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bot.models import Vectors


WORD_WEIGHT = 0.035
"""What a point of BM25 counts beside the cosine.

Tuned on SQuAD, CMRC 2018, Doc2Dial and a FAQ at once. BM25 is not normalised on purpose: it is large
when rare words match, and then words decide; it is small when only common words do, and then meaning
decides. A question in Chinese has many rare pairs of characters, so that words decide there by
themselves, as they must with an encoder that knows English only.
"""

SUBJECT_WEIGHT = 0.5
"""What title and heading count in a passage's vector beside its text."""


def fuse(words: Mapping[int, float], meanings: Mapping[int, float]) -> list[tuple[int, float]]:
    """Passage ids with their scores, best first: `cosine + 0.035 * BM25`.

    `words` holds BM25, 0 for a passage that is missing. `meanings` holds cosines; a passage without
    one (not embedded yet) takes the median of the others.
    """
    usual = median(meanings.values()) if meanings else 0.0
    found = dict.fromkeys([*words, *meanings])
    scores = [(key, meanings.get(key, usual) + WORD_WEIGHT * words.get(key, 0.0)) for key in found]
    return sorted(scores, key=lambda each: -each[1])


def combine(subjects: Vectors, texts: Vectors) -> Vectors:
    """Unit vectors of passages from those of their subjects (title and heading) and texts."""
    mixed = SUBJECT_WEIGHT * subjects + texts
    lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
    unit: Vectors = (mixed / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit
