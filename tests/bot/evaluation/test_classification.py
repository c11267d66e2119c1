"""Figures of a classifier, checked against scikit-learn and by hand."""

import numpy as np
import pytest

from bot.errors import BadInput
from bot.evaluation.classification import (
    ERRORS,
    area_under_curve,
    confusion_of,
    judge,
    macro_f1,
    measure_labels,
)

metrics = pytest.importorskip("sklearn.metrics")
LABELS = ("negative", "neutral", "positive")


def figures(golds, probabilities, labels=LABELS):
    texts = [f"text {number}" for number in range(len(golds))]
    return measure_labels(texts, judge(golds, np.array(probabilities, dtype=float), labels), seconds=1.5)


def test_figures_agree_with_scikit_learn():
    chance = np.random.default_rng(2)
    gold = chance.integers(4, size=300)
    given = np.where(chance.random(300) < 0.6, gold, chance.integers(4, size=300))
    assert macro_f1(confusion_of(gold, given, 4)) == pytest.approx(
        metrics.f1_score(gold, given, average="macro")
    )
    assert confusion_of(gold, given, 4).tolist() == metrics.confusion_matrix(gold, given).tolist()
    scores = np.round(chance.normal(size=300) + (gold > 1), 1)
    assert area_under_curve(scores, gold > 1) == pytest.approx(metrics.roc_auc_score(gold > 1, scores))


def test_all_figures_of_three_labels():
    found = figures(
        [("positive",), ("neutral",), ("negative",)], [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.8, 0.1, 0.1]]
    )
    assert (found.accuracy, found.n, found.seconds, found.auc) == (0.6667, 3, 1.5, None)
    assert found.macro_f1 == round((1 + 0 + 2 / 3) / 3, 4)
    assert found.confusion["neutral"] == {"negative": 1, "neutral": 0, "positive": 0}
    (mistake,) = found.errors
    assert (mistake.text, mistake.gold, mistake.label, mistake.probability) == (
        "text 1",
        "neutral",
        "negative",
        0.6,
    )


def test_without_neutral_rows_positive_is_scored_against_negative():
    found = figures([("positive",), ("negative",)], [[0.1, 0.7, 0.2], [0.3, 0.6, 0.1]])
    assert (found.accuracy, found.macro_f1, found.auc) == (1.0, 1.0, 1.0)
    assert found.confusion == {
        "negative": {"negative": 1, "positive": 0},
        "positive": {"negative": 0, "positive": 1},
    }


def test_two_labels_have_an_area_under_the_curve():
    found = figures([("ok",), ("toxic",), ("ok",)], [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], ("ok", "toxic"))
    assert found.auc == 0.5
    assert figures([("ok",)], [[0.9, 0.1]], ("ok", "toxic")).auc is None


def test_any_of_several_labels_is_right():
    found = figures([("positive", "neutral"), ("negative", "neutral")], [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert found.accuracy == 0.5
    assert found.errors[0].gold == "negative"


def test_labels_that_do_not_occur_are_no_part_of_the_mean():
    assert figures([("negative",), ("neutral",)], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]]).macro_f1 == 1.0


def test_a_label_the_model_does_not_know_is_refused():
    with pytest.raises(BadInput, match=r"does not know the label 'angry'.*negative, neutral, positive"):
        figures([("angry",)], [[0.2, 0.2, 0.6]])


def test_the_surest_mistakes_come_first_and_are_few():
    sureness = np.linspace(0.5, 0.9, ERRORS + 5)
    found = figures(
        [("negative",)] * len(sureness), [[1 - sure, sure] for sure in sureness], ("negative", "positive")
    )
    assert len(found.errors) == ERRORS
    assert found.errors[0].probability == 0.9
