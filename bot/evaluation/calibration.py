"""Whether a classifier is as often right as it says: expected calibration error, and a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.floating]
    Numbers: TypeAlias = NDArray[np.integer]

BINS = 15
COOLEST, HOTTEST = 0.05, 20.0
GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: how sure they were on average, and how many were right."""

    confidence: float
    accuracy: float
    n: int


def reliability(probabilities: Floats, gold: Sequence[int] | Numbers, bins: int = BINS) -> list[Bin]:
    """Answers by the confidence of their likeliest label, in bins of equal width; empty ones left out."""
    confidence = probabilities.max(1)
    is_right = probabilities.argmax(1) == np.asarray(gold)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(float(confidence[places == each].mean()), float(is_right[places == each].mean()), int(count))
        for each, count in enumerate(np.bincount(places, minlength=bins))
        if count
    ]


def expected_calibration_error(probabilities: Floats, gold: Sequence[int] | Numbers) -> float:
    """Mean distance of confidence and accuracy over the bins, by their size (Guo et al., 2017)."""
    bins = reliability(probabilities, gold)
    return sum(each.n * abs(each.confidence - each.accuracy) for each in bins) / len(probabilities)


def best_temperature(logits: Floats, gold: Sequence[int] | Numbers) -> float:
    """What to divide logits by so that the gold labels are likeliest (temperature scaling, Guo et al.).

    Found by golden-section search of the negative log-likelihood, which has one minimum in 1/T.
    """
    low, high = 1 / HOTTEST, 1 / COOLEST
    while high - low > 1e-4 * high:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if _surprise(logits * left, gold) < _surprise(logits * right, gold):
            high = right
        else:
            low = left
    return float(2 / (low + high))


def softmax(logits: Floats) -> Floats:
    """Probabilities of each row."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    shares: Floats = powers / powers.sum(-1, keepdims=True)
    return shares


def _surprise(logits: Floats, gold: Sequence[int] | Numbers) -> float:
    top = logits.max(1)
    sums = np.log(np.exp(logits - top[:, None]).sum(1)) + top
    return float((sums - logits[np.arange(len(logits)), np.asarray(gold)]).mean())
