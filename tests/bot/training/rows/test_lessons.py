"""Batches hold each row once, fit the budget, and are the same for the same seed and epoch."""

import random

import pytest

pytest.importorskip("torch")

from bot.training.rows.lessons import Batches, Lesson, batch_rows, in_batches, pad

LENGTHS = random.Random(1).choices(range(1, 60), k=9000)


def test_each_row_is_in_one_batch_within_the_budget():
    batches = batch_rows(LENGTHS, 512, seed=1, epoch=0)
    assert sorted(row for batch in batches for row in batch) == list(range(len(LENGTHS)))
    assert all(len(batch) * max(LENGTHS[row] for row in batch) <= 512 for batch in batches)


def test_little_is_padding():
    batches = batch_rows(LENGTHS, 512, seed=1, epoch=0)
    padded = sum(len(batch) * max(LENGTHS[row] for row in batch) for batch in batches)
    assert padded < 1.05 * sum(LENGTHS)


def test_a_row_over_the_budget_is_alone():
    assert in_batches([3, 900, 3], range(3), 100) == [[0, 2], [1]]
    assert in_batches([], [], 100) == []


def test_seed_and_epoch_decide_on_the_order():
    first = batch_rows(LENGTHS, 512, seed=1, epoch=0)
    assert batch_rows(LENGTHS, 512, seed=1, epoch=0) == first
    assert batch_rows(LENGTHS, 512, seed=1, epoch=1) != first
    assert batch_rows(LENGTHS, 512, seed=2, epoch=0) != first


def test_rows_are_padded_at_the_end():
    tokens, mask = pad([[5, 6], [7, 8, 9]], 1)
    assert tokens.tolist() == [[5, 6, 1], [7, 8, 9]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert pad([[]], 1)[0].tolist() == [[1]]


def test_batches_are_made_when_asked_for():
    lessons = [Lesson([5, 6], [1.0, 0.0]), Lesson([7], [0.0, 1.0]), Lesson([8], [0.5, 0.5])]
    batches = Batches(lessons, [[0], [1, 2]], 0)
    assert len(batches) == 2
    assert batches[1].tokens.tolist() == [[7], [8]]
    assert batches[1].shares.tolist() == [[0.0, 1.0], [0.5, 0.5]]
