"""Slips of the hand: small, by chance alone, and never in what is protected."""

import random

import pytest

from bot.training.variants.perturbation import NEIGHBOURS, misspell, mistype, recase, swap

TEXT = "The train was late again, see https://example.com/train and ask @driver 这个产品真的太糟糕了"
ALL = (misspell, mistype, swap, recase)


def versions(change, count=40):
    return [change(TEXT, random.Random(number)) for number in range(count)]


@pytest.mark.parametrize("change", ALL)
def test_chance_follows_from_the_seed_and_what_is_protected_stays(change):
    found = versions(change)
    assert found == versions(change)
    assert len(set(found)) > 5 if change is not recase else len(set(found)) > 3
    assert all("https://example.com/train" in each and "@driver" in each for each in found)


def distance(one, other):
    """Letters to put in, leave out or replace (Levenshtein)."""
    costs = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        before, costs[0] = costs[0], row
        for place, second in enumerate(other, start=1):
            cost = min(costs[place] + 1, costs[place - 1] + 1, before + (letter != second))
            before, costs[place] = costs[place], cost
    return costs[-1]


@pytest.mark.parametrize(("change", "most"), [(misspell, 2), (mistype, 2), (swap, 4)])
def test_a_slip_is_small(change, most):
    assert all(distance(TEXT, each) <= most for each in versions(change))


def test_fingers_slip_to_the_next_key():
    assert set("qweasdzx") >= set(NEIGHBOURS["s"]) - {"x", "z"}
    assert "p" not in NEIGHBOURS["a"]
    for found in versions(mistype):
        for one, other in zip(TEXT, found, strict=True):
            assert one == other or other.lower() in NEIGHBOURS[one.lower()]


def test_swapped_letters_are_the_same_letters():
    for found in versions(swap):
        assert sorted(found) == sorted(TEXT)


def test_case_alone_changes():
    found = versions(recase)
    assert {each.lower() for each in found} == {TEXT.lower()}
    assert any("TRAIN WAS" in each for each in found)


@pytest.mark.parametrize("change", ALL)
@pytest.mark.parametrize("text", ["", "!!! 42", "@anna https://x.org", "a"])
def test_where_there_are_no_words_nothing_changes(change, text):
    assert change(text, random.Random(1)).lower() == text
