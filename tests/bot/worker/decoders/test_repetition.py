"""What a lost model repeats is cut; what a person repeats stays."""

import pytest

from bot.worker.decoders.repetition import most_repeated, without_loop


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ([1, 2, *[3] * 30], [1, 2, 3]),
        ([1, *[2, 3] * 10, 2], [1, 2, 3]),
        ([1, *[2, 3, 4, 5, 6] * 5], [1, 2, 3, 4, 5, 6]),
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2, 2, 2, 2], [1, 2, 2, 2, 2]),
        ([*[2, 3, 4, 5] * 3], [*[2, 3, 4, 5] * 3]),
        ([], []),
    ],
)
def test_repetitions_at_the_end_are_cut(tokens, kept):
    assert without_loop(tokens, [7, 8, 9]) == kept


def test_what_the_source_repeats_may_be_repeated():
    assert without_loop([3] * 20, [9] * 20) == [3] * 20
    assert without_loop([3] * 60, [9] * 10) == [3]
    assert most_repeated([1, 2, 1, 2, 1, 3]) == 3
