"""Decide whether the documents support an answer at all."""

from __future__ import annotations

import math

from plugins.qa.cues import is_cjk
from plugins.qa.evidence import Evidence

MEANING = (-6.42, 2.64, 1.87, 5.15, 4.64)
ENGLISH_WORDS = (-3.4, 4.05, 2.94)
CJK_WORDS = (-3.96, 5.49, 4.23)
"""Constant and weights of a logistic formula each, fitted by `tests/benchmarks/fit_support.py` on the
training parts of SQuAD, CMRC 2018 and Doc2Dial, with questions about titles that were not indexed and
of other domains as those without an answer."""


def support(evidence: Evidence) -> float:
    """The probability, from 0 to 1, that the evidence holds the answer."""
    if not evidence.passages or not evidence.sentences:
        return 0.0
    weights, features = formula(evidence)
    score = weights[0] + sum(weight * value for weight, value in zip(weights[1:], features, strict=True))
    return 1 / (1 + math.exp(-score))


def formula(evidence: Evidence) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The weights that fit the question's language and the models at hand, and the features they weigh.

    The features: coverage of the best passage, best coverage of a sentence, and with models cosine of the
    best passage, best cosine of a sentence.
    """
    words = (evidence.passages[0].coverage, max(each.coverage for each in evidence.sentences))
    if is_cjk(evidence.question):
        return CJK_WORDS, words
    passage = evidence.passages[0].similarity
    cosines = [each.similarity for each in evidence.sentences if each.similarity is not None]
    if passage is None or not cosines:
        return ENGLISH_WORDS, words
    return MEANING, (*words, passage, max(cosines))
