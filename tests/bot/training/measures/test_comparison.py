"""Paired bootstrap: a real difference is told from chance."""

import numpy as np
import pytest

from bot.evaluation.classification import Answers
from bot.training.measures.comparison import compare


def answers(right_share, *, seed, gold):
    chance = np.random.default_rng(seed)
    given = np.where(chance.random(len(gold)) < right_share, gold, 1 - gold)
    return Answers(("a", "b"), gold, given, np.eye(2)[given])


@pytest.fixture
def gold():
    return np.arange(400) % 2


def test_a_clear_difference_is_real(gold):
    found = compare(answers(0.7, seed=1, gold=gold), answers(0.9, seed=2, gold=gold))
    accuracy = found["accuracy"]
    assert accuracy.is_real
    assert accuracy.low < accuracy.difference < accuracy.high
    assert accuracy.low > 0
    assert accuracy.difference == pytest.approx(accuracy.second - accuracy.first, abs=2e-4)
    assert found["macro_f1"].is_real


def test_a_small_difference_is_not(gold):
    first = answers(0.8, seed=1, gold=gold)
    given = first.given.copy()
    given[:2] = gold[:2]
    found = compare(first, Answers(first.labels, gold, given, np.eye(2)[given]))
    assert not found["accuracy"].is_real
    assert found["accuracy"].low <= 0


def test_a_model_does_not_differ_from_itself(gold):
    same = answers(0.8, seed=1, gold=gold)
    found = compare(same, same)["accuracy"]
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_the_order_turns_the_sign(gold):
    one, two = answers(0.7, seed=1, gold=gold), answers(0.9, seed=2, gold=gold)
    forth, back = compare(one, two)["accuracy"], compare(two, one)["accuracy"]
    assert (forth.difference, forth.low, forth.high) == (-back.difference, -back.high, -back.low)
