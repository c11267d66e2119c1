"""Calibration: the error of answers that are surer than they are right, and the temperature that mends it."""

import numpy as np
import pytest

from bot.evaluation.calibration import best_temperature, expected_calibration_error, reliability, softmax


def test_sure_and_always_right_is_no_error():
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert expected_calibration_error(probabilities, [0, 1]) == 0
    assert expected_calibration_error(probabilities, [1, 0]) == 1


def test_the_error_is_the_distance_of_confidence_and_accuracy_by_size():
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.3, 0.7]] * 2)
    gold = [0, 0, 0, 1, 1, 1]
    bins = reliability(probabilities, gold)
    assert [(round(each.confidence, 2), each.accuracy, each.n) for each in bins] == [
        (0.7, 1.0, 2),
        (0.9, 0.75, 4),
    ]
    expected = (2 * 0.3 + 4 * 0.15) / 6
    assert expected_calibration_error(probabilities, gold) == pytest.approx(expected)


def test_the_temperature_undoes_what_made_logits_too_sure():
    chance = np.random.default_rng(1)
    honest = chance.normal(size=(4000, 3)) * 1.5
    gold = [chance.choice(3, p=row) for row in softmax(honest)]
    assert best_temperature(honest, gold) == pytest.approx(1.0, abs=0.1)
    assert best_temperature(honest * 4, gold) == pytest.approx(4.0, abs=0.4)
    cooled = softmax(honest * 4 / best_temperature(honest * 4, gold))
    assert (
        expected_calibration_error(cooled, gold) < expected_calibration_error(softmax(honest * 4), gold) / 3
    )


def test_large_logits_stay_finite():
    assert np.isfinite(softmax(np.array([[1000.0, -1000.0]]))).all()
    assert np.isfinite(best_temperature(np.array([[800.0, -800.0], [-800.0, 800.0]]), [0, 1]))
