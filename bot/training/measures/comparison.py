"""Whether one classifier is really better than another, on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bot.evaluation.classification import Answers, confusion_of, macro_f1

if TYPE_CHECKING:
    from bot.evaluation.calibration import Numbers

    Figure = Callable[[Answers, Numbers], float]

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two models, how far apart (the second less the first), and how sure that is.

    `low` and `high` bound 95 % of the differences over resampled rows; `p` is the share of resamples,
    twice, in which the difference has the other sign or is none (Koehn, 2004; two-sided).
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def is_real(self) -> bool:
        """Whether chance alone would make such a difference in fewer than 5 of 100 cases."""
        return self.p < 0.05


def compare(first: Answers, second: Answers, *, seed: int = 1) -> dict[str, Difference]:
    """Accuracy and macro-F1 of two models' answers to the same rows, by paired bootstrap."""
    figures = {"accuracy": _accuracy, "macro_f1": _macro_f1}
    return {name: _difference(figure, first, second, seed) for name, figure in figures.items()}


def _difference(figure: Figure, first: Answers, second: Answers, seed: int) -> Difference:
    chance = np.random.default_rng(seed)
    rows = np.arange(len(first.gold))
    one, two = figure(first, rows), figure(second, rows)
    apart = []
    for _ in range(RESAMPLES):
        drawn = chance.integers(len(rows), size=len(rows))
        apart.append(figure(second, drawn) - figure(first, drawn))
    low, high = np.quantile(apart, (0.025, 0.975))
    values = (one, two, two - one, low, high, _chance_of(apart, two - one))
    return Difference(*(round(float(value), 4) for value in values))


def _accuracy(answers: Answers, rows: Numbers) -> float:
    return float((answers.gold[rows] == answers.given[rows]).mean())


def _macro_f1(answers: Answers, rows: Numbers) -> float:
    return macro_f1(confusion_of(answers.gold[rows], answers.given[rows], len(answers.labels)))


def _chance_of(apart: Sequence[float], seen: float) -> float:
    """How often resamples contradict the sign of the difference that was seen, two-sided, at most 1."""
    against = sum(each <= 0 if seen > 0 else each >= 0 for each in apart)
    return round(min(1.0, 2 * (against + 1) / (len(apart) + 1)), 4)
