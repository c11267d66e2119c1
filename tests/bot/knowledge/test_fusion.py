"""One score from words and meaning."""

from __future__ import annotations

import numpy as np

from bot.knowledge.fusion import combine, fuse


def test_rare_words_outweigh_meaning_and_common_ones_do_not() -> None:
    assert fuse({1: 30.0}, {1: 0.2, 2: 0.6})[0][0] == 1
    assert fuse({1: 2.0}, {1: 0.2, 2: 0.6})[0][0] == 2


def test_either_side_may_be_missing() -> None:
    assert [key for key, _ in fuse({1: 5.0, 2: 9.0}, {})] == [2, 1]
    assert [key for key, _ in fuse({}, {1: 0.2, 2: 0.6})] == [2, 1]
    assert fuse({}, {}) == []


def test_a_passage_without_vector_is_taken_as_usual() -> None:
    assert [key for key, _ in fuse({3: 1.0}, {1: 0.1, 2: 0.5, 4: 0.3})] == [2, 3, 4, 1]


def test_vectors_are_unit_length_and_lean_to_the_text() -> None:
    mixed = combine(np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32))
    assert np.allclose(np.linalg.norm(mixed, axis=1), 1)
    assert mixed[0, 1] > mixed[0, 0] > 0
