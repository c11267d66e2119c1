"""Updates of sites become one; a bad one counts for little."""

import pytest

pytest.importorskip("torch")

import torch

from bot.errors import BadInput
from bot.training.federated.aggregation import aggregate, check_way, is_sound, length_of

GOOD = [{"w": torch.tensor([1.0, -1.0]), "b": torch.tensor([0.5 + each])} for each in (0.0, 0.1, 0.2)]
HUGE = {"w": torch.tensor([-1e6, 1e6]), "b": torch.tensor([1e6])}


def test_the_mean_is_weighted_by_rows():
    two = [{"w": torch.tensor([0.0])}, {"w": torch.tensor([4.0])}]
    assert float(aggregate(two, [3, 1], way="mean", clip=0.0)["w"]) == 1.0


@pytest.mark.parametrize("way", ["median", "trimmed"])
def test_a_huge_update_breaks_the_mean_and_no_other(way):
    updates, sizes = [*GOOD, HUGE], [10, 10, 10, 10]
    broken = aggregate(updates, sizes, way="mean", clip=0.0)
    assert length_of(broken) > 1e5
    held = aggregate(updates, sizes, way=way, clip=0.0)
    assert float(held["w"][0]) == pytest.approx(1.0)
    assert 0.5 <= float(held["b"]) <= 0.7


def test_clipping_cuts_to_the_median_length():
    updates = [*GOOD, HUGE]
    mean = aggregate(updates, [10, 10, 10, 10], way="mean", clip=1.0)
    assert length_of(mean) <= max(map(length_of, GOOD))
    same = aggregate(GOOD, [1, 1, 1], way="mean", clip=10.0)
    assert float(same["b"]) == pytest.approx(0.6)


def test_three_sites_of_which_one_is_bad():
    held = aggregate([*GOOD[:2], HUGE], [1, 1, 10**6], way="median", clip=0.0)
    assert [float(each) for each in held["w"]] == [1.0, -1.0]
    trimmed = aggregate([*GOOD[:2], HUGE], [1, 1, 10**6], way="trimmed", clip=0.0)
    assert [float(each) for each in trimmed["w"]] == [1.0, -1.0]


def test_what_is_no_update_is_known():
    assert is_sound(GOOD[0], GOOD[1])
    assert not is_sound({"w": torch.tensor([float("nan"), 0.0]), "b": torch.zeros(1)}, GOOD[0])
    assert not is_sound({"w": torch.zeros(2)}, GOOD[0])
    assert not is_sound({"w": torch.zeros(3), "b": torch.zeros(1)}, GOOD[0])


def test_too_few_sites_and_unknown_ways_are_refused():
    with pytest.raises(BadInput, match="must be 3 or more"):
        check_way("median", 2)
    with pytest.raises(BadInput, match="mean, median, trimmed"):
        check_way("mode", 3)
    check_way("mean", 1)
