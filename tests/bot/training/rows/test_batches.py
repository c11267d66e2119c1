"""Pairs of token sequences are packed, repeated and cut into batches of like lengths."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bot.training.rows.batches import Batches, Pairs

SOURCES = [[1] * (1 + each % 7) + [each + 10] for each in range(60)]
TARGETS = [[2] * (1 + each % 5) + [each + 10] for each in range(60)]


def batches(pairs: Pairs, seed: int = 0, budget: int = 60) -> Batches:
    return Batches(pairs, budget=budget, padding=0, random=np.random.default_rng(seed))


def seen(made: Batches) -> Counter[int]:
    """The last token of each source, which names its pair, checked against its target's."""
    counts: Counter[int] = Counter()
    for source, target in made:
        for one, other in zip(source.tolist(), target.tolist(), strict=True):
            name = [each for each in one if each][-1]
            assert [each for each in other if each][-1] == name
            counts[name] += 1
    return counts


def test_every_pair_is_seen_once_within_the_budget() -> None:
    made = batches(Pairs.of(SOURCES, TARGETS))
    assert seen(made) == Counter(range(10, 70))
    assert all(source.numel() + target.numel() <= 60 for source, target in made)
    assert len(made) < 60


def test_the_order_follows_from_the_seed() -> None:
    pairs = Pairs.of(SOURCES, TARGETS)
    one, two, three = ([source.tolist() for source, _ in batches(pairs, seed)] for seed in (1, 1, 2))
    assert one == two != three


def test_repeats_joins_and_lengths() -> None:
    short = Pairs.of(SOURCES[:10], TARGETS[:10]).repeated(3)
    others = Pairs.of(SOURCES[10:], TARGETS[10:]).within(6)
    fitting = [each for each in range(10, 60) if max(len(SOURCES[each]), len(TARGETS[each])) <= 6]
    expected = Counter({each + 10: 3 for each in range(10)} | {each + 10: 1 for each in fitting})
    assert seen(batches(Pairs.joined([short, others]))) == expected


def test_a_pair_over_the_budget_is_a_batch_of_its_own() -> None:
    made = batches(Pairs.of([[1] * 50, [1]], [[1] * 50, [1]]), budget=10)
    assert sorted(len(source) for source, _ in made) == [1, 1]


def test_neighbours_in_length_are_padded_little() -> None:
    made = batches(Pairs.of(SOURCES * 20, TARGETS * 20), budget=400)
    padding = sum(int((source == 0).sum()) for source, _ in made)
    assert padding < 0.15 * sum(source.numel() for source, _ in made)
