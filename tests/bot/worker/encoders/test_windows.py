"""Windows: batches of like lengths within the budget, answers in order, and padding that is masked."""

import random

import numpy as np

from bot.worker.encoders.windows import Member, Window, by_member, in_batches, in_order, pad, windows_of


def windows(*lengths):
    return [Window([number] * length) for number, length in enumerate(lengths)]


def test_batches_keep_within_the_budget_and_hold_each_window_once():
    rng = random.Random(0)
    made = windows(*(rng.randint(1, 300) for _ in range(200)))
    batches = in_batches(made, 384)
    assert sorted(place for batch in batches for place in batch) == list(range(200))
    for batch in batches:
        lengths = [len(made[place].tokens) for place in batch]
        assert len(batch) * max(lengths) <= 384 or len(batch) == 1
    padded = sum(len(batch) * max(len(made[place].tokens) for place in batch) for batch in batches)
    assert sum(len(each.tokens) for each in made) / padded > 0.9


def test_what_is_longer_than_the_budget_goes_alone():
    assert in_batches(windows(500, 3, 3), 100) == [[1, 2], [0]]


def test_results_come_back_in_order():
    made = windows(5, 1, 3, 1, 9)
    batches = in_batches(made, 6)
    outputs = [[made[place].tokens[0] for place in batch] for batch in batches]
    assert in_order(batches, outputs) == [0, 1, 2, 3, 4]


def test_each_member_gets_the_results_of_its_windows():
    members = [Member("a", tuple(windows(1, 2))), Member("b", tuple(windows(3)))]
    assert [len(member) for member in members] == [3, 3]
    results = [len(window.tokens) for window in windows_of(members)]
    assert [(member.text, list(each)) for member, each in by_member(members, results)] == [
        ("a", [1, 2]),
        ("b", [3]),
    ]


def test_padding_is_masked_and_may_go_to_a_multiple():
    tokens, mask, types = pad([Window([7, 8, 9], [0, 1, 1]), Window([5])], filler=2, multiple=8)
    assert tokens.shape == mask.shape == types.shape == (2, 8)
    assert tokens[:, :4].tolist() == [[7, 8, 9, 2], [5, 2, 2, 2]]
    assert mask.sum(1).tolist() == [3, 1]
    assert types[0, :4].tolist() == [0, 1, 1, 0]
    assert pad([Window([])], filler=2)[1].tolist() == [[0]]
    assert np.issubdtype(tokens.dtype, np.int64)
