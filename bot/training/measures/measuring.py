"""Ask a checkpoint about labelled rows, and hold its answers against them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bot.evaluation.classification import Answers, ClassificationFigures, judge, measure_labels
from bot.languages import language_code
from bot.training.measures.comparison import Difference, compare
from bot.training.rows.data import Example, read_examples
from bot.training.rows.labels import LABELLINGS

if TYPE_CHECKING:
    from bot.evaluation.calibration import Floats
    from bot.training.checkpoints.classifier import Advance


class Labeller(Protocol):
    """What gives texts labels, by whichever library."""

    labels: tuple[str, ...]

    def probabilities(self, texts: Sequence[str], advance: Advance | None = None) -> Floats:
        """Of each text (rows) and label (columns, in the order of `labels`)."""


def measure(
    classifier: Labeller,
    task: str,
    file: Path,
    *,
    limit: int | None = None,
    advance: Advance | None = None,
) -> ClassificationFigures:
    """How well a classifier tells the labels of a file's rows. Raises BadInput."""
    examples = read_examples([file], LABELLINGS[task], limit=limit)
    begun = time.monotonic()
    answers = _answers(classifier, examples, advance)
    seconds = round(time.monotonic() - begun, 1)
    return measure_labels([each.text for each in examples], answers, seconds=seconds)


def measure_detector(
    detect: Callable[[str], str], file: Path, *, limit: int | None = None
) -> ClassificationFigures:
    """How well a function tells languages: codes of one language, such as zh-Hant, are folded into it.

    A detector says no probabilities: `ece` is then the share of wrong answers.
    """
    examples = read_examples([file], LABELLINGS["langid"], limit=limit)
    golds = [(language_code(each.labels[0]) or each.labels[0],) for each in examples]
    begun = time.monotonic()
    found = [detect(each.text) or "unknown" for each in examples]
    seconds = round(time.monotonic() - begun, 1)
    labels = sorted({*found, *(gold for (gold,) in golds)})
    sure = np.eye(len(labels), dtype=np.float32)[[labels.index(each) for each in found]]
    return measure_labels([each.text for each in examples], judge(golds, sure, labels), seconds=seconds)


def compare_models(
    task: str, first: Labeller, second: Labeller, file: Path, *, limit: int | None = None
) -> dict[str, Difference]:
    """How two classifiers differ on a file's rows. Raises BadInput."""
    examples = read_examples([file], LABELLINGS[task], limit=limit)
    return compare(_answers(first, examples), _answers(second, examples))


def _answers(classifier: Labeller, examples: list[Example], advance: Advance | None = None) -> Answers:
    probabilities = classifier.probabilities([each.text for each in examples], advance)
    return judge([each.labels for each in examples], probabilities, classifier.labels)
