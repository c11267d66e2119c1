"""Measure a classifier: how often it is right, label by label, and how well it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bot.errors import BadInput
from bot.evaluation.calibration import expected_calibration_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.evaluation.calibration import Floats, Numbers

ERRORS = 20
NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A text that was labelled wrong, with the probability of the wrong label."""

    text: str
    gold: str
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class ClassificationFigures:
    """How well labels are told. `confusion` counts gold labels, then answers.

    `auc` is None unless there are two labels. `ece` is the expected calibration error. `errors` are the
    mistakes that were made most surely.
    """

    accuracy: float
    macro_f1: float
    auc: float | None
    ece: float
    confusion: Mapping[str, Mapping[str, int]]
    n: int
    seconds: float
    errors: Sequence[Mistake] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """Gold labels and answers of the same rows, as numbers of `labels`, with the probabilities."""

    labels: Sequence[str]
    gold: Numbers
    given: Numbers
    probabilities: Floats


def judge(golds: Sequence[Sequence[str]], probabilities: Floats, labels: Sequence[str]) -> Answers:
    """Hold probabilities, one row per text in the order of `labels`, against the labels people gave.

    Where a text has several, any of them is right. Where no gold is neutral, and both other labels of
    three remain, neutral is no answer either. Raises BadInput for a gold label that is none of `labels`.
    """
    _check(golds, labels)
    labels, probabilities = _without_neutral(golds, labels, probabilities)
    given = probabilities.argmax(1)
    gold = [_gold(each, labels[answer], labels) for each, answer in zip(golds, given, strict=True)]
    return Answers(labels, np.array(gold, dtype=int), given, probabilities)


def measure_labels(texts: Sequence[str], answers: Answers, *, seconds: float = 0.0) -> ClassificationFigures:
    """How good the answers to texts are, and the worst of them.

    Labels that occur nowhere among the golds are left out of `macro_f1`: it is an average over what
    there is to find.
    """
    labels, gold, probabilities = answers.labels, answers.gold, answers.probabilities
    table = confusion_of(gold, answers.given, len(labels))
    is_two = len(labels) == 2 and len(np.unique(gold)) == 2
    return ClassificationFigures(
        accuracy=round(float((gold == answers.given).mean()), 4),
        macro_f1=round(macro_f1(table), 4),
        auc=round(area_under_curve(probabilities[:, 1], gold == 1), 4) if is_two else None,
        ece=round(expected_calibration_error(probabilities, gold), 4),
        confusion={
            name: {other: int(count) for other, count in zip(labels, row, strict=True)}
            for name, row in zip(labels, table, strict=True)
            if row.any()
        },
        n=len(texts),
        seconds=seconds,
        errors=_mistakes(texts, answers),
    )


def macro_f1(confusion: Numbers) -> float:
    """The mean F1 of the labels that occur, from counts of gold (rows) and answers (columns)."""
    right = np.diag(confusion)
    sums = confusion.sum(0) + confusion.sum(1)
    occurs = confusion.sum(1) > 0
    return float((2 * right[occurs] / sums[occurs]).mean())


def confusion_of(gold: Numbers, answers: Numbers, labels: int) -> Numbers:
    """Counts of gold labels (rows) and answers (columns)."""
    counts = np.bincount(gold * labels + answers, minlength=labels * labels)
    return counts.reshape(labels, labels)


def area_under_curve(scores: Floats, is_positive: NDArray[np.bool_]) -> float:
    """The chance that a positive row scores above a negative one, ties counting half (Mann-Whitney)."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positives = int(is_positive.sum())
    negatives = len(scores) - positives
    above = ranks[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _check(golds: Sequence[Sequence[str]], labels: Sequence[str]) -> None:
    unknown = sorted({name for names in golds for name in names} - set(labels))
    if unknown:
        raise BadInput(
            f"The model does not know the label {unknown[0]!r} of these rows. It knows {', '.join(labels)}."
        )


def _without_neutral(
    golds: Sequence[Sequence[str]], labels: Sequence[str], probabilities: Floats
) -> tuple[Sequence[str], Floats]:
    if NEUTRAL not in labels or len(labels) != 3 or any(NEUTRAL in each for each in golds):
        return labels, probabilities
    kept = [number for number, name in enumerate(labels) if name != NEUTRAL]
    rest = probabilities[:, kept]
    return [labels[number] for number in kept], rest / rest.sum(1, keepdims=True).clip(min=1e-12)


def _gold(names: Sequence[str], answer: str, labels: Sequence[str]) -> int:
    return labels.index(answer if answer in names else names[0])


def _mistakes(texts: Sequence[str], answers: Answers) -> list[Mistake]:
    labels, gold, given = answers.labels, answers.gold, answers.given
    sureness = answers.probabilities.max(1)
    wrong = np.flatnonzero(gold != given)
    surest = wrong[np.argsort(-sureness[wrong], kind="stable")][:ERRORS]
    return [
        Mistake(texts[row], labels[gold[row]], labels[given[row]], round(float(sureness[row]), 4))
        for row in surest
    ]
